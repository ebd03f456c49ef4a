#pragma once

#include <cstddef>

#include "adapters/telemetry/metric_table.h"

// Indexes of the numbers of Metrics among its cells. A counter with a bounded label has one cell for each
// label value and one for all further values together; a histogram has a cell for each bucket, one for values
// above the last bucket, and one for the sum.
namespace ei::telemetry::cells {

inline constexpr size_t kStatusesMax = 24;
inline constexpr size_t kRejectionCodesMax = 32;
inline constexpr size_t kRequestCodesMax = 64;
inline constexpr size_t kDropReasonsMax = kDropReasons.size();
inline constexpr size_t kHandshakeFaultsMax = kHandshakeFaults.size();
inline constexpr size_t kDeadLetterCodesMax = 32;
inline constexpr size_t kSinkFaultsMax = 24;
inline constexpr size_t kSharedResourcesMax = kSharedResources.size();
inline constexpr size_t kAuthenticationFaultsMax = kAuthenticationFaults.size();
static_assert(kRejectionCodes.size() <= kRejectionCodesMax);
static_assert(kRequestCodes.size() <= kRequestCodesMax);
static_assert(kSinkFaults.size() <= kSinkFaultsMax);

inline constexpr size_t kRequestsOfRoute = kStatusesMax + 1;
inline constexpr size_t kRequestTimesOfRoute = kRequestBuckets.size() + 2;

inline constexpr size_t kReceived = 0;
inline constexpr size_t kAccepted = 1;
inline constexpr size_t kDelivered = 2;
inline constexpr size_t kRetried = 3;
inline constexpr size_t kUndelivered = 4;
inline constexpr size_t kAckTimeouts = 5;
inline constexpr size_t kDeduplicated = 6;
inline constexpr size_t kIdConflicts = 7;
inline constexpr size_t kRejected = 8;
inline constexpr size_t kDeadLettered = kRejected + kRejectionCodesMax + 1;
inline constexpr size_t kFiled = kDeadLettered + kDeadLetterCodesMax + 1;
inline constexpr size_t kRequests = kFiled + kDeadLetterCodesMax + 1;
inline constexpr size_t kRequestTimes = kRequests + kRoutes.size() * kRequestsOfRoute;
inline constexpr size_t kDeliveryTimes = kRequestTimes + kRoutes.size() * kRequestTimesOfRoute;
inline constexpr size_t kCommitTimes = kDeliveryTimes + kDeliveryBuckets.size() + 2;
inline constexpr size_t kFaults = kCommitTimes + kRequestBuckets.size() + 2;
inline constexpr size_t kOverShare = kFaults + kSinkFaultsMax + 1;
inline constexpr size_t kRejectedRequests = kOverShare + kSharedResourcesMax + 1;
inline constexpr size_t kDropped = kRejectedRequests + kRequestCodesMax + 1;
inline constexpr size_t kRepeats = kDropped + kDropReasonsMax + 1;
inline constexpr size_t kUnauthenticated = kRepeats + kRepeatKinds.size();
inline constexpr size_t kHandshakes = kUnauthenticated + kAuthenticationFaultsMax + 1;
inline constexpr size_t kHandshakeTimes = kHandshakes + kHandshakeKinds.size();
inline constexpr size_t kFailedHandshakes = kHandshakeTimes + kRequestBuckets.size() + 2;
inline constexpr size_t kCount = kFailedHandshakes + kHandshakeFaultsMax + 1;

}  // namespace ei::telemetry::cells
