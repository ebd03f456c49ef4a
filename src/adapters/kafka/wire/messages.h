#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/wire/api.h"
#include "adapters/kafka/wire/decoder.h"
#include "adapters/kafka/wire/encoder.h"

// The requests of a producer and their responses (https://kafka.apache.org/protocol). Requests are appended
// to a string as complete frames with their size in front. Responses are parsed from the bytes after the
// correlation id; the bytes may be hostile, and the memory of the result is bounded by their size. All views
// in a response are into its bytes.
namespace ei::kafka::wire {

// Precedes each request.
struct RequestHeader {
  Api api;
  int16_t version = 0;
  int32_t correlation_id = 0;
  std::string_view client_id = {};
};

// Appends one request as a frame: construct it, write the body through Body(), then call End.
class RequestFrame {
 public:
  RequestFrame(std::string& out, const RequestHeader& header);
  Encoder& Body() { return encoder_; }
  // Writes the frame's size. `spliced_bytes` is the number of bytes of the frame that are not in the string.
  void End(size_t spliced_bytes = 0);

 private:
  std::string& out_;
  const size_t start_;
  Encoder encoder_;
};

// Reads the rest of a response's header, after the correlation id, and returns the decoder of the body.
Decoder BodyOf(Api api, int16_t version, std::string_view response);

// --- ApiVersions (KIP-35). A broker that doesn't support the version answers kUnsupportedVersion in version
// 0.

void AppendApiVersions(std::string& out, const RequestHeader& header, std::string_view software_name,
                       std::string_view software_version);

struct ApiVersionsResponse {
  ErrorCode error = ErrorCode::kNone;
  AgreedVersions agreed;
};
std::optional<ApiVersionsResponse> ReadApiVersions(int16_t version, std::string_view response);

// --- Metadata of named topics. Brokers create missing topics if they are configured to.

void AppendMetadata(std::string& out, const RequestHeader& header, std::span<const std::string> topics);

struct BrokerAddress {
  int32_t node = -1;
  std::string_view host;
  int32_t port = 0;
};

struct PartitionMetadata {
  ErrorCode error = ErrorCode::kNone;
  int32_t index = -1;
  int32_t leader = -1;  // a node; -1: none
  int32_t leader_epoch = -1;
  uint32_t replicas = 0;
};

struct TopicMetadata {
  ErrorCode error = ErrorCode::kNone;
  std::string_view name;
  TopicId id;  // from version 10 on
  std::vector<PartitionMetadata> partitions;
};

struct MetadataResponse {
  int32_t throttle_ms = 0;
  ErrorCode error = ErrorCode::kNone;
  std::vector<BrokerAddress> brokers;
  std::string_view cluster_id;
  std::vector<TopicMetadata> topics;
};
std::optional<MetadataResponse> ReadMetadata(int16_t version, std::string_view response);

// --- InitProducerId, without a transaction.

void AppendInitProducerId(std::string& out, const RequestHeader& header);

struct InitProducerIdResponse {
  int32_t throttle_ms = 0;
  ErrorCode error = ErrorCode::kNone;
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
};
std::optional<InitProducerIdResponse> ReadInitProducerId(int16_t version, std::string_view response);

// --- Produce. The batches are not copied: Splice says where each goes between the request's own bytes.

struct PartitionBatch {
  int32_t partition = 0;
  std::string_view batch;  // as RecordBatch seals it
};

struct TopicBatches {
  std::string_view name;  // up to version 12
  TopicId id;             // from version 13 on
  std::span<const PartitionBatch> partitions;
};

// The bytes of `batch` follow the first `offset` bytes of the request's string.
struct Splice {
  size_t offset = 0;
  std::string_view batch;
};

// Uses acks=all. A partition may be in a request only once: of several, brokers process only the last
// (kafka.md, K13).
void AppendProduce(std::string& out, std::vector<Splice>& splices, const RequestHeader& header,
                   int32_t timeout_ms, std::span<const TopicBatches> topics);

struct RecordError {
  int32_t index = 0;  // in the batch
  std::string_view message;
};

struct LeaderHint {
  int32_t node = -1;
  int32_t epoch = -1;
};

struct PartitionProduced {
  int32_t index = -1;
  ErrorCode error = ErrorCode::kNone;
  int64_t base_offset = -1;
  int64_t log_append_time_ms = -1;
  std::vector<RecordError> record_errors;  // from version 8 on (KIP-467)
  std::string_view error_message;          // the same
  std::optional<LeaderHint> leader;        // from version 10 on (KIP-951)
};

struct TopicProduced {
  std::string_view name;
  TopicId id;
  std::vector<PartitionProduced> partitions;
};

struct ProduceResponse {
  int32_t throttle_ms = 0;
  std::vector<TopicProduced> topics;
  std::vector<BrokerAddress> brokers;  // of the hints
};
std::optional<ProduceResponse> ReadProduce(int16_t version, std::string_view response);

// --- SASL (KIP-43, KIP-152, KIP-368).

void AppendSaslHandshake(std::string& out, const RequestHeader& header, std::string_view mechanism);

struct SaslHandshakeResponse {
  ErrorCode error = ErrorCode::kNone;
  std::vector<std::string_view> mechanisms;  // that the broker knows
};
std::optional<SaslHandshakeResponse> ReadSaslHandshake(int16_t version, std::string_view response);

void AppendSaslAuthenticate(std::string& out, const RequestHeader& header, std::string_view token);

struct SaslAuthenticateResponse {
  ErrorCode error = ErrorCode::kNone;
  std::string_view error_message;
  std::string_view token;
  int64_t session_lifetime_ms = 0;  // 0: no end
};
std::optional<SaslAuthenticateResponse> ReadSaslAuthenticate(int16_t version, std::string_view response);

// --- DescribeConfigs of topics; only the requested values.

void AppendDescribeTopicConfigs(std::string& out, const RequestHeader& header,
                                std::span<const std::string> topics, std::span<const std::string_view> names);

struct ConfigValue {
  std::string_view name;
  std::optional<std::string_view> value;
};

struct TopicConfigs {
  ErrorCode error = ErrorCode::kNone;
  std::string_view topic;
  std::vector<ConfigValue> values;
};

struct DescribeConfigsResponse {
  int32_t throttle_ms = 0;
  std::vector<TopicConfigs> topics;
};
std::optional<DescribeConfigsResponse> ReadDescribeConfigs(int16_t version, std::string_view response);

// --- DescribeProducers (KIP-664): the state that a partition's leader has of its producers. Requires Read on
// the topic.

void AppendDescribeProducers(std::string& out, const RequestHeader& header, std::string_view topic,
                             int32_t partition);

struct ProducerState {
  int64_t producer_id = -1;
  int32_t producer_epoch = -1;
  int32_t last_sequence = -1;
};

struct DescribeProducersResponse {
  int32_t throttle_ms = 0;
  ErrorCode error = ErrorCode::kNone;
  std::vector<ProducerState> producers;
};
// Reads the answer about the one partition that was requested.
std::optional<DescribeProducersResponse> ReadDescribeProducers(int16_t version, std::string_view response);

}  // namespace ei::kafka::wire
