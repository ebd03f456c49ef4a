#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/mutex.h"
#include "support/sim_brokers.h"

namespace ei::support {

// Serves SimBrokers on its own loopback ports, for tests that need real sockets. The only faults are those
// given by the chances. Thread-safe.
class LoopbackKafka {
 public:
  LoopbackKafka(uint64_t seed, const SimBrokers::Chances& chances, int brokers,
                const std::vector<std::string>& topics, int partitions);
  ~LoopbackKafka();
  LoopbackKafka(const LoopbackKafka&) = delete;
  LoopbackKafka& operator=(const LoopbackKafka&) = delete;

  std::string Addresses() const { return addresses_; }
  void SetConfigs(const std::string& topic, std::map<std::string, std::string> configs) EXCLUDES(mutex_) {
    const base::MutexLock lock(mutex_);
    brokers_.SetConfigs(topic, std::move(configs));
  }
  std::vector<SimBrokers::Record> Log(const std::string& topic, int partition) EXCLUDES(mutex_);
  // The records of all partitions, each partition in its order.
  std::vector<SimBrokers::Record> Log(const std::string& topic) EXCLUDES(mutex_);

 private:
  struct Connection;
  void Accept(size_t broker);
  void Read(const std::shared_ptr<Connection>& connection);

  const int partitions_;
  base::Mutex mutex_;
  SimBrokers brokers_ GUARDED_BY(mutex_);
  std::string addresses_;
  boost::asio::io_context context_;
  std::vector<boost::asio::ip::tcp::acceptor> acceptors_;
  std::thread thread_;
};

}  // namespace ei::support
