#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>

#include <openssl/types.h>

#include "adapters/http/tls_options.h"
#include "adapters/http/tls_ticket_keys.h"
#include "base/result.h"
#include "base/time.h"
#include "system/secret_file.h"

namespace ei::http {

// The files of the options, with the names of their settings.
system::SecretFile CertificateFileOf(const TlsOptions& options);
system::SecretFile KeyFileOf(const TlsOptions& options);
system::SecretFile ClientCaFileOf(const TlsOptions& options);

// What the server's side of TLS connections has in common: certificate, key, the CAs of clients, versions and
// ciphers. Immutable; a reload makes a new one. Thread-safe.
class TlsContext {
 public:
  // Reads the files. kInvalid: one can't be used; the message names it and its setting. A certificate that
  // has expired, or isn't valid yet, can be used.
  static base::Result<std::shared_ptr<const TlsContext>> Make(const TlsOptions& options,
                                                              std::shared_ptr<TlsTicketKeys> keys);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  SSL_CTX* Get() const { return context_; }

  // A session may only be resumed where its client was verified in the same way. `auth`: of the port.
  using Scope = std::array<unsigned char, 32>;
  const Scope& SessionScope(ClientAuth auth) const { return scopes_[static_cast<size_t>(auth)]; }

  const std::string& Subject() const { return subject_; }
  // When the certificate becomes valid, and when the first certificate of its chain expires.
  base::WallTime ValidFrom() const { return valid_from_; }
  base::WallTime ExpiresAt() const { return expires_at_; }

 private:
  explicit TlsContext(std::shared_ptr<TlsTicketKeys> keys);
  base::Result<void> UseCertificate(const system::SecretFile& file);
  base::Result<void> UseKey(const system::SecretFile& file);
  base::Result<void> TrustClients(const system::SecretFile& file, std::string& content);
  void SetScopes(const std::string& client_ca);

  const std::shared_ptr<TlsTicketKeys> keys_;
  SSL_CTX* const context_;
  std::array<Scope, 3> scopes_{};
  std::string subject_;
  base::WallTime valid_from_ = base::WallTime::min();
  base::WallTime expires_at_ = base::WallTime::max();
};

}  // namespace ei::http
