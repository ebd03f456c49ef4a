#pragma once

#include <ostream>
#include <string>

#include "adapters/tokens/http_client.h"
#include "base/result.h"
#include "settings/settings.h"

namespace ei::service {

// Where a service with these settings answers on this machine: /readyz, or /livez. kInvalid when the settings
// leave the port open.
base::Result<std::string> HealthUrl(const Settings& settings, bool live);

// Asks the service with these settings, so it needs the same environment and file, and returns 0 when the
// answer is 200. Anything else is told on `errors` and is kExitFailure, or kExitSettings without a port.
int RunHealthCommand(const Settings& settings, bool live, tokens::HttpClient& http, std::ostream& out,
                     std::ostream& errors);

}  // namespace ei::service
