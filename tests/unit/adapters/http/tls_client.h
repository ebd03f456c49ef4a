#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/certificates.h"
#include "system/openssl.h"
#include "unit/adapters/http/http_client.h"

namespace ei::http {

struct TlsClientOptions {
  std::string ca;  // PEM: the server's certificate is verified with it; empty: not verified
  support::IssuedCertificate certificate;  // of the client; empty: none
  int version_min = 0;                     // 0: OpenSSL's default
  int version_max = 0;
  std::string ciphers_12;  // empty: OpenSSL's default
  std::vector<std::string> alpn = {};
  SSL_SESSION* session = nullptr;  // to resume
  bool compact = false;            // records of 512 bytes
};

// A blocking client of TLS by OpenSSL on a socket of its own; a socket that is silent for 20 s is a fault.
class TlsClient {
 public:
  TlsClient(uint16_t port, const TlsClientOptions& options = {}, uint8_t host = 1, int buffer_bytes = 0)
      : context_(SSL_CTX_new(TLS_client_method())) {
    std::signal(SIGPIPE, SIG_IGN);  // which OpenSSL raises when the server has closed the connection
    Configure(options);
    socket_ = Connect(port, host, buffer_bytes);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_);
    // A copy, because OpenSSL resumes a session of TLS 1.3 only once.
    if (options.session != nullptr) {
      SSL_SESSION* const copy = SSL_SESSION_dup(options.session);
      SSL_set_session(ssl_.get(), copy);
      SSL_SESSION_free(copy);
    }
    if (options.compact) SSL_set_max_send_fragment(ssl_.get(), 512);
  }
  ~TlsClient() {
    ssl_.reset();
    if (socket_ >= 0) ::close(socket_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool Handshake() {
    ERR_clear_error();
    done_ = SSL_connect(ssl_.get()) == 1;
    if (!done_) fault_ = ERR_GET_REASON(ERR_peek_error());
    return done_;
  }
  // The reason in OpenSSL's terms, for example SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL.
  int Fault() const { return fault_; }

  bool Send(std::string_view bytes) {
    if (!done_ && !Handshake()) return false;
    ERR_clear_error();
    size_t written = 0;
    return bytes.empty() || SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written) == 1;
  }

  std::optional<ReplyMessage> Receive() {
    return TakeReply(read_, [this] { return ReadMore(); });
  }
  std::optional<ReplyMessage> Ask(std::string_view request) {
    if (!Send(request)) return std::nullopt;
    return Receive();
  }

  // Whether the server ends the connection with close_notify and without further bytes.
  bool EndedInOrder() { return !ReadMore() && SSL_get_error(ssl_.get(), 0) == SSL_ERROR_ZERO_RETURN; }
  // Whether it ends in any way.
  bool Ended() {
    while (ReadMore()) {
    }
    return true;
  }

  std::string Version() const { return SSL_get_version(ssl_.get()); }
  std::string Cipher() const { return SSL_get_cipher_name(ssl_.get()); }
  bool Resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  std::string Protocol() const {
    const unsigned char* name = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  std::string PeerName() const {
    const X509* const peer = SSL_get0_peer_certificate(ssl_.get());
    char name[128] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof name);
    return name;
  }
  // The session for a later connection. With TLS 1.3 something must have been received before.
  std::shared_ptr<SSL_SESSION> Session() {
    return {SSL_get1_session(ssl_.get()), [](SSL_SESSION* session) { SSL_SESSION_free(session); }};
  }

  static void WaitQuietly(std::chrono::milliseconds time) {
    ::poll(nullptr, 0, static_cast<int>(time.count()));
  }
  SSL* Ssl() { return ssl_.get(); }
  int Socket() const { return socket_; }
  void CloseWithoutNotify() {
    ::close(socket_);
    socket_ = -1;
  }

 private:
  void Configure(const TlsClientOptions& options) {
    SSL_CTX* const context = context_.get();
    if (options.version_min != 0) SSL_CTX_set_min_proto_version(context, options.version_min);
    if (options.version_max != 0) SSL_CTX_set_max_proto_version(context, options.version_max);
    if (!options.ciphers_12.empty()) SSL_CTX_set_cipher_list(context, options.ciphers_12.c_str());
    SSL_CTX_set_security_level(context, 0);  // so that weak offers reach the server
    std::string offered;
    for (const std::string& protocol : options.alpn) {
      offered += static_cast<char>(protocol.size()) + protocol;
    }
    if (!offered.empty()) {
      SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(offered.data()),
                              static_cast<unsigned int>(offered.size()));
    }
    if (!options.ca.empty()) {
      const auto ca = Certificate(options.ca);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get());
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    }
    if (!options.certificate.key.empty()) {
      SSL_CTX_use_certificate(context, Certificate(options.certificate.certificate).get());
      const system::BioPointer bio = system::BioOf(options.certificate.key);
      const system::PrivateKeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
      SSL_CTX_use_PrivateKey(context, key.get());
    }
  }

  static system::CertificatePointer Certificate(const std::string& pem) {
    const system::BioPointer bio = system::BioOf(pem);
    return system::CertificatePointer(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  }

  static int Connect(uint16_t port, uint8_t host, int buffer_bytes) {
    HttpClient client(port, buffer_bytes, host);
    const int socket = client.Release();
    ::fcntl(socket, F_SETFL, 0);
    const timeval patience{20, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return socket;
  }

  bool ReadMore() {
    char bytes[16384];
    ERR_clear_error();
    size_t size = 0;
    if (SSL_read_ex(ssl_.get(), bytes, sizeof bytes, &size) != 1) {
      fault_ = ERR_GET_REASON(ERR_peek_error());
      return false;
    }
    read_.append(bytes, size);
    return true;
  }

  system::SslContextPointer context_;
  int socket_ = -1;
  system::SslPointer ssl_;
  bool done_ = false;
  int fault_ = 0;
  std::string read_;
};

}  // namespace ei::http
