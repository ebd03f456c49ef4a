#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace ei::service {

// Number of acknowledged, undelivered events in the write-ahead log in this folder; 0 if the folder doesn't
// exist. Only reads, and may run while another process writes to the log.
base::Result<uint64_t> EventsLeftInLog(const std::string& folder);

}  // namespace ei::service
