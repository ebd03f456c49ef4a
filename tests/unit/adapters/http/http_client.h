#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ei::http {

inline constexpr auto kPatience = std::chrono::seconds(20);  // a test that waits longer has failed

// Polls `condition` every millisecond. Returns true once it holds, false after `patience`.
template <typename Condition>
bool Eventually(Condition condition, std::chrono::steady_clock::duration patience = kPatience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

struct ReplyMessage {
  int status = 0;
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string Header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
  bool SaysClose() const { return Header("connection") == "close"; }
};

inline std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

// Takes the next complete reply from the front of `read`; calls more(), which appends to `read`, while it is
// not complete. nullopt if more() returns false or if it is no reply.
template <typename More>
std::optional<ReplyMessage> TakeReply(std::string& read, More more, bool without_body = false) {
  size_t end;
  while ((end = read.find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return std::nullopt;
  }
  ReplyMessage reply;
  std::string_view head = std::string_view(read).substr(0, end + 2);
  const std::string_view first = TakeLine(head);
  if (!first.starts_with("HTTP/1.1 ") || first.size() < 12) return std::nullopt;
  reply.status = std::stoi(std::string(first.substr(9, 3)));
  while (!head.empty()) {
    const std::string_view line = TakeLine(head);
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return std::nullopt;
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    reply.headers.emplace(name, line.substr(colon + 2));
  }
  read.erase(0, end + 4);
  const std::string length = reply.Header("content-length");
  if (without_body || length.empty()) return reply;
  const size_t size = std::stoul(length);
  while (read.size() < size) {
    if (!more()) return std::nullopt;
  }
  reply.body = read.substr(0, size);
  read.erase(0, size);
  return reply;
}

// A client on a raw socket, which can send any bytes. Every wait has a time limit.
class HttpClient {
 public:
  // `buffer_bytes`: the size of the socket's buffers in each direction, to make them too small for a reply;
  // 0: the system's default. `host`: the client connects from 127.0.0.`host`.
  explicit HttpClient(uint16_t port, int buffer_bytes = 0, uint8_t host = 1) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (buffer_bytes > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
      ::setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    }
    const int one = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
    ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::fcntl(socket_, F_SETFL, O_NONBLOCK);
  }
  ~HttpClient() { Close(); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  HttpClient(HttpClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        connected_(other.connected_),
        reset_(other.reset_),
        read_(std::move(other.read_)) {}

  bool Connected() const { return connected_; }

  // False if the server has closed the connection or doesn't read everything in time.
  bool Send(std::string_view bytes) { return SendSome(bytes) == bytes.size(); }

  // Returns the number of bytes that were sent. Gives up when the socket has accepted nothing for `patience`.
  size_t SendSome(std::string_view bytes, std::chrono::milliseconds patience = kPatience) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n >= 0) {
        sent += static_cast<size_t>(n);
      } else if (errno != EAGAIN || !Await(POLLOUT, patience)) {
        break;
      }
    }
    return sent;
  }

  // Returns the next complete reply; nullopt if the connection ended or nothing arrived in time.
  std::optional<ReplyMessage> Receive(bool without_body = false) {
    return TakeReply(read_, [this] { return ReadMore(); }, without_body);
  }

  std::optional<ReplyMessage> Ask(std::string_view request) {
    if (!Send(request)) return std::nullopt;
    return Receive();
  }

  // Whether the connection ends without any further byte.
  bool Ended() {
    while (read_.empty()) {
      if (!ReadMore()) return ended_;
    }
    return false;
  }
  bool WasReset() const { return reset_; }

  // Returns everything that arrives until the connection ends.
  std::string ReceiveToEnd() {
    while (ReadMore()) {
    }
    return std::exchange(read_, {});
  }

  // True if nothing arrives for `quiet` and the connection stays open.
  bool StaysQuiet(std::chrono::milliseconds quiet) { return read_.empty() && !Await(POLLIN, quiet); }

  void CloseWrite() { ::shutdown(socket_, SHUT_WR); }

  // Closes with a reset, like a client that crashed.
  void Abort() {
    const linger none{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    Close();
  }

  // Returns the socket, which the caller must close.
  int Release() { return std::exchange(socket_, -1); }

  void Close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

 private:
  bool Await(short events, std::chrono::milliseconds patience) {
    pollfd waiting{socket_, events, 0};
    return ::poll(&waiting, 1, static_cast<int>(patience.count())) > 0;
  }

  bool ReadMore() {
    char bytes[16384];
    for (;;) {
      const ssize_t n = ::recv(socket_, bytes, sizeof bytes, 0);
      if (n > 0) {
        read_.append(bytes, static_cast<size_t>(n));
        return true;
      }
      if (n == 0 || errno != EAGAIN) {
        ended_ = true;
        reset_ = n < 0;
        return false;
      }
      if (!Await(POLLIN, std::chrono::duration_cast<std::chrono::milliseconds>(kPatience))) return false;
    }
  }

  int socket_ = -1;
  bool connected_ = false;
  bool ended_ = false;
  bool reset_ = false;
  std::string read_;
};

}  // namespace ei::http
