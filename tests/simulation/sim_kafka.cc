#include "simulation/sim_kafka.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/crc32c.h"

namespace ei::simulation {

using wire::Api;
using wire::Decoder;
using wire::Encoder;
using wire::ErrorCode;
using wire::PartitionProduced;

namespace {

constexpr int16_t kOffers[][2] = {{0, 13}, {3, 13}, {17, 1}, {18, 4}, {22, 4}, {32, 4}, {36, 2}, {61, 0}};

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

template <typename Number>
Number At(std::string_view bytes, size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return wire::BigEndian(number);
}

// A batch as a broker reads it; the key of each record is its token.
SimPartition::Request ReadBatch(std::string_view batch, const std::function<bool(uint64_t)>& poison) {
  SimPartition::Request request;
  EXPECT_GE(batch.size(), 61U);
  EXPECT_EQ(At<int32_t>(batch, 8), static_cast<int32_t>(batch.size() - 12));
  EXPECT_EQ(At<int8_t>(batch, 16), 2);
  EXPECT_EQ(At<uint32_t>(batch, 17), base::Crc32c(batch.substr(21)));
  request.producer_id = At<int64_t>(batch, 43);
  request.epoch = At<int16_t>(batch, 51);
  request.sequence = At<int32_t>(batch, 53);
  request.bytes = batch.size();
  const auto count = At<int32_t>(batch, 57);
  EXPECT_EQ(At<int32_t>(batch, 23), count - 1);
  std::string_view rest = batch.substr(61);
  for (int32_t i = 0; i < count; ++i) {
    const auto size = static_cast<size_t>(Varint(rest));
    std::string_view record = rest.substr(0, size);
    rest.remove_prefix(size);
    record.remove_prefix(1);
    Varint(record);
    EXPECT_EQ(Varint(record), i);
    const auto key_size = static_cast<size_t>(Varint(record));
    uint64_t token = 0;
    std::from_chars(record.data(), record.data() + key_size, token);
    request.records.push_back({token, poison(token)});
  }
  EXPECT_TRUE(rest.empty());
  return request;
}

}  // namespace

SimKafka::SimKafka(uint64_t seed, const Faults& faults, int brokers, int partitions)
    : random_(seed), faults_(faults), poison_percent_(faults.poison_percent) {
  for (int i = 0; i < brokers; ++i) {
    Broker broker;
    // As of some Kafka from 2.1 on; ids and names go together.
    broker.versions.metadata = static_cast<int16_t>(random_.Between(7, 13));
    broker.versions.produce =
        static_cast<int16_t>(random_.Between(7, broker.versions.metadata >= 12 ? 13 : 11));
    broker.versions.init = static_cast<int16_t>(random_.Between(0, 4));
    broker.versions.api = static_cast<int16_t>(random_.Between(0, 4));
    broker.versions.describe_producers = random_.OneIn(2);
    brokers_.push_back(broker);
  }
  // Brokers that tell no id can't be in a cluster where others want one.
  const bool ids =
      std::ranges::all_of(brokers_, [](const Broker& each) { return each.versions.metadata >= 12; });
  for (Broker& broker : brokers_) {
    if (!ids) broker.versions.produce = std::min<int16_t>(broker.versions.produce, 11);
  }
  partitions_.resize(static_cast<size_t>(partitions));
  for (SimPartitionPlace& partition : partitions_)
    partition.leader = static_cast<int>(random_.Below(brokers_.size()));
}

std::vector<kafka::native::Address> SimKafka::Bootstrap() const {
  std::vector<kafka::native::Address> addresses;
  for (size_t i = 0; i < brokers_.size(); ++i) addresses.push_back({"broker", static_cast<uint16_t>(i + 1)});
  return addresses;
}

bool SimKafka::IsPoison(uint64_t token) const {
  return support::Random(token * 7919 + 13).Below(100) < poison_percent_;
}

void SimKafka::Advance(base::SteadyTime until) {
  if (events_.empty() || events_.begin()->first > until) {
    now_ = std::max(now_, until);
    return;
  }
  const auto first = events_.begin();
  now_ = std::max(now_, first->first);
  const auto what = std::move(first->second);
  events_.erase(first);
  what();
}

SimKafka::Peer* SimKafka::Find(uint64_t connection) {
  const auto found = peers_.find(connection);
  return found == peers_.end() ? nullptr : found->second.get();
}

void SimKafka::Connect(uint64_t connection, const std::string&, uint16_t port) {
  auto& peer = peers_[connection] = std::make_unique<Peer>();
  peer->broker = port - 1;
  At(now_ + Latency(), [this, connection] {
    Peer* const found = Find(connection);
    if (found == nullptr) return;
    if (!brokers_[static_cast<size_t>(found->broker)].up) return Cut(connection);
    producer_->OnConnected(connection, now_);
  });
}

void SimKafka::Cut(uint64_t connection) {
  if (peers_.erase(connection) > 0) producer_->OnClosed(connection, "cut", now_);
}

void SimKafka::Close(uint64_t connection) { peers_.erase(connection); }

void SimKafka::Write(uint64_t connection, Outgoing out) {
  std::string bytes;
  size_t at = 0;
  for (const wire::Splice& splice : out.splices) {
    bytes.append(out.bytes, at, splice.offset - at);
    bytes.append(splice.batch);
    at = splice.offset;
  }
  bytes.append(out.bytes, at);
  Peer* const peer = Find(connection);
  if (peer == nullptr) return;
  peer->written_by = std::max(peer->written_by, now_ + Latency());
  At(peer->written_by, [this, connection, bytes = std::move(bytes)] {
    Peer* const found = Find(connection);
    if (found == nullptr) return;
    producer_->OnWritten(connection);
    found->input += bytes;
    TakeUp(connection);
  });
}

// A broker takes up one request of a connection at a time.
void SimKafka::TakeUp(uint64_t connection) {
  Peer* const peer = Find(connection);
  if (peer == nullptr || peer->busy || peer->input.size() < 4) return;
  const auto size = static_cast<size_t>(simulation::At<int32_t>(peer->input, 0));
  if (peer->input.size() < 4 + size) return;
  if (now_ < peer->muted_until) {
    return SimKafka::At(peer->muted_until, [this, connection] { TakeUp(connection); });
  }
  Asked asked;
  Decoder header(std::string_view(peer->input).substr(4, size), false);
  asked.api = header.Int<int16_t>();
  asked.version = header.Int<int16_t>();
  asked.correlation = header.Int<int32_t>();
  header.String();
  std::string_view rest = header.Rest();
  if (wire::IsFlexible(static_cast<Api>(asked.api), asked.version)) rest.remove_prefix(1);
  asked.body = rest;
  peer->input.erase(0, 4 + size);
  peer->busy = true;
  SimKafka::At(now_ + Latency(), [this, connection, asked] { Handle(connection, asked); });
}

void SimKafka::MoveLeader(SimPartitionPlace& partition) {
  partition.leader = static_cast<int>(random_.Below(brokers_.size()));
  ++partition.epoch;
}

void SimKafka::TakeDown(int broker) {
  brokers_[static_cast<size_t>(broker)].up = false;
  std::vector<uint64_t> cut;
  for (const auto& [connection, peer] : peers_) {
    if (peer->broker == broker) cut.push_back(connection);
  }
  for (const uint64_t connection : cut) Cut(connection);
  for (SimPartitionPlace& partition : partitions_) {
    if (partition.leader != broker) continue;
    if (brokers_.size() > 1 && random_.OneIn(2)) MoveLeader(partition);
  }
  At(now_ + std::chrono::milliseconds(random_.Between(10, 3000)), [this, broker] {
    brokers_[static_cast<size_t>(broker)].up = true;
    for (SimPartitionPlace& partition : partitions_) {
      if (partition.leader == broker) partition.kept.Restart();
    }
  });
}

void SimKafka::Handle(uint64_t connection, const Asked& asked) {
  Peer* const peer = Find(connection);
  const bool produce = asked.api == 0;
  // It was read before the connection ended, or it wasn't.
  const int broker = peer == nullptr ? -1 : peer->broker;
  if (peer == nullptr) return;
  if (Percent(faults_.down_percent)) return TakeDown(broker);
  if (Percent(faults_.move_percent)) MoveLeader(partitions_[random_.Below(partitions_.size())]);
  const bool cut = Percent(faults_.cut_percent);
  if (cut && random_.OneIn(2)) return Cut(connection);
  if (produce && Percent(faults_.stall_percent)) {
    if (random_.OneIn(2)) Produce(connection, broker, asked, 0);
    return;  // busy for ever
  }
  std::string body;
  switch (asked.api) {
    case 0: {
      const int32_t throttle =
          Percent(faults_.throttle_percent) ? static_cast<int32_t>(random_.Between(1, 800)) : 0;
      body = Produce(connection, broker, asked, throttle);
      if (throttle > 0) peer->muted_until = now_ + std::chrono::milliseconds(throttle);
      break;
    }
    case 3: body = Metadata(asked); break;
    case 18: body = Versions_(broker, asked); break;
    case 22: body = InitProducerId(asked); break;
    case 61: body = DescribeProducers(asked); break;
    default: FAIL() << "not expected: request " << asked.api;
  }
  if (cut) return Cut(connection);
  Answer(connection, asked, std::move(body));
}

void SimKafka::Answer(uint64_t connection, const Asked& asked, std::string body) {
  std::string frame;
  Encoder out(frame, false);
  out.Int(int32_t{0});
  out.Int(asked.correlation);
  if (asked.api != 18 && wire::IsFlexible(static_cast<Api>(asked.api), asked.version)) frame.push_back('\0');
  frame += body;
  wire::PutBigEndian(frame.data(), static_cast<int32_t>(frame.size() - 4));
  const bool cut = Percent(faults_.short_percent);
  if (cut) frame.resize(random_.Below(frame.size()));
  At(now_ + Latency(), [this, connection, frame, cut] {
    if (Find(connection) == nullptr) return;
    Find(connection)->busy = false;
    for (size_t at = 0; at < frame.size();) {
      const size_t piece =
          std::min<size_t>(frame.size() - at, random_.OneIn(4) ? random_.Between(1, 9) : frame.size());
      producer_->OnBytes(connection, std::string_view(frame).substr(at, piece), now_, 1'700'000'000'000);
      at += piece;
      if (Find(connection) == nullptr) return;
    }
    if (cut) return Cut(connection);
    TakeUp(connection);
  });
}

std::string SimKafka::Versions_(int broker, const Asked& asked) {
  const Versions& known = brokers_[static_cast<size_t>(broker)].versions;
  std::string body;
  const bool too_new = asked.version > known.api;
  const int16_t version = too_new ? int16_t{0} : asked.version;
  Encoder out(body, version >= 3);
  out.Int(static_cast<int16_t>(too_new ? ErrorCode::kUnsupportedVersion : ErrorCode::kNone));
  const size_t count = std::size(kOffers) - (known.describe_producers ? 0 : 1);
  out.Count(count);
  for (size_t i = 0; i < count; ++i) {
    out.Int(kOffers[i][0]);
    out.Int(int16_t{0});
    int16_t max = kOffers[i][1];
    if (kOffers[i][0] == 0) max = known.produce;
    if (kOffers[i][0] == 3) max = known.metadata;
    if (kOffers[i][0] == 22) max = known.init;
    if (kOffers[i][0] == 18) max = known.api;
    out.Int(max);
    out.NoTags();
  }
  if (version >= 1) out.Int(int32_t{0});
  out.NoTags();
  return body;
}

std::string SimKafka::Metadata(const Asked& asked) {
  const int16_t version = asked.version;
  std::string body;
  Encoder out(body, version >= 9);
  out.Int(int32_t{0});
  out.Count(brokers_.size());
  for (size_t i = 0; i < brokers_.size(); ++i) {
    out.Int(static_cast<int32_t>(i));
    out.String("broker");
    out.Int(static_cast<int32_t>(i + 1));
    out.NullString();
    out.NoTags();
  }
  out.String("cluster");
  out.Int(int32_t{0});
  out.Count(1);
  out.Int(int16_t{0});
  out.String(kTopic);
  if (version >= 10) out.Id(id_);
  out.Bool(false);
  out.Count(partitions_.size());
  for (size_t i = 0; i < partitions_.size(); ++i) {
    const SimPartitionPlace& partition = partitions_[i];
    const bool led = brokers_[static_cast<size_t>(partition.leader)].up;
    out.Int(static_cast<int16_t>(led ? ErrorCode::kNone : ErrorCode::kLeaderNotAvailable));
    out.Int(static_cast<int32_t>(i));
    out.Int(int32_t{led ? partition.leader : -1});
    out.Int(partition.epoch);
    out.Count(1);
    out.Int(int32_t{partition.leader});
    out.Count(0);
    out.Count(0);
    out.NoTags();
  }
  if (version >= 8) out.Int(int32_t{0});
  out.NoTags();
  if (version >= 8 && version <= 10) out.Int(int32_t{0});
  if (version >= 13) out.Int(int16_t{0});
  out.NoTags();
  return body;
}

std::string SimKafka::InitProducerId(const Asked& asked) {
  std::string body;
  Encoder out(body, asked.version >= 2);
  out.Int(int32_t{0});
  const bool loading = Percent(faults_.refused_percent);
  out.Int(static_cast<int16_t>(loading ? ErrorCode::kCoordinatorLoadInProgress : ErrorCode::kNone));
  out.Int(loading ? int64_t{-1} : next_producer_id_++);
  out.Int(int16_t{0});
  out.NoTags();
  return body;
}

PartitionProduced SimKafka::ProduceOne(int broker, int32_t index, std::string_view batch) {
  SimPartitionPlace& partition = partitions_.at(static_cast<size_t>(index));
  if (partition.leader != broker) return SimPartition::Error(ErrorCode::kNotLeaderOrFollower);
  const auto request = ReadBatch(batch, [this](uint64_t token) { return IsPoison(token); });
  if (Percent(faults_.refused_percent)) {
    constexpr ErrorCode kRefusals[] = {ErrorCode::kNotEnoughReplicas, ErrorCode::kRequestTimedOut,
                                       ErrorCode::kInvalidTimestamp, ErrorCode::kOutOfOrderSequenceNumber,
                                       ErrorCode::kKafkaStorageError};
    PartitionProduced answer = SimPartition::Error(kRefusals[random_.Below(std::size(kRefusals))]);
    if (answer.error == ErrorCode::kRequestTimedOut)
      answer.base_offset = partition.kept.Produce(request).base_offset;
    return answer;
  }
  return partition.kept.Produce(request);
}

std::string SimKafka::Produce(uint64_t, int broker, const Asked& asked, int32_t throttle_ms) {
  const int16_t version = asked.version;
  const bool flexible = version >= 9;
  Decoder in(asked.body, flexible);
  in.NullableString();
  EXPECT_EQ(in.Int<int16_t>(), -1);
  in.Int<int32_t>();
  std::vector<std::pair<int32_t, PartitionProduced>> answers;
  for (uint32_t topics = in.Count(); topics > 0; --topics) {
    if (version >= 13) {
      EXPECT_TRUE(in.Id() == id_);
    } else {
      EXPECT_EQ(in.String(), kTopic);
    }
    for (uint32_t left = in.Count(); left > 0; --left) {
      const auto index = in.Int<int32_t>();
      answers.emplace_back(index, ProduceOne(broker, index, in.Bytes()));
      in.Tags();
    }
    in.Tags();
  }
  in.Tags();
  EXPECT_TRUE(in.Finished());
  // Brokers answer in another order than they were asked in.
  for (size_t i = answers.size(); i > 1; --i) std::swap(answers[i - 1], answers[random_.Below(i)]);
  std::string body;
  Encoder out(body, flexible);
  out.Count(1);
  if (version >= 13) {
    out.Id(id_);
  } else {
    out.String(kTopic);
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
      const SimPartitionPlace& partition = partitions_[static_cast<size_t>(index)];
      std::string hint;
      Encoder tag(hint, true);
      tag.Int(int32_t{partition.leader});
      tag.Int(partition.epoch);
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
  out.Int(throttle_ms);
  out.NoTags();
  return body;
}

std::string SimKafka::DescribeProducers(const Asked& asked) {
  Decoder in(asked.body, true);
  in.Count();
  in.String();
  in.Count();
  const auto index = in.Int<int32_t>();
  std::string body;
  Encoder out(body, true);
  out.Int(int32_t{0});
  out.Count(1);
  out.String(kTopic);
  out.Count(1);
  out.Int(index);
  out.Int(static_cast<int16_t>(faults_.known_last ? ErrorCode::kNone : ErrorCode::kTopicAuthorizationFailed));
  out.NullString();
  std::vector<wire::ProducerState> states;
  if (faults_.known_last) {
    for (int64_t id = 1000; id < next_producer_id_; ++id) {
      if (const auto known = partitions_.at(static_cast<size_t>(index)).kept.Describe(id))
        states.push_back(*known);
    }
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

}  // namespace ei::simulation
