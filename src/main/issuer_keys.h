#pragma once

#include "adapters/auth/jwks_source.h"
#include "settings/settings.h"

namespace ei::service {

// Where the keys of the issuer of tokens come from: auth.jwks_file or auth.jwks_url.
auth::JwksSource::Options IssuerKeysOf(const AuthSettings& settings);

}  // namespace ei::service
