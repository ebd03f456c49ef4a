#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace ei::http {

// Whether clients authenticate themselves with certificates. kOptional: a client may have no certificate, but
// not one that can't be verified.
enum class ClientAuth : uint8_t { kOff, kOptional, kRequired };

struct TlsOptions {
  std::string certificate_file;  // PEM: the certificate, then the others of its chain; empty: no TLS
  std::string key_file;          // PEM, not encrypted
  std::string client_ca_file;    // PEM: the CAs that sign the certificates of clients
  // Of the main port. On the admin port kRequired is kOptional, because probes have no certificate.
  ClientAuth client_auth = ClientAuth::kOff;

  // Between two checks of the files. Two checks in a row must find the same change before it is taken over.
  base::Duration poll_interval = std::chrono::milliseconds(500);

  bool Enabled() const { return !certificate_file.empty(); }
};

}  // namespace ei::http
