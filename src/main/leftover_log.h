#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace ei::service {

// How many events the write-ahead log in this folder holds that were acknowledged and not delivered; 0 also
// when there is no folder. Changes nothing, and is right beside a process that writes there.
base::Result<uint64_t> EventsLeftInLog(const std::string& folder);

}  // namespace ei::service
