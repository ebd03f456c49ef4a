#include "adapters/file_sink/file_lane.h"

#include <algorithm>
#include <utility>

#include "adapters/file_sink/line_format.h"
#include "adapters/file_sink/segment_tail.h"
#include "journal/event_runs.h"

namespace ei::file_sink {

void FileLane::Add(const JournalEvent& event) {
  if (batches_.empty() || batches_.back().lines.size() + event.value.size() >= kBatchBytesMax) {
    batches_.emplace_back();
  }
  Batch& batch = batches_.back();
  AppendEventLine(batch.lines, event.value);
  batch.line_bytes.push_back(static_cast<uint32_t>(event.value.size() + 1));
  batch.positions.push_back(event.position);
  ei::AppendRun(batch.runs, RunOf(event));
  ++waiting_;
}

void FileLane::AddDeadLetter(uint64_t token, const EventView& event, const DeadLetterNote& note) {
  DeadLetter& dead_letter = dead_letters_.emplace_back(token);
  AppendDeadLetterLine(dead_letter.line, event, note);
}

void FileLane::Run(base::SteadyTime until) {
  for (;;) {
    if (sink_.clock_.Now() >= not_before_ && !(batches_.empty() && dead_letters_.empty())) {
      if (const auto fault = Write()) {
        not_before_ = sink_.clock_.Now() + sink_.retries_.Delay(++failures_, random_.NextRandom());
      } else {
        failures_ = 0;
      }
      if (sent_ != nullptr) sent_->Flush();
    }
    const bool pending = !(batches_.empty() && dead_letters_.empty());
    const base::SteadyTime next = pending ? std::min(until, not_before_) : until;
    const base::MutexLock lock(mutex_);
    while (!woken_ && sink_.clock_.Now() < next) {
      if (next == base::SteadyTime::max()) {
        changed_.Wait(mutex_);
      } else {
        changed_.WaitUntil(mutex_, next);
      }
    }
    if (std::exchange(woken_, false) || next == until) return;
  }
}

void FileLane::Wake() {
  {
    const base::MutexLock lock(mutex_);
    woken_ = true;
  }
  changed_.NotifyOne();
}

std::optional<StorageFault> FileLane::Write() {
  in_flight_.store(waiting_, std::memory_order_relaxed);
  std::optional<StorageFault> fault;
  while (!batches_.empty() && !fault) {
    size_t written = 0;
    fault = WriteBatch(batches_.front(), written);
    Deliver(batches_.front(), written);
    if (batches_.front().positions.empty()) batches_.pop_front();
  }
  in_flight_.store(0, std::memory_order_relaxed);
  const auto dead_letter_fault = WriteDeadLetters();
  if (!fault) fault = dead_letter_fault;
  if (waiting_ > 0) sink_.telemetry_.EventsRetried(waiting_);
  const base::MutexLock lock(sink_.mutex_);
  if (fault) {
    sink_.LogFault(*fault);
  } else {
    sink_.LogRecovery();
  }
  return fault;
}

std::optional<StorageFault> FileLane::WriteBatch(const Batch& batch, size_t& written) {
  const base::MutexLock lock(sink_.mutex_);
  std::string_view rest = batch.lines;
  while (written < batch.line_bytes.size()) {
    const uint64_t bytes_max = sink_.events_.BatchBytes(batch.line_bytes[written]);
    uint64_t bytes = batch.line_bytes[written];
    size_t end = written + 1;
    while (end < batch.line_bytes.size() && bytes + batch.line_bytes[end] <= bytes_max) {
      bytes += batch.line_bytes[end++];
    }
    if (auto stored = sink_.events_.Append(rest.substr(0, bytes)); !stored) return std::move(stored.error());
    rest.remove_prefix(bytes);
    written = end;
  }
  return std::nullopt;
}

// Reports the first `written` events of the batch as delivered; the others stay in it.
void FileLane::Deliver(Batch& batch, size_t written) {
  if (written == 0) return;
  waiting_ -= written;
  in_flight_.store(waiting_, std::memory_order_relaxed);
  if (written == batch.positions.size()) {
    const Batch done = std::exchange(batch, {});
    return listener_->OnDelivered({done.positions, done.runs});
  }
  Batch done;
  Batch rest;
  RunReader runs(batch.runs);
  size_t bytes = 0;
  for (size_t i = 0; i < batch.positions.size(); ++i) {
    Batch& into = i < written ? done : rest;
    into.positions.push_back(batch.positions[i]);
    ei::AppendRun(into.runs, runs.Next());
    if (i < written) bytes += batch.line_bytes[i];
  }
  rest.lines = batch.lines.substr(bytes);
  rest.line_bytes.assign(batch.line_bytes.begin() + static_cast<std::ptrdiff_t>(written),
                         batch.line_bytes.end());
  batch = std::move(rest);
  listener_->OnDelivered({done.positions, done.runs});
}

// Stores each dead letter separately, because there are few.
std::optional<StorageFault> FileLane::WriteDeadLetters() {
  while (!dead_letters_.empty()) {
    {
      const base::MutexLock lock(sink_.mutex_);
      if (auto stored = sink_.dead_letters_.Append(dead_letters_.front().line); !stored) {
        return std::move(stored.error());
      }
    }
    const uint64_t token = dead_letters_.front().token;
    dead_letters_.erase(dead_letters_.begin());
    listener_->OnDeadLetter({.token = token});
  }
  return std::nullopt;
}

}  // namespace ei::file_sink
