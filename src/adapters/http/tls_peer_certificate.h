#pragma once

#include <string>

#include <openssl/types.h>

#include "clients/peer_certificate.h"

namespace ei::http {

// The subject as in RFC 2253; empty if it is longer than 1 KiB.
std::string SubjectOf(const X509& certificate);

// The names in the certificate. Names beyond the bounds, and names with control characters or a zero byte,
// are left out.
PeerCertificate NamesOf(const X509& certificate);

}  // namespace ei::http
