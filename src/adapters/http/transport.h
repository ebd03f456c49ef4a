#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "adapters/http/connection_client.h"
#include "adapters/http/tls_session.h"

namespace ei::http {

// The bytes of one connection: its socket, plain until BeginTls, then with TLS until Shutdown. The handlers
// of its operations must keep it alive. For the loop's thread.
//
// TLS charges its memory to the client: kHandshakeBytes during the handshake, and kRecordBytes while a part
// of a record has arrived or could not be sent.
class Transport {
 public:
  static constexpr size_t kHandshakeBytes = 64 << 10;
  static constexpr size_t kRecordBytes = 17 << 10;
  static constexpr size_t kFirstBytesMax = 2 << 10;  // most requests with one event are smaller

  // `client` outlives this. The socket must not block.
  Transport(boost::asio::ip::tcp::socket socket, ConnectionClient& client)
      : socket_(std::move(socket)), client_(client) {}
  ~Transport() { EndTls(); }
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  bool IsOpen() const { return socket_.is_open(); }
  // With TLS, tells the client if possible.
  void Close();
  // Ends sending. From now on the transport is plain; bytes are only read to be discarded.
  void Shutdown();
  int Descriptor() { return socket_.native_handle(); }

  // Returns false if there is no memory for the handshake.
  bool BeginTls(std::shared_ptr<const TlsContext> context, ClientAuth client_auth);
  bool HasTls() const { return tls_ != nullptr; }
  TlsSession& Tls() { return *tls_; }
  // Call it when the handshake is done.
  void ReleaseHandshake() { Charge(0); }

  // Calls handler(error) when the socket is readable or writable. It may be neither: Asio ends a wait at any
  // event of the descriptor.
  template <typename Handler>
  void AwaitReadable(Handler handler) {
    socket_.async_wait(boost::asio::ip::tcp::socket::wait_read, std::move(handler));
  }
  template <typename Handler>
  void AwaitWritable(Handler handler) {
    socket_.async_wait(boost::asio::ip::tcp::socket::wait_write, std::move(handler));
  }

  // Calls handler(error, size) when at least one byte was read, or discarded after Shutdown. The error is
  // operation_aborted after CancelRead, eof if the client has closed its side, and no_memory if there is none
  // for a TLS record.
  template <typename Handler>
  void AsyncRead(std::span<char> bytes, Handler handler) {
    if (tls_ == nullptr) {
      return socket_.async_read_some(boost::asio::buffer(bytes.data(), bytes.size()), std::move(handler));
    }
    read_cancelled_ = false;
    if (!tls_->HasUnread()) return AwaitTlsRead(bytes, std::move(handler));
    boost::asio::post(socket_.get_executor(), [this, bytes, handler = std::move(handler)]() mutable {
      ReadTls({}, bytes, std::move(handler));
    });
  }
  void CancelRead();

  // Reads what is there. The error is would_block if nothing is.
  size_t ReadSome(std::span<char> bytes, boost::system::error_code& error);

  // Writes as much as the socket accepts at once. The error is would_block if that is nothing, and no_memory
  // if there is none for a TLS record that could not be sent.
  size_t WriteSome(std::string_view bytes, boost::system::error_code& error);

  // Calls handler(error, size) when all bytes are written. They must include what WriteSome left.
  template <typename Handler>
  void AsyncWrite(std::string_view bytes, Handler handler) {
    if (tls_ == nullptr) {
      return boost::asio::async_write(socket_, boost::asio::buffer(bytes.data(), bytes.size()),
                                      std::move(handler));
    }
    AwaitWritable([this, bytes, handler = std::move(handler)](boost::system::error_code error) mutable {
      size_t written = 0;
      if (!error) written = WriteSome(bytes, error);
      if (error == boost::asio::error::would_block) error.clear();
      if (!error && written < bytes.size()) return AsyncWrite(bytes.substr(written), std::move(handler));
      handler(error, written);
    });
  }

 private:
  // Asio reads the first bytes, as that costs one system call less for each request than waiting until the
  // socket is readable: for a wait, Asio changes the descriptor's registration with epoll.
  template <typename Handler>
  void AwaitTlsRead(std::span<char> bytes, Handler handler) {
    if (wants_write_) {
      return AwaitWritable(
          [this, bytes, handler = std::move(handler)](const boost::system::error_code& error) mutable {
            ReadTls(error, bytes, std::move(handler));
          });
    }
    socket_.async_read_some(
        boost::asio::buffer(*first_bytes_),
        [this, bytes, handler = std::move(handler)](boost::system::error_code error, size_t read) mutable {
          if (tls_ == nullptr) return handler(error, 0);  // after Shutdown: they are discarded
          tls_->Supply(std::span(*first_bytes_).first(read));
          if (error == boost::asio::error::eof) error.clear();  // it is for the session to judge
          ReadTls(error, bytes, std::move(handler));
        });
  }
  template <typename Handler>
  void ReadTls(boost::system::error_code error, std::span<char> bytes, Handler handler) {
    if (read_cancelled_ || !IsOpen()) error = boost::asio::error::operation_aborted;
    size_t read = 0;
    if (!error) read = ReadSome(bytes, error);
    if (error == boost::asio::error::would_block) return AwaitTlsRead(bytes, std::move(handler));
    handler(error, read);
  }

  // Returns false, and charges nothing more, if the memory limit is exceeded.
  bool Charge(size_t bytes);
  bool ChargeRecords();
  void EndTls();

  boost::asio::ip::tcp::socket socket_;
  ConnectionClient& client_;
  std::unique_ptr<TlsSession> tls_;
  // Of a read with TLS. Lives as long as the socket, which may still be reading into it after EndTls.
  std::unique_ptr<std::array<char, kFirstBytesMax>> first_bytes_;
  size_t charged_ = 0;
  bool wants_write_ = false;  // what a read with TLS waits for
  bool read_cancelled_ = false;
};

}  // namespace ei::http
