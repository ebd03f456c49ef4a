#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/types.h>

#include "adapters/http/tls_context.h"
#include "clients/peer_certificate.h"

namespace ei::http {

// Why TLS handshakes fail, for metrics and logs.
namespace tls_fault {
inline constexpr std::string_view kPlainHttp = "plain_http";
inline constexpr std::string_view kNotTls = "not_tls";
inline constexpr std::string_view kVersion = "version";    // no version in common
inline constexpr std::string_view kCipher = "cipher";      // no cipher or group in common
inline constexpr std::string_view kProtocol = "protocol";  // the client doesn't speak HTTP/1.1 (ALPN)
inline constexpr std::string_view kNoCertificate = "no_certificate";    // the client has none
inline constexpr std::string_view kBadCertificate = "bad_certificate";  // the client's can't be verified
inline constexpr std::string_view kRefused = "refused";                 // the client sent an alert
inline constexpr std::string_view kClosed = "closed";
inline constexpr std::string_view kTimedOut = "timed_out";
inline constexpr std::string_view kNoMemory = "no_memory";
inline constexpr std::string_view kMalformed = "malformed";
}  // namespace tls_fault

// The server's side of TLS on one connection. It reads from and writes to the socket, which must not block
// and must outlive it. A step does what is possible now and returns what it waits for. One thread.
class TlsSession {
 public:
  enum class Step : uint8_t {
    kDone,
    kWantsRead,
    kWantsWrite,
    kEnded,   // the client has closed its side; writing is still possible
    kFailed,  // nothing more is possible
  };

  // A client that sends more of them than this, without data in between, is cut off: updates of keys
  // (RFC 8446, section 4.6.3) cost the server much and the client little.
  static constexpr size_t kControlMessagesMax = 64;

  TlsSession(std::shared_ptr<const TlsContext> context, ClientAuth client_auth, int socket);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Must be called until it returns kDone, before anything else. After kFailed Fault() is the reason, and an
  // alert for the client is sent if possible.
  Step Handshake();
  std::string_view Fault() const { return fault_; }  // tls_fault::*
  bool Resumed() const;
  // The names in the client's verified certificate; nullopt if it has none.
  std::optional<PeerCertificate> ClientCertificate() const;

  // kDone: at least one byte. Reads until `bytes` is full or nothing more is there, within a bound.
  Step Read(std::span<char> bytes, size_t& read);
  // kDone: at least one byte was written. After kWantsWrite the same bytes must be passed again; more may
  // follow them.
  Step Write(std::string_view bytes, size_t& written);
  // Tells the client that nothing more will be sent, if the socket accepts that at once.
  void SendCloseNotify();

  // Takes bytes that others have read from the socket. Requires that HasUnread is false. The bytes must stay
  // valid as long as it is true.
  void Supply(std::span<const char> bytes) { supplied_ = bytes; }
  // Read may return bytes without reading from the socket.
  bool HasUnread() const;
  // A part of a record has arrived, so that the session has memory for a whole one.
  bool HoldsPartOfRecord() const;
  // The socket has not yet accepted all of a record that Write has made.
  bool HasUnsent() const { return unsent_; }

 private:
  Step Result(int outcome);
  static int ReadSocket(BIO* bio, char* bytes, int size);
  static int WriteSocket(BIO* bio, const char* bytes, int size);
  static long Control(BIO* bio, int command, long number, void* pointer);
  static BIO_METHOD* SocketMethod();
  static void OnStateChange(const SSL* ssl, int where, int value);

  const std::shared_ptr<const TlsContext> context_;
  SSL* const ssl_;
  const int socket_;
  std::span<const char> supplied_;  // not yet used
  bool requires_certificate_ = false;
  bool open_ = false;  // the handshake is done, and nothing has failed
  bool at_end_ = false;
  bool unsent_ = false;
  size_t control_messages_ = 0;  // steps of messages since the last data
  std::string_view fault_;
};

}  // namespace ei::http
