#pragma once

#include <cstdint>

#include "adapters/wal/log_limits.h"
#include "settings/settings.h"

namespace ei::service {

// Sizes of the write-ahead log that follow from the limits of a request and from wal.bytes_max.

// The largest ingest.body_bytes_max for which the log can have files that are large enough.
inline constexpr std::uint64_t kLogBodyBytesMax = wal::kSegmentBytesMax / 2;

// Returns the least wal.bytes_max for these limits: two files that each take the events of the largest body.
std::uint64_t LogBytesMin(const Settings& settings);

// Returns the size of the files of a log of `bytes_max`. A file takes all events of any request, with their
// ids, times, keys, topics and trace contexts. It has 1/32 of the log, at most 32 MiB, or more if the largest
// request needs it; but never more than half of the log, so that one file can be freed while another is
// filled. In a log that is too small for both, requests with very many events get batch_too_large.
std::uint64_t SegmentBytes(const Settings& settings, std::uint64_t bytes_max);

}  // namespace ei::service
