#pragma once

#include <string>
#include <vector>

#include "base/time.h"

namespace ei {

// The names in a client's certificate, which the TLS layer has verified. Bounded in size by it.
struct PeerCertificate {
  std::string subject = {};            // as in RFC 2253, for example "CN=orders,O=Example"
  std::vector<std::string> dns = {};   // subject alternative names
  std::vector<std::string> uris = {};  // for example "spiffe://example.org/orders"
  std::vector<std::string> emails = {};
  base::WallTime expires_at = base::WallTime::max();
};

}  // namespace ei
