#include "adapters/kafka/redrive_producer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "adapters/kafka/admin_requests.h"
#include "adapters/kafka/failure_table.h"

namespace ei::kafka {

using RecordStatus = CommitOutcome::RecordStatus;

namespace {

constexpr int kCallMillis = 500;
constexpr int kPollMillis = 100;
constexpr auto kPause = std::chrono::seconds(1);  // before another attempt
constexpr auto kFencedPause = std::chrono::seconds(5);
constexpr int kStalledPolls = 10;  // polls without a report before other calls are tried to find the reason
constexpr int kLastTries = 4;      // after a stop: attempts to abort, as an open transaction blocks readers
constexpr auto kNotReported = RD_KAFKA_RESP_ERR__IN_PROGRESS;

// The status of a dead letter after `error`. kRefused: its topic would reject it again. `certain`: the error
// belongs to this dead letter and not to another one of the same batch.
RecordStatus StatusOf(rd_kafka_resp_err_t error, bool certain) {
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return RecordStatus::kWritten;
  const bool refused = ClassifyRecord(error).rejected || error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
  return refused && certain ? RecordStatus::kRefused : RecordStatus::kOpen;
}

// The least size of an uncompressed record: a batch header of 61 bytes, and the smallest possible record
// header.
uint64_t BytesAtLeast(const Redelivery& dead_letter) {
  constexpr uint64_t kBatchHeader = 61;
  constexpr uint64_t kRecordHeader = 8;
  uint64_t bytes = kBatchHeader + kRecordHeader + dead_letter.dead_letter->value.size();
  if (dead_letter.dead_letter->key) bytes += dead_letter.dead_letter->key->size();
  for (const auto& [name, value] : dead_letter.headers) bytes += 2 + name.size() + value.size();
  return bytes;
}

bool IsRejection(rd_kafka_resp_err_t error) {
  return StatusOf(error, /*certain=*/true) == RecordStatus::kRefused;
}

// No retry by any producer can succeed.
bool IsPermanent(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE: return true;
    default: return false;
  }
}

}  // namespace

base::Result<std::unique_ptr<RedriveProducer>> RedriveProducer::Open(RedriveJob& job, Options options) {
  std::unique_ptr<RedriveProducer> producer(new RedriveProducer(job, std::move(options)));
  if (auto opened = producer->OpenProducer(); !opened) return std::unexpected(opened.error());
  auto saved = job.Saved();
  if (!saved) return std::unexpected(saved.error());
  producer->saved_ = std::move(*saved);
  return producer;
}

RedriveProducer::~RedriveProducer() { CloseProducer(); }

base::Result<void> RedriveProducer::OpenProducer() {
  const KafkaOptions& options = job_.Factory().Options();
  Properties properties = {
      {"enable.idempotence", "true"},
      {"partitioner", "murmur2_random"},
      {"compression.type", options.compression},
      {"linger.ms", "5"},
      {"batch.size",
       "16384"},  // a topic's size limit applies to batches, and a batch that is too large fails as a whole
      {"message.max.bytes", std::to_string(2 * options.event_bytes_max + (64 << 10))},
      {"topic.metadata.propagation.max.ms", "5000"},  // how long to wait for an unknown topic
  };
  if (options_.transactions) {
    properties.emplace_back("transactional.id", job_.Name());
  } else {
    properties.emplace_back("message.timeout.ms", "0");
    // One record a request, so that a rejected request identifies its dead letter.
    properties.emplace_back("batch.num.messages", "1");
  }
  auto client = job_.Factory().Make(RD_KAFKA_PRODUCER, properties);
  if (!client) return std::unexpected(client.error());
  producer_ = std::move(*client);
  queue_ = rd_kafka_queue_get_main(producer_.get());
  if (!options_.transactions) return {};
  const Attempt begun = Transact([this] { return rd_kafka_init_transactions(producer_.get(), kCallMillis); });
  if (begun == Attempt::kCommitted) return {};
  if (!broken_) return broken_;
  return base::Fail(base::ErrorKind::kUnavailable, begun == Attempt::kStopped
                                                       ? "stopped while waiting for the brokers"
                                                       : "no transaction could be started");
}

void RedriveProducer::CloseProducer() {
  if (queue_ != nullptr) rd_kafka_queue_destroy(std::exchange(queue_, nullptr));
  if (producer_ != nullptr)
    rd_kafka_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  producer_.reset();
}

base::Result<CommitOutcome> RedriveProducer::Commit(std::span<const Redelivery> dead_letters,
                                                    const DeadLetterOffsets& places) {
  if (FindOversized(dead_letters)) return OutcomeOf(/*certain=*/true);
  for (;;) {
    Attempt end = Try(dead_letters, places);
    if (end == Attempt::kUncertain && broken_) end = Recover(places);
    if (!broken_) return std::unexpected(broken_.error());
    if (end == Attempt::kRejected) {
      deadline_.OnAnswer();
      LearnLimits(dead_letters);
      return OutcomeOf(/*certain=*/!options_.transactions || dead_letters.size() == 1);
    }
    if (end == Attempt::kCommitted) {
      deadline_.OnAnswer();
      saved_ = job_.AsSaved(places);
      return CommitOutcome{.committed = true};
    }
    if (end == Attempt::kStopped || job_.Stopped()) return CommitOutcome{.stopped = true};
    if (end != Attempt::kRetry) continue;
    if (auto waited = WaitAfter(dead_letters); !waited) return std::unexpected(waited.error());
  }
}

base::Result<void> RedriveProducer::WaitAfter(std::span<const Redelivery> dead_letters) {
  std::string what = "saving the progress";
  std::string why = std::exchange(aborted_for_, {});
  for (size_t i = 0; i < dead_letters.size(); ++i) {
    if (reports_[i] == RD_KAFKA_RESP_ERR_NO_ERROR || reports_[i] == kNotReported) continue;
    what = "writing a dead letter to " + dead_letters[i].topic;
    why = rd_kafka_err2str(reports_[i]);
    break;
  }
  if (auto in_time = deadline_.OnFailure(what, why); !in_time) return in_time;
  options_.wait(kPause);
  return {};
}

// A rejection costs about a second in a transaction, and for several dead letters it doesn't tell which one
// caused it.
bool RedriveProducer::FindOversized(std::span<const Redelivery> dead_letters) {
  reports_.assign(dead_letters.size(), kNotReported);
  bool any = false;
  for (size_t i = 0; i < dead_letters.size(); ++i) {
    const auto limit = bytes_max_.find(dead_letters[i].topic);
    if (limit == bytes_max_.end() || BytesAtLeast(dead_letters[i]) <= limit->second) continue;
    reports_[i] = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    any = true;
  }
  return any;
}

void RedriveProducer::LearnLimits(std::span<const Redelivery> dead_letters) {
  if (job_.Factory().Options().compression != "none") return;
  for (size_t i = 0; i < dead_letters.size(); ++i) {
    if (reports_[i] != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || bytes_max_.contains(dead_letters[i].topic))
      continue;
    const auto config = ConfigOf(producer_.get(), dead_letters[i].topic);
    bytes_max_[dead_letters[i].topic] =
        config ? config->message_bytes_max : std::numeric_limits<uint64_t>::max();
  }
}

// A new producer ends the open transaction of the old one; the saved progress then shows whether it was
// committed.
RedriveProducer::Attempt RedriveProducer::Recover(const DeadLetterOffsets& places) {
  CloseProducer();
  // The brokers return the same error to a producer that was replaced and to one whose transaction timed out.
  // Without this pause two producers of the same job would fence each other forever.
  if (std::exchange(fenced_, false)) {
    options_.wait(kFencedPause);
    if (const Attempt other = CheckProgress(places); other == Attempt::kUncertain) return other;
  }
  if (broken_ = OpenProducer(); !broken_) return job_.Stopped() ? ReturnStopped() : Attempt::kUncertain;
  return CheckProgress(places);
}

RedriveProducer::Attempt RedriveProducer::CheckProgress(const DeadLetterOffsets& places) {
  const auto now = job_.Saved();
  if (!now) {
    broken_ = std::unexpected(now.error());
    return job_.Stopped() ? ReturnStopped() : Attempt::kUncertain;
  }
  if (*now == job_.AsSaved(places)) return Attempt::kCommitted;
  if (*now == saved_) return Attempt::kRetry;
  broken_ =
      base::Fail(base::ErrorKind::kInvalid, "another redrive of job " + job_.Name() + " has taken over");
  return Attempt::kUncertain;
}

RedriveProducer::Attempt RedriveProducer::ReturnStopped() {
  broken_ = {};
  return Attempt::kStopped;
}

RedriveProducer::Attempt RedriveProducer::Try(std::span<const Redelivery> dead_letters,
                                              const DeadLetterOffsets& places) {
  if (options_.transactions) {
    const Attempt begun = Transact([this] { return rd_kafka_begin_transaction(producer_.get()); });
    if (begun != Attempt::kCommitted) return begun;
  }
  reports_.assign(dead_letters.size(), kNotReported);
  reported_ = 0;
  for (size_t i = 0; i < dead_letters.size(); ++i) {
    if (const auto refused = Produce(dead_letters[i], i); refused != RD_KAFKA_RESP_ERR_NO_ERROR) {
      reports_[i] = refused;
      ++reported_;
    }
  }
  return options_.transactions ? FinishTransaction(places) : FinishWithout(places);
}

// Records that were sent can't be called back, so a stop waits some seconds for their reports: then their
// progress is saved, and they are not sent again.
RedriveProducer::Attempt RedriveProducer::FinishWithout(const DeadLetterOffsets& places) {
  int last_tries = kLastTries;
  while (!CollectReports()) {
    if (job_.Stopped() && --last_tries == 0) return Attempt::kStopped;
    if (broken_ = job_.Deadline().OnFailure("writing a dead letter", "no report"); !broken_)
      return Attempt::kUncertain;
  }
  if (AnyFailed()) return Attempt::kRejected;
  auto saved = job_.Save(places);
  if (saved) return Attempt::kCommitted;
  if (job_.Stopped()) return Attempt::kStopped;
  broken_ = std::move(saved);
  return Attempt::kUncertain;
}

RedriveProducer::Attempt RedriveProducer::FinishTransaction(const DeadLetterOffsets& places) {
  // If some reports are missing, one of the following calls returns the error, or shows that waiting is the
  // only option.
  CollectReports();
  Attempt end = AnyFailed() ? Attempt::kRetry : SaveInTransaction(places);
  if (end == Attempt::kCommitted) {
    end = Transact([this] { return rd_kafka_commit_transaction(producer_.get(), kCallMillis); });
  }
  if (end == Attempt::kCommitted || end == Attempt::kUncertain) return end;
  const Attempt aborted =
      Transact([this] { return rd_kafka_abort_transaction(producer_.get(), kCallMillis); }, kLastTries);
  if (aborted != Attempt::kCommitted) return aborted;
  return end == Attempt::kRetry && std::ranges::any_of(reports_, IsRejection) ? Attempt::kRejected : end;
}

RedriveProducer::Attempt RedriveProducer::SaveInTransaction(const DeadLetterOffsets& places) {
  const PartitionList list = job_.ListOf(places);
  const std::unique_ptr<rd_kafka_consumer_group_metadata_t, void (*)(rd_kafka_consumer_group_metadata_t*)>
      group(rd_kafka_consumer_group_metadata_new(job_.Name().c_str()),
            &rd_kafka_consumer_group_metadata_destroy);
  return Transact([&] {
    return rd_kafka_send_offsets_to_transaction(producer_.get(), list.get(), group.get(), kCallMillis);
  });
}

rd_kafka_resp_err_t RedriveProducer::Produce(const Redelivery& dead_letter, size_t index) {
  rd_kafka_headers_t* const headers = rd_kafka_headers_new(dead_letter.headers.size());
  for (const auto& [name, value] : dead_letter.headers) {
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  const DeadLetterRecord& stored = *dead_letter.dead_letter;
  const std::string_view key = stored.key ? std::string_view(*stored.key) : std::string_view();
  std::array<rd_kafka_vu_t, 6> arguments{};
  arguments[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  arguments[0].u.cstr = dead_letter.topic.c_str();
  arguments[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  arguments[1].u.i = RD_KAFKA_MSG_F_COPY;
  arguments[2].vtype = RD_KAFKA_VTYPE_VALUE;
  arguments[2].u.mem = {const_cast<char*>(stored.value.data()), stored.value.size()};
  arguments[3].vtype = RD_KAFKA_VTYPE_KEY;
  arguments[3].u.mem = {stored.key ? const_cast<char*>(key.data()) : nullptr, key.size()};
  arguments[4].vtype = RD_KAFKA_VTYPE_HEADERS;
  arguments[4].u.headers = headers;
  arguments[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): librdkafka's opaque is a pointer; it is never dereferenced
  arguments[5].u.ptr = reinterpret_cast<void*>(index);
  rd_kafka_error_t* const failure = rd_kafka_produceva(producer_.get(), arguments.data(), arguments.size());
  if (failure == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
  const rd_kafka_resp_err_t error = rd_kafka_error_code(failure);
  rd_kafka_error_destroy(failure);
  rd_kafka_headers_destroy(headers);
  return error;
}

// Polls for delivery reports. Returns true when all have come; false when none came for kStalledPolls polls.
bool RedriveProducer::CollectReports() {
  int polls = 0;
  while (reported_ < reports_.size() && polls < kStalledPolls) {
    rd_kafka_event_t* const event = rd_kafka_queue_poll(queue_, kPollMillis);
    if (event == nullptr) {
      ++polls;
      continue;
    }
    const size_t before = reported_;
    HandleReports(event);
    polls = reported_ > before ? 0 : polls + 1;
    rd_kafka_event_destroy(event);
  }
  return reported_ == reports_.size();
}

void RedriveProducer::HandleReports(rd_kafka_event_t* event) {
  if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_DR) return job_.Factory().HandleEvent(event);
  while (const rd_kafka_message_t* const message = rd_kafka_event_message_next(event)) {
    const auto index = reinterpret_cast<size_t>(message->_private);
    if (index >= reports_.size() || reports_[index] != kNotReported) continue;
    reports_[index] = message->err;
    ++reported_;
    job_.Deadline().OnAnswer();
  }
}

bool RedriveProducer::AnyFailed() const {
  return std::ranges::any_of(
      reports_, [](auto error) { return error != RD_KAFKA_RESP_ERR_NO_ERROR && error != kNotReported; });
}

// Repeats the call until it succeeds or fails permanently. Handles delivery reports meanwhile, because ending
// a transaction waits for them.
template <typename Call>
RedriveProducer::Attempt RedriveProducer::Transact(Call call, int tries_when_stopped) {
  for (;;) {
    const std::unique_ptr<rd_kafka_error_t, void (*)(rd_kafka_error_t*)> failure(call(),
                                                                                 &rd_kafka_error_destroy);
    if (failure == nullptr) {
      job_.Deadline().OnAnswer();
      return Attempt::kCommitted;
    }
    if (IsPermanent(rd_kafka_error_code(failure.get()))) {
      broken_ = base::Fail(base::ErrorKind::kInvalid,
                           "the transaction of job " + job_.Name() +
                               " fails: " + rd_kafka_error_string(failure.get()) +
                               "; use --no-transactions to redrive without transactions");
      return Attempt::kUncertain;
    }
    fenced_ = rd_kafka_error_code(failure.get()) == RD_KAFKA_RESP_ERR__FENCED;
    if (rd_kafka_error_txn_requires_abort(failure.get()) != 0) {
      aborted_for_ = rd_kafka_error_string(failure.get());
      return Attempt::kRetry;
    }
    if (rd_kafka_error_is_retriable(failure.get()) == 0) return Attempt::kUncertain;
    while (rd_kafka_event_t* event = rd_kafka_queue_poll(queue_, 0)) {
      HandleReports(event);
      rd_kafka_event_destroy(event);
    }
    if (job_.Stopped() && tries_when_stopped-- <= 0) return Attempt::kStopped;
    broken_ = job_.Deadline().OnFailure("a transaction step", rd_kafka_error_string(failure.get()));
    if (!broken_) return Attempt::kUncertain;
  }
}

CommitOutcome RedriveProducer::OutcomeOf(bool certain) const {
  CommitOutcome outcome;
  for (const rd_kafka_resp_err_t error : reports_) {
    CommitOutcome::RecordOutcome& each = outcome.outcomes.emplace_back();
    each.fate = StatusOf(error, certain);
    if (options_.transactions && each.fate == RecordStatus::kWritten) each.fate = RecordStatus::kOpen;
    if (each.fate != RecordStatus::kRefused) continue;
    each.code = ClassifyRecord(error).code;
    each.reason = rd_kafka_err2str(error);
  }
  return outcome;
}

}  // namespace ei::kafka
