#pragma once

#include <string>

#include <openssl/types.h>

#include "base/time.h"
#include "clients/peer_certificate.h"

namespace ei::http {

// The subject as in RFC 2253; empty if it is longer than 1 KiB.
std::string SubjectOf(const X509& certificate);

// A time as a certificate has it; the earliest time if it is malformed, and clamped if it is too far away.
base::WallTime TimeOf(const ASN1_TIME* time);

// The names in the certificate, and its end. Names beyond the bounds, and names with control characters or a
// zero byte, are left out.
PeerCertificate NamesOf(const X509& certificate);

}  // namespace ei::http
