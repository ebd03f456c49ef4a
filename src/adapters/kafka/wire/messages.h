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

// The requests of a producer and the responses to them (https://kafka.apache.org/protocol). Requests are
// appended to a string as whole frames, their size in front. Responses are read from the bytes behind the
// correlation id: hostile ones too, with what they make bounded by their size. All views in a response are
// into its bytes.
namespace ei::kafka::wire {

// In front of each request.
struct RequestHeader {
  Api api;
  int16_t version = 0;
  int32_t correlation_id = 0;
  std::string_view client_id = {};
};

// Appends one request as a frame: begin, then the body through Body(), then End.
class RequestFrame {
 public:
  RequestFrame(std::string& out, const RequestHeader& header);
  Encoder& Body() { return encoder_; }
  // Writes the frame's size; `beside` bytes are sent within it that don't stand in the string.
  void End(size_t beside = 0);

 private:
  std::string& out_;
  const size_t start_;
  Encoder encoder_;
};

// Reads a response's header, behind its correlation id, and gives the decoder of its body.
Decoder BodyOf(Api api, int16_t version, std::string_view response);

// --- ApiVersions (KIP-35). A broker that doesn't know the version answers kUnsupportedVersion in version 0.

void AppendApiVersions(std::string& out, const RequestHeader& header, std::string_view software_name,
                       std::string_view software_version);

struct ApiVersionsResponse {
  ErrorCode error = ErrorCode::kNone;
  AgreedVersions agreed;
};
std::optional<ApiVersionsResponse> ReadApiVersions(int16_t version, std::string_view response);

// --- Metadata, of named topics. Brokers that make missing topics do so.

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

// --- Produce. The batches are not copied: where each goes between the request's own bytes is said by Splice.

struct PartitionBatch {
  int32_t partition = 0;
  std::string_view batch;  // as RecordBatch seals it
};

struct TopicBatches {
  std::string_view name;  // up to version 12
  TopicId id;             // from version 13 on
  std::span<const PartitionBatch> partitions;
};

// Behind `offset` bytes of the request's string come those of `batch`.
struct Splice {
  size_t offset = 0;
  std::string_view batch;
};

// With acks=all. A partition stands once in a request: brokers take only the last one of several (kafka.md,
// K13).
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

// --- DescribeConfigs, of topics; only the values that are asked for.

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

// --- DescribeProducers (KIP-664): what a partition's leader knows of the producers that wrote to it. Needs
// the right to read the topic.

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
// Of the one partition that was asked about.
std::optional<DescribeProducersResponse> ReadDescribeProducers(int16_t version, std::string_view response);

}  // namespace ei::kafka::wire
