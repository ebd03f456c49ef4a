#include "adapters/kafka/wire/messages.h"

namespace ei::kafka::wire {

namespace {

constexpr int16_t kAcksAll = -1;
constexpr int8_t kTopicResource = 2;
constexpr uint32_t kLeaderTag = 0;   // in a partition of a produce response
constexpr uint32_t kBrokersTag = 0;  // in a produce response

ErrorCode Error(Decoder& in) { return static_cast<ErrorCode>(in.Int<int16_t>()); }

template <typename Element, typename Read>
std::vector<Element> Array(Decoder& in, Read read) {
  std::vector<Element> elements;
  // No reserve: Count() is bounded only by the remaining bytes, and an element takes several.
  for (uint32_t left = in.Count(); left > 0 && !in.Failed(); --left) elements.push_back(read(in));
  return elements;
}

template <typename Response>
std::optional<Response> Whole(const Decoder& in, Response& response) {
  if (!in.Finished()) return std::nullopt;
  return std::move(response);
}

}  // namespace

RequestFrame::RequestFrame(std::string& out, const RequestHeader& header)
    : out_(out), start_(out.size()), encoder_(out, IsFlexible(header.api, header.version)) {
  encoder_.Int(int32_t{0});  // the size
  encoder_.Int(static_cast<int16_t>(header.api));
  encoder_.Int(header.version);
  encoder_.Int(header.correlation_id);
  // The only string that is never compact: the broker reads it before it knows the version (KIP-511).
  Encoder(out, false).String(header.client_id);
  encoder_.NoTags();
}

void RequestFrame::End(size_t spliced_bytes) {
  PutBigEndian(out_.data() + start_,
               static_cast<int32_t>(out_.size() - start_ - sizeof(int32_t) + spliced_bytes));
}

Decoder BodyOf(Api api, int16_t version, std::string_view response) {
  Decoder in(response, IsFlexible(api, version));
  if (api != Api::kApiVersions) in.Tags();  // its header never has tags (KIP-511)
  return in;
}

void AppendApiVersions(std::string& out, const RequestHeader& header, std::string_view software_name,
                       std::string_view software_version) {
  RequestFrame frame(out, header);
  if (header.version >= 3) {
    frame.Body().String(software_name);
    frame.Body().String(software_version);
  }
  frame.Body().NoTags();
  frame.End();
}

std::optional<ApiVersionsResponse> ReadApiVersions(int16_t version, std::string_view response) {
  Decoder in = BodyOf(Api::kApiVersions, version, response);
  ApiVersionsResponse made;
  made.error = Error(in);
  for (uint32_t left = in.Count(); left > 0 && !in.Failed(); --left) {
    const auto api = in.Int<int16_t>();
    const auto min = in.Int<int16_t>();
    const auto max = in.Int<int16_t>();
    in.Tags();
    if (!in.Failed()) made.agreed.Offer(api, {min, max});
  }
  if (version >= 1) in.Int<int32_t>();  // throttle time, always 0
  in.Tags();
  return Whole(in, made);
}

void AppendMetadata(std::string& out, const RequestHeader& header, std::span<const std::string> topics) {
  RequestFrame frame(out, header);
  Encoder& body = frame.Body();
  body.Count(topics.size());
  for (const std::string& topic : topics) {
    if (header.version >= 10) body.Id({});
    body.String(topic);
    body.NoTags();
  }
  body.Bool(true);  // allow_auto_topic_creation: if the brokers are configured to create topics
  if (header.version >= 8 && header.version <= 10) body.Bool(false);
  if (header.version >= 8) body.Bool(false);
  body.NoTags();
  frame.End();
}

namespace {

BrokerAddress ReadBroker(Decoder& in) {
  BrokerAddress broker;
  broker.node = in.Int<int32_t>();
  broker.host = in.String();
  broker.port = in.Int<int32_t>();
  in.NullableString();  // rack
  in.Tags();
  return broker;
}

uint32_t PassNodes(Decoder& in) {
  uint32_t count = in.Count();
  for (uint32_t left = count; left > 0 && !in.Failed(); --left) in.Int<int32_t>();
  return count;
}

PartitionMetadata ReadPartition(Decoder& in) {
  PartitionMetadata partition;
  partition.error = Error(in);
  partition.index = in.Int<int32_t>();
  partition.leader = in.Int<int32_t>();
  partition.leader_epoch = in.Int<int32_t>();
  partition.replicas = PassNodes(in);
  PassNodes(in);  // in sync
  PassNodes(in);  // offline
  in.Tags();
  return partition;
}

}  // namespace

std::optional<MetadataResponse> ReadMetadata(int16_t version, std::string_view response) {
  Decoder in = BodyOf(Api::kMetadata, version, response);
  MetadataResponse made;
  made.throttle_ms = in.Int<int32_t>();
  made.brokers = Array<BrokerAddress>(in, ReadBroker);
  made.cluster_id = in.String();
  in.Int<int32_t>();  // controller
  made.topics = Array<TopicMetadata>(in, [version](Decoder& from) {
    TopicMetadata topic;
    topic.error = Error(from);
    topic.name = from.String();
    if (version >= 10) topic.id = from.Id();
    from.Bool();  // internal
    topic.partitions = Array<PartitionMetadata>(from, ReadPartition);
    if (version >= 8) from.Int<int32_t>();  // authorized operations
    from.Tags();
    return topic;
  });
  if (version >= 8 && version <= 10) in.Int<int32_t>();
  if (version >= 13) made.error = Error(in);
  in.Tags();
  return Whole(in, made);
}

void AppendInitProducerId(std::string& out, const RequestHeader& header) {
  RequestFrame frame(out, header);
  Encoder& body = frame.Body();
  body.NullString();      // transactional id
  body.Int(int32_t{-1});  // its time-out
  if (header.version >= 3) {
    body.Int(int64_t{-1});  // a new producer id
    body.Int(int16_t{-1});
  }
  body.NoTags();
  frame.End();
}

std::optional<InitProducerIdResponse> ReadInitProducerId(int16_t version, std::string_view response) {
  Decoder in = BodyOf(Api::kInitProducerId, version, response);
  InitProducerIdResponse made;
  made.throttle_ms = in.Int<int32_t>();
  made.error = Error(in);
  made.producer_id = in.Int<int64_t>();
  made.producer_epoch = in.Int<int16_t>();
  in.Tags();
  return Whole(in, made);
}

void AppendProduce(std::string& out, std::vector<Splice>& splices, const RequestHeader& header,
                   int32_t timeout_ms, std::span<const TopicBatches> topics) {
  RequestFrame frame(out, header);
  Encoder& body = frame.Body();
  size_t spliced_bytes = 0;
  body.NullString();  // transactional id
  body.Int(kAcksAll);
  body.Int(timeout_ms);
  body.Count(topics.size());
  for (const TopicBatches& topic : topics) {
    if (header.version >= 13) {
      body.Id(topic.id);
    } else {
      body.String(topic.name);
    }
    body.Count(topic.partitions.size());
    for (const PartitionBatch& partition : topic.partitions) {
      body.Int(partition.partition);
      body.Count(partition.batch.size());
      splices.push_back({out.size(), partition.batch});
      spliced_bytes += partition.batch.size();
      body.NoTags();
    }
    body.NoTags();
  }
  body.NoTags();
  frame.End(spliced_bytes);
}

namespace {

PartitionProduced ReadPartitionProduced(int16_t version, Decoder& in) {
  PartitionProduced partition;
  partition.index = in.Int<int32_t>();
  partition.error = Error(in);
  partition.base_offset = in.Int<int64_t>();
  partition.log_append_time_ms = in.Int<int64_t>();
  in.Int<int64_t>();  // log start offset
  if (version >= 8) {
    partition.record_errors = Array<RecordError>(in, [](Decoder& from) {
      RecordError error;
      error.index = from.Int<int32_t>();
      error.message = from.String();
      from.Tags();
      return error;
    });
    partition.error_message = in.String();
  }
  in.Tags([&](uint32_t tag, std::string_view bytes) {
    if (tag != kLeaderTag || version < 10) return;
    Decoder leader(bytes, true);
    LeaderHint hint;
    hint.node = leader.Int<int32_t>();
    hint.epoch = leader.Int<int32_t>();
    leader.Tags();
    if (leader.Finished()) partition.leader = hint;
  });
  return partition;
}

}  // namespace

std::optional<ProduceResponse> ReadProduce(int16_t version, std::string_view response) {
  Decoder in = BodyOf(Api::kProduce, version, response);
  ProduceResponse made;
  made.topics = Array<TopicProduced>(in, [version](Decoder& from) {
    TopicProduced topic;
    if (version >= 13) {
      topic.id = from.Id();
    } else {
      topic.name = from.String();
    }
    topic.partitions = Array<PartitionProduced>(
        from, [version](Decoder& inner) { return ReadPartitionProduced(version, inner); });
    from.Tags();
    return topic;
  });
  made.throttle_ms = in.Int<int32_t>();
  in.Tags([&](uint32_t tag, std::string_view bytes) {
    if (tag != kBrokersTag || version < 10) return;
    Decoder brokers(bytes, true);
    made.brokers = Array<BrokerAddress>(brokers, ReadBroker);
    if (!brokers.Finished()) made.brokers.clear();
  });
  return Whole(in, made);
}

void AppendSaslHandshake(std::string& out, const RequestHeader& header, std::string_view mechanism) {
  RequestFrame frame(out, header);
  frame.Body().String(mechanism);
  frame.Body().NoTags();
  frame.End();
}

std::optional<SaslHandshakeResponse> ReadSaslHandshake(int16_t version, std::string_view response) {
  Decoder in = BodyOf(Api::kSaslHandshake, version, response);
  SaslHandshakeResponse made;
  made.error = Error(in);
  made.mechanisms = Array<std::string_view>(in, [](Decoder& from) { return from.String(); });
  return Whole(in, made);
}

void AppendSaslAuthenticate(std::string& out, const RequestHeader& header, std::string_view token) {
  RequestFrame frame(out, header);
  frame.Body().Bytes(token);
  frame.Body().NoTags();
  frame.End();
}

std::optional<SaslAuthenticateResponse> ReadSaslAuthenticate(int16_t version, std::string_view response) {
  Decoder in = BodyOf(Api::kSaslAuthenticate, version, response);
  SaslAuthenticateResponse made;
  made.error = Error(in);
  made.error_message = in.String();
  made.token = in.Bytes();
  if (version >= 1) made.session_lifetime_ms = in.Int<int64_t>();
  in.Tags();
  return Whole(in, made);
}

void AppendDescribeTopicConfigs(std::string& out, const RequestHeader& header,
                                std::span<const std::string> topics,
                                std::span<const std::string_view> names) {
  RequestFrame frame(out, header);
  Encoder& body = frame.Body();
  body.Count(topics.size());
  for (const std::string& topic : topics) {
    body.Int(kTopicResource);
    body.String(topic);
    body.Count(names.size());
    for (const std::string_view name : names) body.String(name);
    body.NoTags();
  }
  body.Bool(false);                           // synonyms
  if (header.version >= 3) body.Bool(false);  // documentation
  body.NoTags();
  frame.End();
}

namespace {

ConfigValue ReadConfig(int16_t version, Decoder& in) {
  ConfigValue config;
  config.name = in.String();
  config.value = in.NullableString();
  in.Bool();                                                            // read only
  in.Int<int8_t>();                                                     // source
  in.Bool();                                                            // sensitive
  for (uint32_t left = in.Count(); left > 0 && !in.Failed(); --left) {  // synonyms
    in.String();
    in.NullableString();
    in.Int<int8_t>();
    in.Tags();
  }
  if (version >= 3) {
    in.Int<int8_t>();  // type
    in.NullableString();
  }
  in.Tags();
  return config;
}

}  // namespace

std::optional<DescribeConfigsResponse> ReadDescribeConfigs(int16_t version, std::string_view response) {
  Decoder in = BodyOf(Api::kDescribeConfigs, version, response);
  DescribeConfigsResponse made;
  made.throttle_ms = in.Int<int32_t>();
  made.topics = Array<TopicConfigs>(in, [version](Decoder& from) {
    TopicConfigs topic;
    topic.error = Error(from);
    from.NullableString();
    from.Int<int8_t>();
    topic.topic = from.String();
    topic.values = Array<ConfigValue>(from, [version](Decoder& inner) { return ReadConfig(version, inner); });
    from.Tags();
    return topic;
  });
  in.Tags();
  return Whole(in, made);
}

void AppendDescribeProducers(std::string& out, const RequestHeader& header, std::string_view topic,
                             int32_t partition) {
  RequestFrame frame(out, header);
  Encoder& body = frame.Body();
  body.Count(1);
  body.String(topic);
  body.Count(1);
  body.Int(partition);
  body.NoTags();
  body.NoTags();
  frame.End();
}

std::optional<DescribeProducersResponse> ReadDescribeProducers(int16_t version, std::string_view response) {
  Decoder in = BodyOf(Api::kDescribeProducers, version, response);
  DescribeProducersResponse made;
  made.throttle_ms = in.Int<int32_t>();
  for (uint32_t topics = in.Count(); topics > 0 && !in.Failed(); --topics) {
    in.String();
    for (uint32_t partitions = in.Count(); partitions > 0 && !in.Failed(); --partitions) {
      in.Int<int32_t>();
      made.error = Error(in);
      in.NullableString();
      made.producers = Array<ProducerState>(in, [](Decoder& from) {
        ProducerState state;
        state.producer_id = from.Int<int64_t>();
        state.producer_epoch = from.Int<int32_t>();
        state.last_sequence = from.Int<int32_t>();
        from.Int<int64_t>();
        from.Int<int32_t>();
        from.Int<int64_t>();
        from.Tags();
        return state;
      });
      in.Tags();
    }
    in.Tags();
  }
  in.Tags();
  return Whole(in, made);
}

}  // namespace ei::kafka::wire
