#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "adapters/kafka/native/network.h"
#include "adapters/kafka/native/socket.h"

namespace ei::kafka::native {

// A Network of TCP sockets, with or without TLS, on an io_context. It waits for readiness and never blocks;
// an idle connection pins no buffer. Host names are resolved on separate threads, because a name server may
// never answer. The addresses of a name are tried in turn, one a connection.
//
// Runs on the io_context's thread; the io_context must outlive it.
class SocketNetwork final : public Network {
 public:
  struct Handlers {
    std::function<void(uint64_t connection)> connected;
    std::function<void(uint64_t connection, std::string_view bytes)> bytes;
    std::function<void(uint64_t connection)> written;
    // `refused`: TLS verification failed on either side.
    std::function<void(uint64_t connection, std::string_view reason, bool refused)> closed;
  };

  SocketNetwork(boost::asio::io_context& context, Handlers handlers);
  ~SocketNetwork() override;

  // For new connections; null: without TLS.
  void UseTls(std::shared_ptr<TlsContext> tls) { tls_ = std::move(tls); }

  void Connect(uint64_t connection, const std::string& host, uint16_t port) override;
  void Write(uint64_t connection, Outgoing out) override;
  void Close(uint64_t connection) override;

 private:
  class Lookup;
  struct Peer {
    explicit Peer(boost::asio::io_context& context) : tcp(context) {}
    boost::asio::ip::tcp::socket tcp;
    std::unique_ptr<Socket> socket;  // null until connected
    std::string host;
    bool ready = false;
    bool reading = false;  // waits until readable
    bool writing = false;  // waits until writable
    std::deque<Outgoing> outgoing;
    size_t written = 0;  // bytes of the first element
  };

  Peer* Find(uint64_t connection);
  void OnAddresses(uint64_t connection, const std::string& host,
                   std::vector<boost::asio::ip::tcp::endpoint> endpoints, const std::string& fault);
  void Proceed(uint64_t connection);
  void Read(uint64_t connection);
  void Send(uint64_t connection);
  void Wait(uint64_t connection, Peer& peer, Socket::Step step);
  void End(uint64_t connection, std::string reason, bool refused);

  boost::asio::io_context& context_;
  const Handlers handlers_;
  std::shared_ptr<TlsContext> tls_;
  std::unordered_map<uint64_t, std::unique_ptr<Peer>> peers_;
  std::shared_ptr<Lookup> lookup_;
  std::unordered_map<std::string, size_t>
      tried_;  // by host: number of connections, which selects the next address
  std::vector<char> input_;
};

}  // namespace ei::kafka::native
