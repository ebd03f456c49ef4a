#pragma once

#include <ostream>
#include <string>

#include "adapters/tokens/http_client.h"
#include "base/result.h"
#include "settings/settings.h"

namespace ei::service {

// The URL of /readyz, or /livez, of a service with these settings on this machine. kInvalid if the port of
// the settings is 0.
base::Result<std::string> HealthUrl(const Settings& settings, bool live);

// Asks the service with these settings, so it needs the same environment and settings file. Returns
// kExitClean when the answer is 200. Otherwise writes the reason to `errors` and returns kExitFailure, or
// kExitSettings if the port is 0.
int RunHealthCommand(const Settings& settings, bool live, tokens::HttpClient& http, std::ostream& out,
                     std::ostream& errors);

}  // namespace ei::service
