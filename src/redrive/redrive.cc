#include "redrive/redrive.h"

#include <algorithm>
#include <utility>

#include "delivery/dead_letter_headers.h"
#include "event/timestamp.h"

namespace ei {

using RecordStatus = CommitOutcome::RecordStatus;

namespace {

constexpr size_t kBatchMax = 500;
constexpr uint64_t kBatchBytesMax = 8 << 20;
constexpr uint64_t kPassedOverMax = 10'000;  // then progress is saved even if there is nothing to send
constexpr double kBatchesPerSecond = 5;      // at a limited rate, to keep it even
constexpr auto kGatherTime = std::chrono::milliseconds(100);
constexpr size_t kLeftNamedMax = 20;

size_t BatchMax(double rate) {
  if (rate <= 0) return kBatchMax;
  return static_cast<size_t>(std::clamp(rate / kBatchesPerSecond, 1.0, static_cast<double>(kBatchMax)));
}

std::vector<std::pair<std::string, std::string>> HeadersWithoutDlq(const DeadLetterRecord& dead_letter) {
  auto headers = dead_letter.headers;
  std::erase_if(headers, [](const auto& header) { return header.first.starts_with(kDlqPrefix); });
  return headers;
}

bool IsBefore(const DeadLetterRecord& dead_letter, const Redrive::Earlier& earlier) {
  if (earlier.parts_in_order) {
    return !earlier.places.empty() &&
           DeadLetterOffsets::value_type(dead_letter.part, dead_letter.offset) < *earlier.places.begin();
  }
  const auto next = earlier.places.find(dead_letter.part);
  return next != earlier.places.end() && dead_letter.offset < next->second;
}

// The progress when everything before these dead letters is processed.
DeadLetterOffsets Before(std::span<const Redelivery> dead_letters, DeadLetterOffsets places) {
  for (const Redelivery& each : dead_letters) {
    const auto next = places.try_emplace(each.dead_letter->part, each.dead_letter->offset).first;
    next->second = std::min(next->second, each.dead_letter->offset);
  }
  return places;
}

}  // namespace

Redrive::Redrive(Options options, Parts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      batch_max_(BatchMax(options_.rate)),
      bucket_(options_.rate, static_cast<double>(batch_max_)) {}

base::Result<Redrive::End> Redrive::Run() {
  for (;;) {
    if (auto gathered = Gather(); !gathered) return std::unexpected(gathered.error());
    if (!WaitForTurn()) return End::kStopped;
    const bool done = parts_.source.AtEnd();
    if (!dead_letters_.empty() || passed_over_ >= kPassedOverMax || (done && passed_over_ > 0)) {
      std::vector<Redelivery> batch;
      batch.reserve(dead_letters_.size());
      for (const DeadLetterRecord& dead_letter : dead_letters_) batch.push_back(ToOriginalTopic(dead_letter));
      const auto sent = Send(batch, parts_.source.Places());
      if (!sent || *sent == End::kStopped) return sent;
      dead_letters_.clear();
      gathered_bytes_ = passed_over_ = 0;
    }
    parts_.progress(counts_);
    if (done) return End::kDone;
  }
}

base::Result<void> Redrive::Gather() {
  const base::SteadyTime until = parts_.clock.Now() + kGatherTime;
  base::Duration left = kGatherTime;
  while (dead_letters_.size() < batch_max_ && gathered_bytes_ < kBatchBytesMax &&
         passed_over_ < kPassedOverMax && left > base::Duration(0) && !parts_.source.AtEnd()) {
    auto next = parts_.source.Next(left);
    if (!next) return std::unexpected(next.error());
    if (std::optional<DeadLetterRecord>& dead_letter = *next) Take(std::move(*dead_letter));
    left = until - parts_.clock.Now();
  }
  return {};
}

void Redrive::Take(DeadLetterRecord dead_letter) {
  ++counts_.read;
  ++passed_over_;
  if (!options_.filter.Matches(dead_letter, parts_.decoder)) return;
  ++counts_.matched;
  if (const RedriveFault fault = Judge(dead_letter, options_.rules); fault != RedriveFault::kNone) {
    ++counts_.unfit[static_cast<size_t>(fault)];
    return;
  }
  if (ProcessedEarlier(dead_letter)) {
    ++counts_.sent_earlier;
    return;
  }
  gathered_bytes_ += dead_letter.value.size();
  dead_letters_.push_back(std::move(dead_letter));
}

bool Redrive::ProcessedEarlier(const DeadLetterRecord& dead_letter) const {
  return std::ranges::any_of(options_.earlier, [&](const Earlier& earlier) {
    return IsBefore(dead_letter, earlier) && RedrivesOf(dead_letter) < earlier.redrives_max &&
           earlier.filter.Matches(dead_letter, parts_.decoder);
  });
}

Redelivery Redrive::ToOriginalTopic(const DeadLetterRecord& dead_letter) const {
  Redelivery redelivery{&dead_letter, TopicOf(dead_letter, options_.rules), HeadersWithoutDlq(dead_letter)};
  redelivery.headers.emplace_back(kDlqRedrives, std::to_string(RedrivesOf(dead_letter) + 1));
  return redelivery;
}

Redelivery Redrive::ToDeadLetterTopic(const DeadLetterRecord& dead_letter,
                                      const CommitOutcome::RecordOutcome& rejection) const {
  const std::string topic = TopicOf(dead_letter, options_.rules);
  DeadLetterNote note;
  note.code = rejection.code;
  note.reason = rejection.reason;
  note.attempts = 1;
  note.failed_at = parts_.clock.WallNow();
  note.topic = topic;
  Redelivery redelivery{&dead_letter, options_.rules.dlq_topic, HeadersWithoutDlq(dead_letter)};
  for (auto& [name, text] : DeadLetterHeaders(note, {}))
    redelivery.headers.emplace_back(name, std::move(text));
  redelivery.headers.emplace_back(kDlqRedrives, std::to_string(RedrivesOf(dead_letter) + 1));
  return redelivery;
}

bool Redrive::WaitForTurn() {
  while (!parts_.stop()) {
    if (dead_letters_.empty()) return true;
    const auto turn = bucket_.TryTake(dead_letters_.size(), parts_.clock.Now());
    if (turn.admitted) return true;
    parts_.wait(turn.retry_after);
  }
  return false;
}

base::Result<Redrive::End> Redrive::Send(std::span<Redelivery> batch, const DeadLetterOffsets& places) {
  std::vector<Redelivery> open(std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
  for (;;) {
    auto outcome = parts_.target.Commit(open, places);
    if (!outcome) return std::unexpected(outcome.error());
    if (outcome->committed) {
      for (const Redelivery& each : open) CountWritten(each);
      return End::kDone;
    }
    if (outcome->stopped) return End::kStopped;
    const bool settled = std::ranges::any_of(
        outcome->outcomes, [](const auto& each) { return each.fate != RecordStatus::kOpen; });
    if (settled) {
      Settle(open, outcome->outcomes);
    } else if (open.size() > 1) {
      // Smaller and smaller batches show which dead letter it was.
      const auto first = std::span(open).first(open.size() / 2);
      const auto second = std::span(open).subspan(open.size() / 2);
      const auto sent = Send(first, Before(second, places));
      if (!sent || *sent == End::kStopped) return sent;
      return Send(second, places);
    }
  }
}

void Redrive::Settle(std::vector<Redelivery>& batch,
                     const std::vector<CommitOutcome::RecordOutcome>& outcomes) {
  std::vector<Redelivery> open;
  for (size_t i = 0; i < batch.size(); ++i) {
    const DeadLetterRecord& dead_letter = *batch[i].dead_letter;
    switch (outcomes[i].fate) {
      case RecordStatus::kOpen: open.push_back(std::move(batch[i])); break;
      case RecordStatus::kWritten: CountWritten(batch[i]); break;
      case RecordStatus::kRefused:
        if (batch[i].topic != options_.rules.dlq_topic) {
          open.push_back(ToDeadLetterTopic(dead_letter, outcomes[i]));
          break;
        }
        ++counts_.left[std::string(outcomes[i].code)];
        if (counts_.left_at.size() < kLeftNamedMax) {
          counts_.left_at.push_back(std::to_string(dead_letter.part) + ':' +
                                    std::to_string(dead_letter.offset));
        }
        break;
    }
  }
  batch = std::move(open);
}

void Redrive::CountWritten(const Redelivery& redelivery) {
  if (redelivery.topic != options_.rules.dlq_topic) {
    ++counts_.sent;
    return;
  }
  const auto code =
      std::ranges::find(redelivery.headers, kDlqCode, &std::pair<std::string, std::string>::first);
  ++counts_.died_again[code->second];
}

}  // namespace ei
