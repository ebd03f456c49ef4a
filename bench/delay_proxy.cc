// A network with latency: forwards each connection to a port of this machine and delays every byte by `delay`
// in each direction, without limiting throughput. Loopback only. Prints "listening" once it listens, and runs
// until it is stopped.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "bench/delay_line.h"

namespace ei::bench {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} << 10;
// A bench needs fewer connections; each uses four threads.
constexpr std::size_t kConnectionsMax = 256;

base::Result<void> Fault(const char* what) {
  return base::Fail(base::ErrorKind::kUnavailable, std::string(what) + ": " + std::strerror(errno));
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int Fd() const { return fd_; }
  void SendAtOnce() const {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

 private:
  int fd_;
};

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// A client connection and its connection to the target. Its four threads end when either side ends; the
// destructor ends both.
class Link {
 public:
  Link(int client, int target, base::Duration delay)
      : client_(client), target_(target), there_(delay), back_(delay) {
    client_.SendAtOnce();
    target_.SendAtOnce();
    threads_.emplace_back([this] { Read(client_, there_); });
    threads_.emplace_back([this] { Write(there_, target_); });
    threads_.emplace_back([this] { Read(target_, back_); });
    threads_.emplace_back([this] { Write(back_, client_); });
  }
  ~Link() { Break(); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

 private:
  static void Read(const Socket& source, DelayLine& line) {
    std::vector<char> buffer(kReadBytes);
    while (true) {
      const ssize_t received = ::recv(source.Fd(), buffer.data(), buffer.size(), 0);
      if (received < 0 && errno == EINTR) continue;
      if (received <= 0) break;
      if (!line.Put({buffer.data(), static_cast<std::size_t>(received)})) return;
    }
    line.End();
  }

  void Write(DelayLine& line, const Socket& sink) {
    while (const auto piece = line.Take()) {
      for (std::string_view rest = *piece; !rest.empty();) {
        const ssize_t sent = ::send(sink.Fd(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return Break();
        rest.remove_prefix(static_cast<std::size_t>(sent));
      }
    }
    ::shutdown(sink.Fd(), SHUT_WR);
  }

  void Break() {
    there_.Break();
    back_.Break();
    ::shutdown(client_.Fd(), SHUT_RDWR);
    ::shutdown(target_.Fd(), SHUT_RDWR);
  }

  const Socket client_;
  const Socket target_;
  DelayLine there_;
  DelayLine back_;
  std::vector<std::jthread> threads_;
};

// Ended links are kept until the end of the run: there are few.
base::Result<void> Serve(std::uint16_t port, std::uint16_t target, base::Duration delay) {
  const Socket listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.Fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in here = Loopback(port);
  if (::bind(listener.Fd(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
      ::listen(listener.Fd(), SOMAXCONN) != 0) {
    return Fault("listen");
  }
  fmt::print("listening\n");
  std::fflush(stdout);

  const sockaddr_in there = Loopback(target);
  std::vector<std::unique_ptr<Link>> links;
  while (links.size() < kConnectionsMax) {
    const int client = ::accept4(listener.Fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (client < 0) return Fault("accept");
    const int behind = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(behind, reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) {
      ::close(client);
      ::close(behind);
      continue;
    }
    links.push_back(std::make_unique<Link>(client, behind, delay));
  }
  return base::Fail(base::ErrorKind::kUnavailable, fmt::format("more than {} connections", kConnectionsMax));
}

int Main(int argc, char** argv) {
  std::uint16_t port = 0;
  std::uint16_t target = 0;
  double delay_ms = 10;
  CLI::App app("A network of some length between a client and a port, on loopback");
  app.add_option("--port", port, "port for clients")->required()->check(CLI::Range(1, 65535));
  app.add_option("--target-port", target, "port to which connections are forwarded")
      ->required()
      ->check(CLI::Range(1, 65535));
  app.add_option("--delay-ms", delay_ms, "delay in each direction")
      ->check(CLI::Range(0.0, 10'000.0))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto delay =
      std::chrono::duration_cast<base::Duration>(std::chrono::duration<double, std::milli>(delay_ms));
  const auto served = Serve(port, target, delay);
  fmt::print(stderr, "delay_proxy: {}\n", served.error().message);
  return 1;
}

}  // namespace
}  // namespace ei::bench

int main(int argc, char** argv) { return ei::bench::Main(argc, argv); }
