#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "adapters/kafka/security_options.h"
#include "base/result.h"

namespace ei::kafka::native {

// TLS settings, read once: certificates, keys, what is checked of the other side. Shared by connections.
class TlsContext {
 public:
  // kInvalid: a file is of no use; the message names its setting.
  static base::Result<std::shared_ptr<TlsContext>> Make(const SecurityOptions& security);
  virtual ~TlsContext() = default;
};

// A connected socket, plain or with TLS, that never waits: a step does what can be done now and says what it
// waits for. One thread.
class Socket {
 public:
  enum class Step : uint8_t { kDone, kWantsRead, kWantsWrite, kEnded };

  virtual ~Socket() = default;

  // Of TLS: to be called until it is kDone, before anything else.
  virtual Step Handshake() = 0;
  // Into `bytes`, whose used part is `read`; kDone with 0 bytes doesn't occur.
  virtual Step Read(std::span<char> bytes, size_t& read) = 0;
  // `written` of the buffers' bytes; kDone: at least one.
  virtual Step Write(std::span<const boost::asio::const_buffer> buffers, size_t& written) = 0;
  // Why it is kEnded.
  virtual const std::string& Reason() const = 0;
  // It ended because one of the two sides doesn't accept the other's certificate or protocol.
  virtual bool TlsFailed() const = 0;
};

// `socket` is connected and doesn't block, and outlives what is made.
std::unique_ptr<Socket> MakePlainSocket(boost::asio::ip::tcp::socket& socket);
std::unique_ptr<Socket> MakeTlsSocket(boost::asio::ip::tcp::socket& socket,
                                      std::shared_ptr<TlsContext> context, const std::string& host);

}  // namespace ei::kafka::native
