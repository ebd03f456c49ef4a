#include "adapters/kafka/native/sent_stamp.h"

#include <algorithm>
#include <map>
#include <utility>

#include "adapters/kafka/wire/decoder.h"

namespace ei::kafka::native {

namespace {

constexpr uint8_t kVersion = 1;

struct Sent {
  SentStamp stamp;
  const SentBatch* batch;
};

// Adds the resumable batches of one partition; `sent` is in the order of sending.
void AddResumable(std::vector<Sent> sent, std::vector<Resumable>& resumable) {
  const wire::ProducerStamp newest = sent.back().stamp.producer;
  std::erase_if(sent, [&newest](const Sent& each) {
    return each.stamp.producer.producer_id != newest.producer_id || each.stamp.producer.epoch != newest.epoch;
  });
  std::ranges::sort(sent, [](const Sent& one, const Sent& other) {
    return wire::IsSequenceAbove(other.stamp.producer.base_sequence, one.stamp.producer.base_sequence);
  });
  std::optional<int32_t> end;
  for (const auto& [stamp, batch] : sent) {
    const int32_t begin = stamp.producer.base_sequence;
    // Overlaps mean that the notes are damaged.
    if (batch->broken || (end && wire::IsSequenceAbove(*end, begin))) return;
    end = wire::SequenceAfter(begin, static_cast<uint32_t>(batch->positions.size()));
    resumable.push_back({stamp, batch->positions});
  }
}

}  // namespace

std::string EncodeSentStamp(const SentStamp& stamp) {
  std::string text;
  wire::Encoder out(text, false);
  out.Int(kVersion);
  out.String(stamp.topic);
  out.Int(stamp.partition);
  out.Id(stamp.topic_id);
  out.Int(stamp.producer.producer_id);
  out.Int(stamp.producer.epoch);
  out.Int(stamp.producer.base_sequence);
  return text;
}

std::optional<SentStamp> DecodeSentStamp(std::string_view text) {
  wire::Decoder in(text, false);
  if (in.Int<uint8_t>() != kVersion) return std::nullopt;
  SentStamp stamp;
  stamp.topic = in.String();
  stamp.partition = in.Int<int32_t>();
  stamp.topic_id = in.Id();
  stamp.producer = {in.Int<int64_t>(), in.Int<int16_t>(), in.Int<int32_t>()};
  const bool in_range = stamp.partition >= 0 && stamp.producer.producer_id >= 0 &&
                        stamp.producer.epoch >= 0 && stamp.producer.base_sequence >= 0;
  if (!in.Finished() || stamp.topic.empty() || !in_range) return std::nullopt;
  return stamp;
}

std::vector<Resumable> ResumableOf(std::span<const SentBatch> sent) {
  std::map<std::pair<std::string_view, int32_t>, std::vector<Sent>> partitions;
  for (const SentBatch& batch : sent) {
    const auto stamp = DecodeSentStamp(batch.stamp);
    if (stamp) partitions[{stamp->topic, stamp->partition}].push_back({*stamp, &batch});
  }
  std::vector<Resumable> resumable;
  for (auto& [_, batches] : partitions) AddResumable(std::move(batches), resumable);
  return resumable;
}

Resumption TakeResumption(SentLog& log) {
  Resumption taken;
  taken.sent = log.TakeUnsettled();
  taken.batches = ResumableOf(taken.sent);
  for (const SentBatch& batch : taken.sent) {
    taken.others += batch.positions.size();
    log.NoteSent(batch.positions, {});
  }
  for (const auto& [stamp, positions] : taken.batches) {
    taken.others -= positions.size();
    log.NoteSent(positions, EncodeSentStamp(stamp));
  }
  return taken;
}

}  // namespace ei::kafka::native
