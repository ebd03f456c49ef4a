#pragma once

#include <array>
#include <cstdint>

#include <openssl/types.h>

#include "base/mutex.h"
#include "base/time.h"

namespace ei::http {

// The keys that encrypt session tickets (RFC 5077, section 4), for all loops and all certificates: a client
// can resume its session on any loop, and after the certificate was replaced. A key encrypts for kLife and
// then decrypts for another kLife, which is the lifetime of a ticket. The keys exist in memory only, so a
// restart ends all sessions. Thread-safe.
class TlsTicketKeys {
 public:
  static constexpr base::Duration kLife = std::chrono::hours(1);

  // The first key is of `now`.
  explicit TlsTicketKeys(base::SteadyTime now);
  ~TlsTicketKeys();
  TlsTicketKeys(const TlsTicketKeys&) = delete;
  TlsTicketKeys& operator=(const TlsTicketKeys&) = delete;

  // Makes a new key if the current one has encrypted for kLife. Call it at least a few times in each kLife.
  void RotateIfDue(base::SteadyTime now);

  // Contexts that use these keys must not outlive them.
  void UseIn(SSL_CTX* context);

 private:
  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };
  static Key MakeKey();
  static int OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                      EVP_MAC_CTX* mac, int encrypts);

  base::Mutex mutex_;
  Key current_ GUARDED_BY(mutex_);
  Key previous_ GUARDED_BY(mutex_);
  base::SteadyTime current_since_ GUARDED_BY(mutex_);
};

}  // namespace ei::http
