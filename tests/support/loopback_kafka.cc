#include "support/loopback_kafka.h"

#include <array>
#include <utility>

#include <boost/asio/write.hpp>

namespace ei::support {

using boost::asio::ip::tcp;

struct LoopbackKafka::Connection {
  Connection(tcp::socket socket_, size_t broker_) : socket(std::move(socket_)), broker(broker_) {}
  tcp::socket socket;
  const size_t broker;
  std::array<char, 64 << 10> bytes{};
  std::string input;
  std::string output;
};

LoopbackKafka::LoopbackKafka(uint64_t seed, const SimBrokers::Chances& chances, int brokers,
                             const std::vector<std::string>& topics, int partitions)
    : partitions_(partitions), brokers_(seed, chances, brokers, topics, partitions) {
  for (size_t broker = 0; broker < static_cast<size_t>(brokers); ++broker) {
    acceptors_.emplace_back(context_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    const uint16_t port = acceptors_.back().local_endpoint().port();
    const base::MutexLock lock(mutex_);
    brokers_.SetAddress(broker, "127.0.0.1", port);
    addresses_ += (addresses_.empty() ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(port);
  }
  for (size_t broker = 0; broker < acceptors_.size(); ++broker) Accept(broker);
  thread_ = std::thread([this] { context_.run(); });
}

LoopbackKafka::~LoopbackKafka() {
  context_.stop();
  thread_.join();
}

void LoopbackKafka::Accept(size_t broker) {
  acceptors_[broker].async_accept(
      [this, broker](const boost::system::error_code& failed, tcp::socket socket) {
        if (failed) return;
        Read(std::make_shared<Connection>(std::move(socket), broker));
        Accept(broker);
      });
}

void LoopbackKafka::Read(const std::shared_ptr<Connection>& connection) {
  connection->socket.async_read_some(
      boost::asio::buffer(connection->bytes),
      [this, connection](const boost::system::error_code& failed, size_t read) {
        if (failed) return;
        connection->input.append(connection->bytes.data(), read);
        connection->output.clear();
        {
          const base::MutexLock lock(mutex_);
          while (const auto request = SimBrokers::Take(connection->input)) {
            connection->output += brokers_.Answer(connection->broker, *request);
          }
        }
        if (connection->output.empty()) return Read(connection);
        boost::asio::async_write(connection->socket, boost::asio::buffer(connection->output),
                                 [this, connection](const boost::system::error_code& unwritten, size_t) {
                                   if (!unwritten) Read(connection);
                                 });
      });
}

std::vector<SimBrokers::Record> LoopbackKafka::Log(const std::string& topic, int partition) {
  const base::MutexLock lock(mutex_);
  return brokers_.Log(topic, partition);
}

std::vector<SimBrokers::Record> LoopbackKafka::Log(const std::string& topic) {
  std::vector<SimBrokers::Record> all;
  const base::MutexLock lock(mutex_);
  for (int partition = 0; partition < partitions_; ++partition) {
    for (auto& record : brokers_.Log(topic, partition)) all.push_back(std::move(record));
  }
  return all;
}

}  // namespace ei::support
