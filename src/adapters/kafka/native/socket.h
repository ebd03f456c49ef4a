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

// TLS settings that are read once: certificates, keys, and the checks of the broker's certificate. Shared by
// connections.
class TlsContext {
 public:
  // kInvalid: a file can't be used; the message names its setting.
  static base::Result<std::shared_ptr<TlsContext>> Make(const SecurityOptions& security);
  virtual ~TlsContext() = default;
};

// A connected socket, plain or with TLS. It never blocks: a step does what is possible now and returns what
// it waits for. One thread.
class Socket {
 public:
  enum class Step : uint8_t { kDone, kWantsRead, kWantsWrite, kEnded };

  virtual ~Socket() = default;

  // The TLS handshake: must be called until it returns kDone, before anything else.
  virtual Step Handshake() = 0;
  // Reads into `bytes`; `read` is the number of bytes read. kDone: at least one byte.
  virtual Step Read(std::span<char> bytes, size_t& read) = 0;
  // `written` is the number of bytes written. kDone: at least one byte.
  virtual Step Write(std::span<const boost::asio::const_buffer> buffers, size_t& written) = 0;
  // The reason of kEnded.
  virtual const std::string& Reason() const = 0;
  // The socket ended because one side doesn't accept the other's certificate or protocol version.
  virtual bool TlsFailed() const = 0;
};

// `socket` must be connected and non-blocking, and must outlive the returned object.
std::unique_ptr<Socket> MakePlainSocket(boost::asio::ip::tcp::socket& socket);
std::unique_ptr<Socket> MakeTlsSocket(boost::asio::ip::tcp::socket& socket,
                                      std::shared_ptr<TlsContext> context, const std::string& host);

}  // namespace ei::kafka::native
