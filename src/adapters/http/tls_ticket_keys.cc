#include "adapters/http/tls_ticket_keys.h"

#include <algorithm>
#include <cstdlib>
#include <span>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

namespace ei::http {

namespace {

// Results of a callback for tickets.
constexpr int kFault = -1;
constexpr int kUnknownKey = 0;  // the handshake continues as a full one
constexpr int kUsed = 1;
constexpr int kUsedAndRenew = 2;  // and the client gets a new ticket

}  // namespace

TlsTicketKeys::TlsTicketKeys(base::SteadyTime now)
    : current_(MakeKey()), previous_(MakeKey()), current_since_(now) {}

TlsTicketKeys::~TlsTicketKeys() {
  OPENSSL_cleanse(&current_, sizeof current_);
  OPENSSL_cleanse(&previous_, sizeof previous_);
}

TlsTicketKeys::Key TlsTicketKeys::MakeKey() {
  Key key;
  for (const auto& [bytes, size] :
       {std::pair(key.name.data(), key.name.size()), std::pair(key.cipher.data(), key.cipher.size()),
        std::pair(key.mac.data(), key.mac.size())}) {
    if (RAND_bytes(bytes, static_cast<int>(size)) != 1) std::abort();  // no secret can be made
  }
  return key;
}

void TlsTicketKeys::RotateIfDue(base::SteadyTime now) {
  const base::MutexLock lock(mutex_);
  if (now - current_since_ < kLife) return;
  // After a pause of two lifetimes the current key has expired too.
  previous_ = now - current_since_ < 2 * kLife ? current_ : MakeKey();
  current_ = MakeKey();
  current_since_ = now;
}

void TlsTicketKeys::UseIn(SSL_CTX* context) {
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &TlsTicketKeys::OnTicket);
}

int TlsTicketKeys::OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                            EVP_MAC_CTX* mac, int encrypts) {
  auto& keys = *static_cast<TlsTicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const base::MutexLock lock(keys.mutex_);
  const Key* key = &keys.current_;
  if (encrypts == 0) {
    const auto named = [&](const Key& one) { return std::ranges::equal(one.name, std::span(name, 16)); };
    key = named(keys.current_) ? &keys.current_ : named(keys.previous_) ? &keys.previous_ : nullptr;
    if (key == nullptr) return kUnknownKey;
  } else {
    std::ranges::copy(key->name, name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return kFault;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key->mac.data()),
                                        key->mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv, encrypts) != 1 ||
      EVP_MAC_CTX_set_params(mac, parameters) != 1) {
    return kFault;
  }
  // A ticket of TLS 1.3 is for one use (RFC 8446, appendix C.4).
  const bool renew = key == &keys.previous_ || SSL_version(ssl) == TLS1_3_VERSION;
  return encrypts == 0 && renew ? kUsedAndRenew : kUsed;
}

}  // namespace ei::http
