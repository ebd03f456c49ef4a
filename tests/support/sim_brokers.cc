#include "support/sim_brokers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "base/crc32c.h"

namespace ei::support {

using wire::Api;
using wire::Decoder;
using wire::Encoder;
using wire::ErrorCode;
using wire::PartitionProduced;

namespace {

struct Offer {
  Api api;
  int16_t min;
  int16_t max;
};
constexpr Offer kOffers[] = {{Api::kProduce, 0, 13},         {Api::kMetadata, 0, 13},
                             {Api::kSaslHandshake, 0, 1},    {Api::kApiVersions, 0, 4},
                             {Api::kInitProducerId, 0, 4},   {Api::kDescribeConfigs, 1, 4},
                             {Api::kSaslAuthenticate, 0, 2}, {Api::kDescribeProducers, 0, 0}};

int64_t Varint(std::string_view& in) {
  uint64_t number = 0;
  for (int shift = 0; !in.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(in.front());
    in.remove_prefix(1);
    number |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return static_cast<int64_t>(number >> 1) ^ -static_cast<int64_t>(number & 1);
}

std::optional<std::string> Sized(std::string_view& in) {
  const int64_t size = Varint(in);
  if (size < 0) return std::nullopt;
  std::string bytes(in.substr(0, static_cast<size_t>(size)));
  in.remove_prefix(std::min(in.size(), static_cast<size_t>(size)));
  return bytes;
}

template <typename Number>
Number NumberAt(std::string_view bytes, size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return wire::BigEndian(number);
}

}  // namespace

SimBrokers::SimBrokers(uint64_t seed, const Chances& chances, int brokers,
                       const std::vector<std::string>& topics, int partitions)
    : random_(seed),
      chances_(chances),
      poison_percent_(chances.poison_percent),
      batch_bytes_max_(chances.batch_bytes_max) {
  for (int i = 0; i < brokers; ++i) {
    Broker& broker = brokers_.emplace_back();
    broker.port = static_cast<uint16_t>(i + 1);
    broker.versions.metadata = static_cast<int16_t>(random_.Between(7, 13));
    broker.versions.produce =
        static_cast<int16_t>(random_.Between(7, broker.versions.metadata >= 12 ? 13 : 11));
    broker.versions.init_producer_id = static_cast<int16_t>(random_.Between(0, 4));
    broker.versions.api_versions = static_cast<int16_t>(random_.Between(0, 4));
    broker.versions.describe_producers = random_.OneIn(2);
  }
  // No broker requires topic ids if another broker of the cluster doesn't report them in its metadata.
  const bool ids =
      std::ranges::all_of(brokers_, [](const Broker& each) { return each.versions.metadata >= 12; });
  for (Broker& broker : brokers_) {
    if (!ids) broker.versions.produce = std::min<int16_t>(broker.versions.produce, 11);
  }
  for (const std::string& name : topics) {
    Topic& topic = topics_[name];
    topic.id = {1, ++last_topic_id_};
    Begin(topic, static_cast<size_t>(partitions));
  }
}

void SimBrokers::SetAddress(size_t broker, std::string host, uint16_t port) {
  brokers_[broker].host = std::move(host);
  brokers_[broker].port = port;
}

void SimBrokers::TakeDown(size_t broker) {
  brokers_[broker].up = false;
  for (auto& [_, topic] : topics_) {
    for (Place& place : topic.partitions) {
      if (place.leader != broker || brokers_.size() == 1 || random_.OneIn(2)) continue;
      place.leader = random_.Below(brokers_.size());
      ++place.epoch;
    }
  }
}

void SimBrokers::ComeUp(size_t broker) {
  brokers_[broker].up = true;
  for (auto& [_, topic] : topics_) {
    for (Place& place : topic.partitions) {
      if (place.leader == broker) place.kept.Restart();
    }
  }
}

void SimBrokers::MoveAnyLeader() {
  auto topic = std::next(topics_.begin(), static_cast<std::ptrdiff_t>(random_.Below(topics_.size())));
  Place& place = topic->second.partitions[random_.Below(topic->second.partitions.size())];
  place.leader = random_.Below(brokers_.size());
  ++place.epoch;
}

void SimBrokers::SetLeader(const std::string& topic, size_t partition, size_t broker) {
  Place& place = topics_.at(topic).partitions.at(partition);
  if (place.leader == broker) return;
  place.leader = broker;
  ++place.epoch;
}

void SimBrokers::Heal() { chances_ = {}; }

bool SimBrokers::IsPoison(std::string_view value) const {
  return Random(std::hash<std::string_view>()(value)).Below(100) < poison_percent_;
}

void SimBrokers::Begin(Topic& topic, size_t partitions) {
  const size_t before = topic.partitions.size();
  topic.partitions.resize(partitions);
  for (size_t i = before; i < partitions; ++i) {
    topic.partitions[i].leader = random_.Below(brokers_.size());
    topic.partitions[i].kept.bytes_max = batch_bytes_max_;
  }
}

void SimBrokers::Delete(const std::string& topic) { topics_.at(topic).deleted = true; }

void SimBrokers::MakeAgain(const std::string& topic, size_t partitions) {
  Topic& again = topics_.at(topic);
  std::vector<std::vector<uint64_t>> logs;
  for (const Place& place : again.partitions) logs.push_back(place.kept.log);
  again.earlier.push_back(std::move(logs));
  again.partitions.clear();
  again.id = {1, ++last_topic_id_};
  again.deleted = false;
  Begin(again, partitions);
}

void SimBrokers::AddPartitions(const std::string& topic, size_t partitions) {
  Topic& more = topics_.at(topic);
  Begin(more, more.partitions.size() + partitions);
}

SimBrokers::Topic* SimBrokers::Find(const std::string& name) {
  const auto found = topics_.find(name);
  return found == topics_.end() || found->second.deleted ? nullptr : &found->second;
}

bool SimBrokers::AllTakeIds() const {
  return std::ranges::all_of(brokers_, [](const Broker& each) { return each.versions.produce >= 13; });
}

std::vector<SimBrokers::Record> SimBrokers::RecordsOf(const std::vector<uint64_t>& tokens) const {
  std::vector<Record> records;
  for (const uint64_t token : tokens) records.push_back(records_[token]);
  return records;
}

std::vector<SimBrokers::Record> SimBrokers::Log(const std::string& topic, int partition) const {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return {};
  return RecordsOf(found->second.partitions.at(static_cast<size_t>(partition)).kept.log);
}

std::vector<std::vector<std::vector<SimBrokers::Record>>> SimBrokers::EarlierLogs(
    const std::string& topic) const {
  std::vector<std::vector<std::vector<Record>>> lives;
  for (const auto& life : topics_.at(topic).earlier) {
    auto& logs = lives.emplace_back();
    for (const auto& log : life) logs.push_back(RecordsOf(log));
  }
  return lives;
}

std::optional<SimBrokers::Request> SimBrokers::Take(std::string& input) {
  if (input.size() < sizeof(int32_t)) return std::nullopt;
  const auto size = static_cast<size_t>(NumberAt<int32_t>(input, 0));
  if (input.size() < sizeof(int32_t) + size) return std::nullopt;
  Request request;
  Decoder header(std::string_view(input).substr(sizeof(int32_t), size), false);
  request.api = static_cast<Api>(header.Int<int16_t>());
  request.version = header.Int<int16_t>();
  request.correlation_id = header.Int<int32_t>();
  header.String();  // the client's id
  std::string_view rest = header.Rest();
  if (wire::IsFlexible(request.api, request.version)) rest.remove_prefix(1);
  request.body = rest;
  input.erase(0, sizeof(int32_t) + size);
  return request;
}

std::string SimBrokers::Answer(size_t broker, const Request& request, int32_t throttle_ms) {
  std::string frame;
  Encoder out(frame, false);
  out.Int(int32_t{0});
  out.Int(request.correlation_id);
  if (request.api != Api::kApiVersions && wire::IsFlexible(request.api, request.version))
    frame.push_back('\0');
  switch (request.api) {
    case Api::kProduce: frame += Produce(broker, request, throttle_ms); break;
    case Api::kMetadata: frame += Metadata(request); break;
    case Api::kApiVersions: frame += ApiVersions(broker, request.version); break;
    case Api::kInitProducerId: frame += InitProducerId(request.version); break;
    case Api::kDescribeConfigs: frame += DescribeConfigs(request); break;
    case Api::kDescribeProducers: frame += DescribeProducers(request); break;
    default: ADD_FAILURE() << "not expected: request " << static_cast<int>(request.api);
  }
  wire::PutBigEndian(frame.data(), static_cast<int32_t>(frame.size() - sizeof(int32_t)));
  return frame;
}

std::string SimBrokers::ApiVersions(size_t broker, int16_t asked) const {
  const Versions& known = brokers_[broker].versions;
  std::string body;
  const bool too_new = asked > known.api_versions;
  const int16_t version = too_new ? int16_t{0} : asked;
  Encoder out(body, wire::IsFlexible(Api::kApiVersions, version));
  out.Int(static_cast<int16_t>(too_new ? ErrorCode::kUnsupportedVersion : ErrorCode::kNone));
  const size_t count = std::size(kOffers) - (known.describe_producers ? 0 : 1);
  out.Count(count);
  for (size_t i = 0; i < count; ++i) {
    int16_t max = kOffers[i].max;
    if (kOffers[i].api == Api::kProduce) max = known.produce;
    if (kOffers[i].api == Api::kMetadata) max = known.metadata;
    if (kOffers[i].api == Api::kInitProducerId) max = known.init_producer_id;
    if (kOffers[i].api == Api::kApiVersions) max = known.api_versions;
    out.Int(static_cast<int16_t>(kOffers[i].api));
    out.Int(kOffers[i].min);
    out.Int(max);
    out.NoTags();
  }
  if (version >= 1) out.Int(int32_t{0});
  out.NoTags();
  return body;
}

std::string SimBrokers::Metadata(const Request& request) const {
  const int16_t version = request.version;
  const bool flexible = wire::IsFlexible(Api::kMetadata, version);
  Decoder in(request.body, flexible);
  std::vector<std::string> asked;
  for (uint32_t left = in.Count(); left > 0; --left) {
    if (version >= 10) in.Id();
    asked.emplace_back(in.String());
    in.Tags();
  }
  std::string body;
  Encoder out(body, flexible);
  out.Int(int32_t{0});
  // A broker that is down is in no metadata answer, though it may still be the leader of partitions.
  out.Count(static_cast<size_t>(std::ranges::count_if(brokers_, &Broker::up)));
  for (size_t i = 0; i < brokers_.size(); ++i) {
    if (!brokers_[i].up) continue;
    out.Int(static_cast<int32_t>(i));
    out.String(brokers_[i].host);
    out.Int(int32_t{brokers_[i].port});
    out.NullString();
    out.NoTags();
  }
  out.String("cluster");
  out.Int(int32_t{0});
  out.Count(asked.size());
  for (const std::string& name : asked) {
    const auto found = topics_.find(name);
    const bool known = found != topics_.end() && !found->second.deleted;
    out.Int(static_cast<int16_t>(known ? ErrorCode::kNone : ErrorCode::kUnknownTopicOrPartition));
    out.String(name);
    if (version >= 10) out.Id(known ? found->second.id : wire::TopicId());
    out.Bool(false);
    out.Count(known ? found->second.partitions.size() : 0);
    for (size_t i = 0; known && i < found->second.partitions.size(); ++i) {
      const Place& place = found->second.partitions[i];
      const bool led = brokers_[place.leader].up;
      out.Int(static_cast<int16_t>(led ? ErrorCode::kNone : ErrorCode::kLeaderNotAvailable));
      out.Int(static_cast<int32_t>(i));
      out.Int(led ? static_cast<int32_t>(place.leader) : int32_t{-1});
      out.Int(place.epoch);
      out.Count(1);
      out.Int(static_cast<int32_t>(place.leader));
      out.Count(0);
      out.Count(0);
      out.NoTags();
    }
    if (version >= 8) out.Int(int32_t{0});
    out.NoTags();
  }
  if (version >= 8 && version <= 10) out.Int(int32_t{0});
  if (version >= 13) out.Int(int16_t{0});
  out.NoTags();
  return body;
}

std::string SimBrokers::InitProducerId(int16_t version) {
  std::string body;
  Encoder out(body, wire::IsFlexible(Api::kInitProducerId, version));
  out.Int(int32_t{0});
  const bool loading = Percent(chances_.refused_percent);
  out.Int(static_cast<int16_t>(loading ? ErrorCode::kCoordinatorLoadInProgress : ErrorCode::kNone));
  out.Int(loading ? int64_t{-1} : next_producer_id_++);
  out.Int(int16_t{0});
  out.NoTags();
  return body;
}

// Parses a batch, with stricter checks than a real broker.
SimPartition::Request SimBrokers::ReadBatch(const Topic& topic, std::string_view batch) {
  SimPartition::Request request{};
  EXPECT_GE(batch.size(), 61U);
  EXPECT_EQ(NumberAt<int32_t>(batch, 8), static_cast<int32_t>(batch.size() - 12));
  EXPECT_EQ(NumberAt<int8_t>(batch, 16), 2);
  EXPECT_EQ(NumberAt<uint32_t>(batch, 17), base::Crc32c(batch.substr(21)));
  EXPECT_EQ(NumberAt<int16_t>(batch, 21), 0);
  request.producer_id = NumberAt<int64_t>(batch, 43);
  request.epoch = NumberAt<int16_t>(batch, 51);
  request.sequence = NumberAt<int32_t>(batch, 53);
  request.bytes = batch.size();
  const auto count = NumberAt<int32_t>(batch, 57);
  EXPECT_EQ(NumberAt<int32_t>(batch, 23), count - 1);
  std::string_view rest = batch.substr(61);
  for (int32_t i = 0; i < count; ++i) {
    const auto size = static_cast<size_t>(Varint(rest));
    std::string_view in = rest.substr(0, size);
    rest.remove_prefix(std::min(rest.size(), size));
    in.remove_prefix(1);
    Varint(in);
    EXPECT_EQ(Varint(in), i);
    Record record;
    record.key = Sized(in);
    record.value = Sized(in).value_or("");
    for (int64_t left = Varint(in); left > 0; --left) {
      std::string name = Sized(in).value_or("");
      record.headers.emplace_back(std::move(name), Sized(in).value_or(""));
    }
    EXPECT_TRUE(in.empty());
    record.order = records_.size();
    request.records.push_back({records_.size(), topic.broken || IsPoison(record.value)});
    records_.push_back(std::move(record));
  }
  EXPECT_TRUE(rest.empty());
  return request;
}

PartitionProduced SimBrokers::ProduceOne(size_t broker, const Topic& topic, Place& place,
                                         std::string_view batch) {
  if (place.leader != broker) return SimPartition::Error(ErrorCode::kNotLeaderOrFollower);
  const auto request = ReadBatch(topic, batch);
  if (!Percent(chances_.refused_percent)) return place.kept.Produce(request);
  constexpr ErrorCode kRefusals[] = {ErrorCode::kNotEnoughReplicas, ErrorCode::kRequestTimedOut,
                                     ErrorCode::kInvalidTimestamp, ErrorCode::kOutOfOrderSequenceNumber,
                                     ErrorCode::kKafkaStorageError};
  PartitionProduced answer = SimPartition::Error(kRefusals[random_.Below(std::size(kRefusals))]);
  if (answer.error == ErrorCode::kRequestTimedOut)
    answer.base_offset = place.kept.Produce(request).base_offset;
  return answer;
}

SimBrokers::Topic* SimBrokers::TopicOf(const wire::TopicId& id) {
  EXPECT_TRUE(id.high == 1 && id.low <= last_topic_id_) << "a topic id that was never given out";
  for (auto& [name, topic] : topics_) {
    if (topic.id == id && !topic.deleted) return &topic;
  }
  return nullptr;
}

std::string SimBrokers::Produce(size_t broker, const Request& request, int32_t throttle_ms) {
  const int16_t version = request.version;
  const bool flexible = wire::IsFlexible(Api::kProduce, version);
  Decoder in(request.body, flexible);
  in.NullableString();
  EXPECT_EQ(in.Int<int16_t>(), -1);
  in.Int<int32_t>();
  std::string body;
  Encoder out(body, flexible);
  const uint32_t topics = in.Count();
  out.Count(topics);
  for (uint32_t left = topics; left > 0; --left) {
    const wire::TopicId id = version >= 13 ? in.Id() : wire::TopicId();
    const std::string name = version >= 13 ? std::string() : std::string(in.String());
    Topic* const topic = version >= 13 ? TopicOf(id) : Find(name);
    std::vector<std::pair<int32_t, PartitionProduced>> answers;
    for (uint32_t partitions = in.Count(); partitions > 0; --partitions) {
      const auto index = in.Int<int32_t>();
      const std::string_view batch = in.Bytes();
      answers.emplace_back(index, version >= 13 ? SimPartition::Error(ErrorCode::kUnknownTopicId)
                                                : SimPartition::Error(ErrorCode::kUnknownTopicOrPartition));
      if (topic != nullptr && static_cast<size_t>(index) < topic->partitions.size()) {
        Place& place = topic->partitions[static_cast<size_t>(index)];
        answers.back().second = ProduceOne(broker, *topic, place, batch);
      }
      in.Tags();
    }
    in.Tags();
    // The cluster answers in another order than the one of the request.
    for (size_t i = answers.size(); i > 1; --i) std::swap(answers[i - 1], answers[random_.Below(i)]);
    if (version >= 13) {
      out.Id(id);
    } else {
      out.String(name);
    }
    out.Count(answers.size());
    for (const auto& [index, answer] : answers) {
      out.Int(index);
      out.Int(static_cast<int16_t>(answer.error));
      out.Int(answer.base_offset);
      out.Int(answer.log_append_time_ms);
      out.Int(int64_t{0});
      if (version >= 8) {
        out.Count(answer.record_errors.size());
        for (const wire::RecordError& error : answer.record_errors) {
          out.Int(error.index);
          out.String("poison");
          out.NoTags();
        }
        out.NullString();
      }
      if (version >= 10 && answer.error == ErrorCode::kNotLeaderOrFollower && random_.OneIn(2)) {
        const Place& place = topic->partitions[static_cast<size_t>(index)];
        std::string hint;
        Encoder tag(hint, true);
        tag.Int(static_cast<int32_t>(place.leader));
        tag.Int(place.epoch);
        tag.NoTags();
        out.UnsignedVarint(1);
        out.UnsignedVarint(0);
        out.UnsignedVarint(hint.size());
        body += hint;
      } else {
        out.NoTags();
      }
    }
    out.NoTags();
  }
  in.Tags();
  EXPECT_TRUE(in.Finished());
  out.Int(throttle_ms);
  out.NoTags();
  return body;
}

// Answers with those settings that were set, or that the client isn't authorised to read the configuration.
std::string SimBrokers::DescribeConfigs(const Request& request) const {
  const int16_t version = request.version;
  Decoder in(request.body, wire::IsFlexible(Api::kDescribeConfigs, version));
  std::vector<std::string> names;
  for (uint32_t left = in.Count(); left > 0; --left) {
    in.Int<int8_t>();
    names.emplace_back(in.String());
    for (uint32_t keys = in.Count(); keys > 0; --keys) in.String();
    in.Tags();
  }
  std::string body;
  Encoder out(body, wire::IsFlexible(Api::kDescribeConfigs, version));
  out.Int(int32_t{0});
  out.Count(names.size());
  for (const std::string& name : names) {
    const auto found = topics_.find(name);
    static const std::map<std::string, std::string> kNone;
    const auto& configs = found == topics_.end() ? kNone : found->second.configs;
    out.Int(static_cast<int16_t>(configs.empty() ? ErrorCode::kTopicAuthorizationFailed : ErrorCode::kNone));
    out.NullString();
    out.Int(int8_t{2});
    out.String(name);
    out.Count(configs.size());
    for (const auto& [key, value] : configs) {
      out.String(key);
      out.String(value);
      out.Bool(false);
      out.Int(int8_t{1});
      out.Bool(false);
      out.Count(0);
      if (version >= 3) {
        out.Int(int8_t{2});
        out.NullString();
      }
      out.NoTags();
    }
    out.NoTags();
  }
  out.NoTags();
  return body;
}

std::string SimBrokers::DescribeProducers(const Request& request) const {
  Decoder in(request.body, true);
  in.Count();
  const std::string name(in.String());
  in.Count();
  const auto index = in.Int<int32_t>();
  const auto found = topics_.find(name);
  const bool there = found != topics_.end() && !found->second.deleted &&
                     static_cast<size_t>(index) < found->second.partitions.size();
  const SimPartition none;
  const SimPartition& kept = there ? found->second.partitions[static_cast<size_t>(index)].kept : none;
  std::string body;
  Encoder out(body, true);
  out.Int(int32_t{0});
  out.Count(1);
  out.String(name);
  out.Count(1);
  out.Int(index);
  const bool tells = chances_.tells_sequences;
  out.Int(static_cast<int16_t>(!there  ? ErrorCode::kUnknownTopicOrPartition
                               : tells ? ErrorCode::kNone
                                       : ErrorCode::kTopicAuthorizationFailed));
  out.NullString();
  std::vector<wire::ProducerState> states;
  for (int64_t id = 1000; tells && id < next_producer_id_; ++id) {
    if (const auto known = kept.Describe(id)) states.push_back(*known);
  }
  out.Count(states.size());
  for (const wire::ProducerState& state : states) {
    out.Int(state.producer_id);
    out.Int(state.producer_epoch);
    out.Int(state.last_sequence);
    out.Int(int64_t{0});
    out.Int(int32_t{0});
    out.Int(int64_t{-1});
    out.NoTags();
  }
  out.NoTags();
  out.NoTags();
  out.NoTags();
  return body;
}

}  // namespace ei::support
