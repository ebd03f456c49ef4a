#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "clients/client_directory.h"

namespace ei::service {

// How each client is recognised: a line for each key, certificate and set of claims. Hashes are not shown.
std::string ClientsTable(const std::vector<ClientEntry>& clients, base::WallTime now);

// The same as one JSON object on one line.
std::string ClientsAsJson(const std::vector<ClientEntry>& clients, base::WallTime now);

// "ok: 3 clients, 4 keys, 1 of them expired", one line.
std::string ClientsSummary(const std::vector<ClientEntry>& clients, base::WallTime now);

}  // namespace ei::service
