#include "adapters/kafka/dead_letter_topic_reader.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "adapters/kafka/failure_table.h"

namespace ei::kafka {

namespace {

constexpr int kCallMillis = 1000;

DeadLetterRecord DeadLetterIn(const rd_kafka_message_t& message) {
  DeadLetterRecord dead_letter;
  dead_letter.part = static_cast<uint64_t>(message.partition);
  dead_letter.offset = static_cast<uint64_t>(message.offset);
  if (message.key != nullptr) dead_letter.key.emplace(static_cast<const char*>(message.key), message.key_len);
  if (message.payload != nullptr)
    dead_letter.value.assign(static_cast<const char*>(message.payload), message.len);
  rd_kafka_timestamp_type_t type{};
  const int64_t millis = rd_kafka_message_timestamp(&message, &type);
  dead_letter.stored_at = base::WallTime(std::chrono::milliseconds(std::max<int64_t>(millis, 0)));
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return dead_letter;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    dead_letter.headers.emplace_back(name, std::string(static_cast<const char*>(value), size));
  }
  return dead_letter;
}

}  // namespace

DeadLetterTopicReader::DeadLetterTopicReader(RedriveJob& job)
    : job_(job), queue_(rd_kafka_queue_get_consumer(job.Client())) {}

DeadLetterTopicReader::~DeadLetterTopicReader() {
  rd_kafka_assign(job_.Client(), nullptr);
  rd_kafka_queue_destroy(queue_);
}

base::Result<std::unique_ptr<DeadLetterTopicReader>> DeadLetterTopicReader::Open(
    RedriveJob& job, const DeadLetterOffsets& from) {
  std::unique_ptr<DeadLetterTopicReader> dead_letters(new DeadLetterTopicReader(job));
  if (auto found = dead_letters->FindReaches(from); !found) return std::unexpected(found.error());
  if (auto assigned = dead_letters->Assign(); !assigned) return std::unexpected(assigned.error());
  return dead_letters;
}

base::Result<void> DeadLetterTopicReader::FindReaches(const DeadLetterOffsets& from) {
  for (int32_t partition = 0; partition < job_.Partitions(); ++partition) {
    Reach reach;
    for (;;) {
      if (job_.Stopped()) {
        return base::Fail(base::ErrorKind::kUnavailable, "stopped while waiting for the brokers");
      }
      const auto error = rd_kafka_query_watermark_offsets(job_.Client(), job_.Topic().c_str(), partition,
                                                          &reach.first, &reach.end, kCallMillis);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
      if (!IsTransient(error)) return Unreadable(error);
      auto in_time = job_.Deadline().OnFailure("reading a partition's offsets", rd_kafka_err2str(error));
      if (!in_time) return in_time;
    }
    job_.Deadline().OnAnswer();
    // Offsets below `first` were deleted by retention; offsets beyond `end` belong to an earlier topic of
    // this name.
    if (const auto saved = from.find(static_cast<uint64_t>(partition)); saved != from.end()) {
      reach.first = std::clamp(static_cast<int64_t>(saved->second), reach.first, reach.end);
    }
    reach.next = reach.first;
    if (reach.next < reach.end) ++open_;
    reaches_[partition] = reach;
  }
  return {};
}

base::Result<void> DeadLetterTopicReader::Assign() {
  const PartitionList list = NewPartitionList(job_.Partitions());
  for (const auto& [partition, reach] : reaches_) {
    if (reach.next >= reach.end) continue;
    rd_kafka_topic_partition_list_add(list.get(), job_.Topic().c_str(), partition)->offset = reach.next;
  }
  const auto error = rd_kafka_assign(job_.Client(), list.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return Unreadable(error);
}

std::unexpected<base::Error> DeadLetterTopicReader::Unreadable(rd_kafka_resp_err_t error) const {
  return base::Fail(base::ErrorKind::kInvalid,
                    "topic " + job_.Topic() + " can't be read: " + rd_kafka_err2str(error));
}

void DeadLetterTopicReader::Advance(int32_t partition, int64_t next) {
  Reach& reach = reaches_[partition];
  if (reach.next >= reach.end) return;
  reach.next = std::min(next, reach.end);
  if (reach.next >= reach.end) --open_;
}

base::Result<std::optional<DeadLetterRecord>> DeadLetterTopicReader::Next(base::Duration wait) {
  if (AtEnd()) return std::nullopt;
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  rd_kafka_event_t* const raw = rd_kafka_queue_poll(queue_, static_cast<int>(millis));
  if (raw == nullptr) return std::nullopt;
  const std::unique_ptr<rd_kafka_event_t, void (*)(rd_kafka_event_t*)> event(raw, &rd_kafka_event_destroy);
  if (rd_kafka_event_type(raw) == RD_KAFKA_EVENT_FETCH) {
    const rd_kafka_message_t* const message = rd_kafka_event_message_next(raw);
    if (message == nullptr || message->offset >= reaches_[message->partition].end) return std::nullopt;
    Advance(message->partition, message->offset + 1);
    return DeadLetterIn(*message);
  }
  if (rd_kafka_event_type(raw) == RD_KAFKA_EVENT_ERROR) {
    switch (const auto error = rd_kafka_event_error(raw)) {
      case RD_KAFKA_RESP_ERR__PARTITION_EOF: OnPartitionEnd(raw); return std::nullopt;
      case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return Unreadable(error);
      default: break;
    }
  }
  job_.Factory().HandleEvent(raw);
  return std::nullopt;
}

// The end may be lower than expected: records of an open transaction can't be read yet.
void DeadLetterTopicReader::OnPartitionEnd(rd_kafka_event_t* event) {
  const std::unique_ptr<rd_kafka_topic_partition_t, void (*)(rd_kafka_topic_partition_t*)> place(
      rd_kafka_event_topic_partition(event), &rd_kafka_topic_partition_destroy);
  if (place == nullptr) return;
  Reach& reach = reaches_[place->partition];
  if (reach.next >= reach.end) return;
  reach.end = std::clamp(place->offset, reach.next, reach.end);
  reach.next = reach.end;
  --open_;
}

DeadLetterOffsets DeadLetterTopicReader::Places() const {
  DeadLetterOffsets places;
  for (const auto& [partition, reach] : reaches_) {
    places[static_cast<uint64_t>(partition)] = static_cast<uint64_t>(reach.next);
  }
  return places;
}

DeadLetterSource::Distance DeadLetterTopicReader::Read() const {
  Distance distance;
  for (const auto& [partition, reach] : reaches_) {
    distance.done += static_cast<uint64_t>(reach.next - reach.first);
    distance.total += static_cast<uint64_t>(reach.end - reach.first);
  }
  return distance;
}

}  // namespace ei::kafka
