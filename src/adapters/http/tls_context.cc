#include "adapters/http/tls_context.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "adapters/http/tls_peer_certificate.h"
#include "system/openssl.h"

namespace ei::http {

namespace {

using system::BioOf;
using system::BioPointer;
using system::CertificatePointer;
using system::PrivateKeyPointer;
using system::TakeOpensslError;

// Forward secrecy and authenticated encryption only. AES with 128 bits first, because it costs least;
// ChaCha20 for clients that prefer it, which have no instructions for AES.
constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr const char* kCiphers13 =
    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
// The client chooses among the groups, so one that costs the server much must not be among them. OpenSSL 3.5
// has the hybrid with ML-KEM.
constexpr const char* kGroupsWithHybrid = "X25519MLKEM768:X25519:P-256:P-384";
constexpr const char* kGroups = "X25519:P-256:P-384";

constexpr int kSecurityLevel = 2;  // 112 bits: for example RSA with 2048 bits
constexpr size_t kClientChainBytesMax = 32 << 10;
constexpr int kClientChainDepthMax = 8;
// The names of more CAs are not sent to clients, because they would not fit into a message.
constexpr size_t kClientCaNamesMax = 64;
constexpr int kTicketsOfHandshake = 1;

std::unexpected<base::Error> Unusable(const system::SecretFile& file, std::string_view why) {
  return base::Fail(base::ErrorKind::kInvalid,
                    std::string(file.setting) + ": " + file.path + " can't be used: " + std::string(why));
}

// Calls use(CertificatePointer) for each certificate of the file, which must have at least one.
template <typename Use>
base::Result<void> ForEachCertificate(const system::SecretFile& file, const std::string& content, Use use) {
  const BioPointer bio = BioOf(content);
  size_t count = 0;
  while (CertificatePointer certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (!use(std::move(certificate), count++)) return Unusable(file, TakeOpensslError());
  }
  if (count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return Unusable(file, count == 0 ? "no certificate in PEM form" : TakeOpensslError());
  }
  ERR_clear_error();  // the end of the file
  return {};
}

// Called with the protocols that a client offers. A client that offers none is taken for one of HTTP/1.1.
int OnAlpn(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
           unsigned int offered_size, void*) {
  constexpr std::string_view kHttp11 = "http/1.1";
  std::string_view left(reinterpret_cast<const char*>(offered), offered_size);
  while (!left.empty()) {
    const size_t length = static_cast<unsigned char>(left.front());
    const std::string_view protocol = left.substr(1, length);
    if (protocol == kHttp11) {
      *chosen = reinterpret_cast<const unsigned char*>(protocol.data());
      *size = static_cast<unsigned char>(protocol.size());
      return SSL_TLSEXT_ERR_OK;
    }
    left.remove_prefix(std::min(left.size(), 1 + length));
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;  // no_application_protocol (RFC 7301, section 3.2)
}

// OpenSSL verifies a client's certificate in a full handshake only, and in TLS 1.3 each resumption makes a
// new ticket. So a ticket ends with the certificate: the handshake goes on as a full one, in which the client
// may have its next certificate.
SSL_TICKET_RETURN OnTicketDecrypted(SSL*, SSL_SESSION* session, const unsigned char*, size_t,
                                    SSL_TICKET_STATUS status, void*) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  const X509* const client = SSL_SESSION_get0_peer(session);
  if (client != nullptr && X509_cmp_current_time(X509_get0_notAfter(client)) <= 0) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

}  // namespace

system::SecretFile CertificateFileOf(const TlsOptions& options) {
  return {options.certificate_file, "http.tls.certificate_file"};
}
system::SecretFile KeyFileOf(const TlsOptions& options) { return {options.key_file, "http.tls.key_file"}; }
system::SecretFile ClientCaFileOf(const TlsOptions& options) {
  return {options.client_ca_file, "http.tls.client_ca_file"};
}

TlsContext::TlsContext(std::shared_ptr<TlsTicketKeys> keys)
    : keys_(std::move(keys)), context_(SSL_CTX_new(TLS_server_method())) {}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

base::Result<std::shared_ptr<const TlsContext>> TlsContext::Make(const TlsOptions& options,
                                                                 std::shared_ptr<TlsTicketKeys> keys) {
  ERR_clear_error();
  std::shared_ptr<TlsContext> made(new TlsContext(std::move(keys)));
  SSL_CTX* const context = made->context_;
  SSL_CTX_set_security_level(context, kSecurityLevel);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                   SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   // A client that closes without close_notify is usual, and harmless:
                                   // HTTP/1.1 says where each request ends.
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // otherwise each record needs two system calls
  SSL_CTX_set_cipher_list(context, kCiphers12);
  SSL_CTX_set_ciphersuites(context, kCiphers13);
  if (SSL_CTX_set1_groups_list(context, kGroupsWithHybrid) != 1) SSL_CTX_set1_groups_list(context, kGroups);
  ERR_clear_error();
  SSL_CTX_set_alpn_select_cb(context, &OnAlpn, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // sessions are in tickets
  SSL_CTX_set_timeout(context,
                      std::chrono::duration_cast<std::chrono::seconds>(TlsTicketKeys::kLife).count());
  SSL_CTX_set_num_tickets(context, kTicketsOfHandshake);
  made->keys_->UseIn(context);
  SSL_CTX_set_session_ticket_cb(context, nullptr, &OnTicketDecrypted, nullptr);

  if (auto used = made->UseCertificate(CertificateFileOf(options)); !used) {
    return std::unexpected(used.error());
  }
  if (auto used = made->UseKey(KeyFileOf(options)); !used) return std::unexpected(used.error());
  std::string client_ca;
  if (options.client_auth != ClientAuth::kOff) {
    if (auto trusted = made->TrustClients(ClientCaFileOf(options), client_ca); !trusted) {
      return std::unexpected(trusted.error());
    }
  }
  made->SetScopes(client_ca);
  return made;
}

base::Result<void> TlsContext::UseCertificate(const system::SecretFile& file) {
  const auto content = ReadSecret(file);
  if (!content) return std::unexpected(content.error());
  return ForEachCertificate(file, *content, [this](CertificatePointer certificate, size_t place) {
    expires_at_ = std::min(expires_at_, TimeOf(X509_get0_notAfter(certificate.get())));
    if (place > 0) return SSL_CTX_add1_chain_cert(context_, certificate.get()) == 1;
    valid_from_ = TimeOf(X509_get0_notBefore(certificate.get()));
    subject_ = SubjectOf(*certificate);
    return SSL_CTX_use_certificate(context_, certificate.get()) == 1;
  });
}

base::Result<void> TlsContext::UseKey(const system::SecretFile& file) {
  const auto content = ReadSecret(file);
  if (!content) return std::unexpected(content.error());
  const BioPointer bio = BioOf(*content);
  // With an explicit password, even an empty one, OpenSSL doesn't prompt on the terminal.
  char no_password[] = "";
  const PrivateKeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_password));
  if (key == nullptr) {
    const bool encrypted = content->find("ENCRYPTED") != std::string::npos;
    return Unusable(file, encrypted ? "it is encrypted; store it without a password" : TakeOpensslError());
  }
  if (X509_check_private_key(SSL_CTX_get0_certificate(context_), key.get()) != 1) {
    ERR_clear_error();
    return base::Fail(base::ErrorKind::kInvalid,
                      std::string(file.setting) + ": " + file.path + " is not the key of the certificate");
  }
  if (SSL_CTX_use_PrivateKey(context_, key.get()) != 1) return Unusable(file, TakeOpensslError());
  return {};
}

base::Result<void> TlsContext::TrustClients(const system::SecretFile& file, std::string& content) {
  auto read = ReadSecret(file);
  if (!read) return std::unexpected(read.error());
  content = std::move(*read);
  X509_STORE* const store = SSL_CTX_get_cert_store(context_);
  size_t names = 0;
  auto trusted = ForEachCertificate(file, content, [&](CertificatePointer ca, size_t) {
    if (names++ < kClientCaNamesMax) SSL_CTX_add_client_CA(context_, ca.get());
    return X509_STORE_add_cert(store, ca.get()) == 1;
  });
  if (!trusted) return trusted;
  if (names > kClientCaNamesMax) SSL_CTX_set_client_CA_list(context_, sk_X509_NAME_new_null());
  SSL_CTX_set_max_cert_list(context_, kClientChainBytesMax);
  SSL_CTX_set_verify_depth(context_, kClientChainDepthMax);
  return {};
}

void TlsContext::SetScopes(const std::string& client_ca) {
  for (size_t auth = 0; auth < scopes_.size(); ++auth) {
    const std::string text = static_cast<char>('0' + auth) + client_ca;
    EVP_Digest(text.data(), text.size(), scopes_[auth].data(), nullptr, EVP_sha256(), nullptr);
  }
}

}  // namespace ei::http
