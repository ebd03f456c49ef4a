#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace ei::kafka::wire {

// The requests that a producer makes (https://kafka.apache.org/protocol, "Api Keys").
enum class Api : int16_t {
  kProduce = 0,
  kMetadata = 3,
  kSaslHandshake = 17,
  kApiVersions = 18,
  kInitProducerId = 22,
  kDescribeConfigs = 32,
  kSaslAuthenticate = 36,
  kDescribeProducers = 61,
};

struct VersionRange {
  int16_t min = 0;
  int16_t max = -1;  // below min: none
};

// The versions that this client supports of one request, and the first flexible version (KIP-482).
struct SupportedApi {
  Api api;
  VersionRange versions;
  int16_t flexible_from;
};

// For Kafka 2.1 (Produce 7) to 4.4. Produce 12 differs only in transactions; Produce 13 identifies topics by
// id, not by name.
inline constexpr std::array<SupportedApi, 8> kSupportedApis = {{
    {Api::kProduce, {7, 13}, 9},
    {Api::kMetadata, {7, 13}, 9},
    {Api::kSaslHandshake, {1, 1}, 2},
    {Api::kApiVersions, {0, 4}, 3},
    {Api::kInitProducerId, {0, 4}, 2},
    {Api::kDescribeConfigs, {1, 4}, 4},
    {Api::kSaslAuthenticate, {0, 2}, 2},
    {Api::kDescribeProducers, {0, 0}, 0},
}};

constexpr const SupportedApi& SupportedApiOf(Api api) {
  return *std::ranges::find(kSupportedApis, api, &SupportedApi::api);
}

constexpr bool IsFlexible(Api api, int16_t version) { return version >= SupportedApiOf(api).flexible_from; }

// The versions that both sides support, for one connection. Brokers of a cluster may differ during an
// upgrade, so each connection has its own.
class AgreedVersions {
 public:
  // Records the broker's version range of one request. Requests that this client doesn't use are ignored.
  void Offer(int16_t api, VersionRange offered) {
    for (size_t i = 0; i < kSupportedApis.size(); ++i) {
      if (static_cast<int16_t>(kSupportedApis[i].api) != api) continue;
      const VersionRange& ours = kSupportedApis[i].versions;
      agreed_[i] = {std::max(ours.min, offered.min), std::min(ours.max, offered.max)};
    }
  }

  // The newest version that both support; nullopt: there is none.
  std::optional<int16_t> Newest(Api api) const {
    const auto& range = agreed_[static_cast<size_t>(&SupportedApiOf(api) - kSupportedApis.data())];
    return range.min <= range.max ? std::optional(range.max) : std::nullopt;
  }

 private:
  std::array<VersionRange, kSupportedApis.size()> agreed_{};
};

// Error codes that decide what a producer does next (https://kafka.apache.org/protocol, "Error Codes").
enum class ErrorCode : int16_t {
  kUnknownServerError = -1,
  kNone = 0,
  kCorruptMessage = 2,
  kUnknownTopicOrPartition = 3,
  kLeaderNotAvailable = 5,
  kNotLeaderOrFollower = 6,
  kRequestTimedOut = 7,
  kMessageTooLarge = 10,
  kCoordinatorLoadInProgress = 14,
  kCoordinatorNotAvailable = 15,
  kNotCoordinator = 16,
  kInvalidTopic = 17,
  kRecordListTooLarge = 18,
  kNotEnoughReplicas = 19,
  kNotEnoughReplicasAfterAppend = 20,
  kInvalidRequiredAcks = 21,
  kTopicAuthorizationFailed = 29,
  kClusterAuthorizationFailed = 31,
  kInvalidTimestamp = 32,
  kUnsupportedSaslMechanism = 33,
  kIllegalSaslState = 34,
  kUnsupportedVersion = 35,
  kPolicyViolation = 44,
  kOutOfOrderSequenceNumber = 45,
  kDuplicateSequenceNumber = 46,
  kInvalidProducerEpoch = 47,
  kTransactionalIdAuthorizationFailed = 53,
  kKafkaStorageError = 56,
  kSaslAuthenticationFailed = 58,
  kUnknownProducerId = 59,
  kUnsupportedCompressionType = 76,
  kInvalidRecord = 87,
  kProducerFenced = 90,
  kUnknownTopicId = 100,
  kThrottlingQuotaExceeded = 89,
  kRebootstrapRequired = 129,
};

}  // namespace ei::kafka::wire
