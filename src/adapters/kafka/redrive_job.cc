#include "adapters/kafka/redrive_job.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "adapters/kafka/admin_requests.h"
#include "adapters/kafka/failure_table.h"

namespace ei::kafka {

namespace {

constexpr int kCallMillis = 1000;
constexpr int kSaveTries = 4;  // at a stop

std::unexpected<base::Error> StoppedWaiting() {
  return base::Fail(base::ErrorKind::kUnavailable, "stopped while waiting for the brokers");
}

std::string_view MetadataOf(const rd_kafka_topic_partition_t& place) {
  return {static_cast<const char*>(place.metadata), place.metadata_size};
}

// librdkafka frees it with the list.
void SetMetadata(rd_kafka_topic_partition_t& place, std::string_view text) {
  if (text.empty()) return;
  place.metadata = std::malloc(text.size());
  std::memcpy(place.metadata, text.data(), text.size());
  place.metadata_size = text.size();
}

// Encodes a place in files and the note: "17:4096", a line break, and the note.
std::string PlaceAndNote(const DeadLetterOffsets& places, const std::string& note) {
  const auto& [part, offset] = *places.begin();
  return std::to_string(part) + ':' + std::to_string(offset) + '\n' + note;
}

RedriveJob::OtherJob ReadPlaceAndNote(std::string_view text) {
  const std::string_view place = text.substr(0, text.find('\n'));
  uint64_t part = 0;
  uint64_t offset = 0;
  const char* const end = place.end();
  const auto first = std::from_chars(place.begin(), end, part);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':') return {};
  const auto second = std::from_chars(first.ptr + 1, end, offset);
  if (second.ec != std::errc() || second.ptr != end) return {};
  return {{{part, offset}}, std::string(text.substr(std::min(text.size(), place.size() + 1)))};
}

}  // namespace

base::Result<std::unique_ptr<RedriveJob>> RedriveJob::Open(ClientFactory& factory, Options options,
                                                           const ei::Clock& clock,
                                                           std::function<bool()> stop) {
  std::unique_ptr<RedriveJob> job(new RedriveJob(factory, std::move(options), clock, std::move(stop)));
  auto client = factory.Make(RD_KAFKA_CONSUMER, {
                                                    {"group.id", job->options_.name},
                                                    {"enable.auto.commit", "false"},
                                                    {"enable.auto.offset.store", "false"},
                                                    {"isolation.level", "read_committed"},
                                                    {"auto.offset.reset", "earliest"},
                                                    {"enable.partition.eof", "true"},
                                                    {"fetch.wait.max.ms", "50"},
                                                });
  if (!client) return std::unexpected(client.error());
  job->client_ = std::move(*client);
  if (auto found = job->FindPartitions(); !found) return std::unexpected(found.error());
  return job;
}

base::Result<void> RedriveJob::FindPartitions() {
  rd_kafka_topic_t* const topic = rd_kafka_topic_new(client_.get(), options_.topic.c_str(), nullptr);
  if (topic == nullptr)
    return base::Fail(base::ErrorKind::kInvalid, options_.topic + " is not a valid topic name");
  const std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)> owner(topic, &rd_kafka_topic_destroy);
  while (!stop_()) {
    const rd_kafka_metadata_t* metadata = nullptr;
    auto error = rd_kafka_metadata(client_.get(), 0, topic, &metadata, kCallMillis);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      error = metadata->topic_cnt > 0 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
      partitions_ = error == RD_KAFKA_RESP_ERR_NO_ERROR ? metadata->topics[0].partition_cnt : 0;
      rd_kafka_metadata_destroy(metadata);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        deadline_.OnAnswer();
        return {};
      }
    }
    if (!IsTransient(error)) {
      return base::Fail(base::ErrorKind::kInvalid,
                        "topic " + options_.topic + ": " + rd_kafka_err2str(error));
    }
    LogFaults();
    if (auto in_time = deadline_.OnFailure("finding the topic", rd_kafka_err2str(error)); !in_time)
      return in_time;
  }
  return StoppedWaiting();
}

void RedriveJob::LogFaults() {
  const std::unique_ptr<rd_kafka_queue_t, void (*)(rd_kafka_queue_t*)> queue(
      rd_kafka_queue_get_consumer(client_.get()), &rd_kafka_queue_destroy);
  while (rd_kafka_event_t* event = rd_kafka_queue_poll(queue.get(), 0)) {
    factory_.HandleEvent(event);
    rd_kafka_event_destroy(event);
  }
}

DeadLetterOffsets RedriveJob::AsSaved(const DeadLetterOffsets& places) const {
  if (options_.dead_letters == DeadLetters::kInTopic) return places;
  return {*places.begin()};
}

PartitionList RedriveJob::ListOf(const DeadLetterOffsets& places) const {
  PartitionList list = NewPartitionList(partitions_);
  const auto add = [&](int32_t partition, uint64_t offset, std::string_view metadata) {
    rd_kafka_topic_partition_t& place =
        *rd_kafka_topic_partition_list_add(list.get(), options_.topic.c_str(), partition);
    place.offset = static_cast<int64_t>(offset);
    SetMetadata(place, metadata);
  };
  if (options_.dead_letters == DeadLetters::kInTopic) {
    for (const auto& [part, offset] : places) add(static_cast<int32_t>(part), offset, options_.note);
  } else {
    add(0, 0, PlaceAndNote(places, options_.note));
  }
  return list;
}

base::Result<DeadLetterOffsets> RedriveJob::Saved() const {
  PartitionList list = NewPartitionList(partitions_);
  const int asked = options_.dead_letters == DeadLetters::kInTopic ? partitions_ : 1;
  rd_kafka_topic_partition_list_add_range(list.get(), options_.topic.c_str(), 0, asked - 1);
  while (!stop_()) {
    auto error = rd_kafka_committed(client_.get(), list.get(), kCallMillis);
    for (int i = 0; i < asked && error == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) error = list->elems[i].err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      deadline_.OnAnswer();
      return ProgressIn(*list).places;
    }
    if (!IsTransient(error)) {
      return base::Fail(base::ErrorKind::kInvalid, "the progress of job " + options_.name +
                                                       " can't be read: " + rd_kafka_err2str(error));
    }
    if (auto in_time = deadline_.OnFailure("reading the job's progress", rd_kafka_err2str(error)); !in_time) {
      return std::unexpected(in_time.error());
    }
  }
  return StoppedWaiting();
}

RedriveJob::OtherJob RedriveJob::ProgressIn(const rd_kafka_topic_partition_list_t& offsets) const {
  OtherJob job;
  for (int i = 0; i < offsets.cnt; ++i) {
    const rd_kafka_topic_partition_t& each = offsets.elems[i];
    if (each.offset < 0 || options_.topic != each.topic) continue;
    if (options_.dead_letters == DeadLetters::kInFiles) {
      if (each.partition == 0) return ReadPlaceAndNote(MetadataOf(each));
      continue;
    }
    job.places[static_cast<uint64_t>(each.partition)] = static_cast<uint64_t>(each.offset);
    job.note = MetadataOf(each);
  }
  return job;
}

base::Result<std::vector<RedriveJob::OtherJob>> RedriveJob::All(std::string_view prefix) const {
  const auto names = ConsumerGroups(client_.get(), prefix);
  if (!names) return std::unexpected(names.error());
  std::vector<OtherJob> jobs;
  for (const std::string& name : *names) {
    if (stop_()) return StoppedWaiting();
    const auto offsets = SavedOffsets(client_.get(), name);
    if (!offsets) continue;
    OtherJob job = ProgressIn(**offsets);
    if (!job.places.empty()) jobs.push_back(std::move(job));
  }
  return jobs;
}

base::Result<void> RedriveJob::Save(const DeadLetterOffsets& places) const {
  const PartitionList list = ListOf(places);
  // A stop ends this only after some tries, so that the progress of records that were sent is not lost.
  int tries = 0;
  do {
    auto error = rd_kafka_commit(client_.get(), list.get(), /*async=*/0);
    for (int i = 0; i < list->cnt && error == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) error = list->elems[i].err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      deadline_.OnAnswer();
      return {};
    }
    if (!IsTransient(error)) {
      return base::Fail(base::ErrorKind::kInvalid, "the progress of job " + options_.name +
                                                       " can't be saved: " + rd_kafka_err2str(error));
    }
    if (auto in_time = deadline_.OnFailure("saving the progress", rd_kafka_err2str(error)); !in_time)
      return in_time;
  } while (++tries < kSaveTries || !stop_());
  return StoppedWaiting();
}

}  // namespace ei::kafka
