#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "ingest/problems.h"

namespace ei {

enum class IngestStatus : uint8_t {
  kAccepted,     // each valid event (IngestContext::batch) is in the journal or, if a repeat, was accepted
                 // before
  kAllRejected,  // no event was accepted; IngestContext::rejections says why
  kRateLimited,
  kJournalFull,
  kOverShare,      // the journal has room, but the client is over its share
  kBatchTooLarge,  // more valid events than the journal can ever hold at once
  kKeyTooLarge,  // the events plus the request's key, once for each event that uses it, exceed body_bytes_max
  kShuttingDown,
  kStorageFailed,   // the journal's storage failed; the process is about to end
  kAckUnavailable,  // the service can't provide the requested level
};

// The codes of Code(IngestStatus) that events are counted under.
inline constexpr std::array kIngestCodes = {problems::kRateLimited.code,  problems::kClientOverShare.code,
                                            problems::kJournalFull.code,  kBatchNotValid,
                                            problems::kShuttingDown.code, problems::kStorageFailed.code,
                                            problems::kBatchTooLarge.code};

// Returns the stable code of a rejection, for example "journal_full"; empty for kAccepted and kAllRejected.
constexpr std::string_view Code(IngestStatus status) {
  switch (status) {
    case IngestStatus::kAccepted:
    case IngestStatus::kAllRejected: return {};
    case IngestStatus::kRateLimited: return problems::kRateLimited.code;
    case IngestStatus::kJournalFull: return problems::kJournalFull.code;
    case IngestStatus::kOverShare: return problems::kClientOverShare.code;
    case IngestStatus::kBatchTooLarge:
    case IngestStatus::kKeyTooLarge: return problems::kBatchTooLarge.code;
    case IngestStatus::kShuttingDown: return problems::kShuttingDown.code;
    case IngestStatus::kStorageFailed: return problems::kStorageFailed.code;
    case IngestStatus::kAckUnavailable: return problems::kAckUnavailable.code;
  }
  return {};
}

}  // namespace ei
