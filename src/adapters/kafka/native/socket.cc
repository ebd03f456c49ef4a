#include "adapters/kafka/native/socket.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>

#include "system/openssl.h"

namespace ei::kafka::native {

namespace {

using boost::asio::ip::tcp;

using system::BioOf;
using system::BioPointer;
using system::CertificatePointer;
using system::PrivateKeyPointer;
using system::SslContextPointer;
using system::SslPointer;
using system::TakeOpensslError;

class Context final : public TlsContext {
 public:
  explicit Context(bool check) : check_hostname(check), context(SSL_CTX_new(TLS_client_method())) {}
  const bool check_hostname;
  const SslContextPointer context;
};

std::unexpected<base::Error> Unusable(const SecretFile& file) {
  return base::Fail(base::ErrorKind::kInvalid,
                    std::string(file.setting) + ": " + file.path + " can't be used: " + TakeOpensslError());
}

base::Result<void> TrustCas(SSL_CTX* context, const SecretFile& file) {
  if (!file.Set()) {
    SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  const auto content = ReadSecret(file);
  if (!content) return std::unexpected(content.error());
  const BioPointer bio = BioOf(*content);
  int count = 0;
  while (const CertificatePointer certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
    ++count;
  }
  if (count == 0) return Unusable(file);
  ERR_clear_error();  // the end of the file
  return {};
}

base::Result<void> UseCertificate(SSL_CTX* context, const SecretFile& file) {
  const auto content = ReadSecret(file);
  if (!content) return std::unexpected(content.error());
  const BioPointer bio = BioOf(*content);
  const CertificatePointer own(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) return Unusable(file);
  while (X509* const next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, next) == 1) continue;
    X509_free(next);
    return Unusable(file);
  }
  ERR_clear_error();
  return {};
}

base::Result<void> UseKey(SSL_CTX* context, const SecurityOptions& security) {
  const auto content = ReadSecret(security.key_file);
  if (!content) return std::unexpected(content.error());
  std::string password;
  if (security.key_password_file.Set()) {
    auto read = ReadSecret(security.key_password_file);
    if (!read) return std::unexpected(read.error());
    password = std::move(*read);
  }
  const BioPointer bio = BioOf(*content);
  // With an explicit password, even an empty one, OpenSSL doesn't prompt on the terminal.
  const PrivateKeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, password.data()));
  if (key == nullptr || SSL_CTX_use_PrivateKey(context, key.get()) != 1) return Unusable(security.key_file);
  if (SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return base::Fail(base::ErrorKind::kInvalid, std::string(security.key_file.setting) + ": " +
                                                     security.key_file.path +
                                                     " is not the key of the certificate");
  }
  return {};
}

class PlainSocket final : public Socket {
 public:
  explicit PlainSocket(tcp::socket& socket) : socket_(socket) {}

  Step Handshake() override { return Step::kDone; }

  Step Read(std::span<char> bytes, size_t& read) override {
    boost::system::error_code fault;
    read = socket_.read_some(boost::asio::buffer(bytes.data(), bytes.size()), fault);
    return Result(fault, Step::kWantsRead);
  }

  Step Write(std::span<const boost::asio::const_buffer> buffers, size_t& written) override {
    boost::system::error_code fault;
    written = socket_.write_some(buffers, fault);
    return Result(fault, Step::kWantsWrite);
  }

  const std::string& Reason() const override { return reason_; }
  bool TlsFailed() const override { return false; }

 private:
  Step Result(const boost::system::error_code& fault, Step wants) {
    if (!fault) return Step::kDone;
    if (fault == boost::asio::error::would_block || fault == boost::asio::error::try_again) return wants;
    reason_ = fault == boost::asio::error::eof ? "the broker closed the connection" : fault.message();
    return Step::kEnded;
  }

  tcp::socket& socket_;
  std::string reason_;
};

class TlsSocket final : public Socket {
 public:
  TlsSocket(tcp::socket& socket, std::shared_ptr<TlsContext> context, const std::string& host)
      : context_(std::move(context)), ssl_(SSL_new(Own().context.get())) {
    SSL_set_fd(ssl_.get(), socket.native_handle());
    SSL_set_connect_state(ssl_.get());
    // A repeated write may use another buffer address, and partial writes are fine.
    SSL_set_mode(ssl_.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
    boost::system::error_code no_address;
    boost::asio::ip::make_address(host, no_address);
    // SSL_set_tlsext_host_name without its C-style cast.
    if (no_address) {
      SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(host.c_str()));
    }
    if (!Own().check_hostname) return;
    if (no_address) {
      SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      SSL_set1_host(ssl_.get(), host.c_str());
    } else {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
    }
  }

  Step Handshake() override {
    ERR_clear_error();
    return Result(SSL_do_handshake(ssl_.get()), "the TLS handshake failed");
  }

  Step Read(std::span<char> bytes, size_t& read) override {
    ERR_clear_error();
    return Result(SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &read), "the TLS connection failed");
  }

  Step Write(std::span<const boost::asio::const_buffer> buffers, size_t& written) override {
    written = 0;
    for (const auto& buffer : buffers) {
      if (buffer.size() == 0) continue;
      ERR_clear_error();
      size_t some = 0;
      const Step step =
          Result(SSL_write_ex(ssl_.get(), buffer.data(), buffer.size(), &some), "the TLS connection failed");
      written += some;
      if (step != Step::kDone) return written > 0 && step != Step::kEnded ? Step::kDone : step;
      if (some < buffer.size()) return Step::kDone;
    }
    return Step::kDone;
  }

  const std::string& Reason() const override { return reason_; }
  bool TlsFailed() const override { return tls_failed_; }

 private:
  const Context& Own() const { return static_cast<const Context&>(*context_); }

  Step Result(int outcome, std::string_view what) {
    if (outcome == 1) return Step::kDone;
    const int system_fault = errno;
    switch (SSL_get_error(ssl_.get(), outcome)) {
      case SSL_ERROR_WANT_READ: return Step::kWantsRead;
      case SSL_ERROR_WANT_WRITE: return Step::kWantsWrite;
      case SSL_ERROR_ZERO_RETURN: reason_ = "the broker closed the connection"; break;
      case SSL_ERROR_SYSCALL:
        reason_ = system_fault == 0 ? "the broker closed the connection"
                                    : std::system_category().message(system_fault);
        break;
      default: {
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
          reason_ = "the broker closed the connection";
          break;
        }
        const long verified = SSL_get_verify_result(ssl_.get());
        tls_failed_ = true;
        reason_ = std::string(what) + ": " + TakeOpensslError();
        if (verified != X509_V_OK) reason_ += std::string(": ") + X509_verify_cert_error_string(verified);
      }
    }
    return Step::kEnded;
  }

  const std::shared_ptr<TlsContext> context_;
  const SslPointer ssl_;
  std::string reason_;
  bool tls_failed_ = false;
};

}  // namespace

base::Result<std::shared_ptr<TlsContext>> TlsContext::Make(const SecurityOptions& security) {
  ERR_clear_error();
  auto made = std::make_shared<Context>(security.check_hostname);
  SSL_CTX* const context = made->context.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (auto trusted = TrustCas(context, security.ca_file); !trusted) return std::unexpected(trusted.error());
  if (security.certificate_file.Set()) {
    if (auto used = UseCertificate(context, security.certificate_file); !used) {
      return std::unexpected(used.error());
    }
    if (auto used = UseKey(context, security); !used) return std::unexpected(used.error());
  }
  return made;
}

std::unique_ptr<Socket> MakePlainSocket(tcp::socket& socket) { return std::make_unique<PlainSocket>(socket); }

std::unique_ptr<Socket> MakeTlsSocket(tcp::socket& socket, std::shared_ptr<TlsContext> context,
                                      const std::string& host) {
  return std::make_unique<TlsSocket>(socket, std::move(context), host);
}

}  // namespace ei::kafka::native
