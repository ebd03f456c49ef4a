#include "adapters/file_sink/file_sink.h"

#include <cassert>

#include "adapters/file_sink/line_format.h"
#include "adapters/file_sink/segment_tail.h"

namespace ei::file_sink {

using app::LogLevel;
using app::OutboundEvent;
using app::Verdict;

namespace {

constexpr std::string_view kComponent = "file_sink";

// One line longer than a batch shouldn't hold its memory for ever.
void Empty(std::string& batch) {
  batch.clear();
  if (batch.capacity() > 2 * kBatchBytesMax) batch.shrink_to_fit();
}

}  // namespace

base::Result<std::unique_ptr<FileSink>> FileSink::Open(const Options& options, app::Log& log,
                                                       const app::Clock& clock, FileCalls& calls) {
  auto directory = SegmentDirectory::Open(options.directory, "file.dir (FILE_DIR)", calls);
  if (!directory) return std::unexpected(std::move(directory.error()));
  std::unique_ptr<FileSink> sink(new FileSink(options, std::move(*directory), log, clock));
  base::MutexLock lock(sink->write_mutex_);
  sink->events_.Resume();
  sink->dead_letters_.Resume();
  if (auto ready = sink->events_.EnsureSegment(); !ready) {
    return base::Fail(base::ErrorKind::kStorage, std::move(ready.error().reason));
  }
  return sink;
}

FileSink::FileSink(const Options& options, std::unique_ptr<SegmentDirectory> directory, app::Log& log,
                   const app::Clock& clock)
    : path_(options.directory),
      directory_(std::move(directory)),
      log_(log),
      clock_(clock),
      events_("events", options.segment_bytes, *directory_, log, clock),
      dead_letters_(kDeadLettersPrefix, options.segment_bytes, *directory_, log, clock) {}

void FileSink::Attach(size_t lane, app::DeliveryListener& listener) {
  assert(lane < kLanesMax);
  base::MutexLock lock(mutex_);
  if (lanes_.size() <= lane) lanes_.resize(lane + 1);
  lanes_[lane] = std::make_unique<Lane>();
  lanes_[lane]->listener = &listener;
}

void FileSink::Send(size_t lane, std::span<const OutboundEvent> events,
                    app::Grouping /*every verdict is its own*/, uint64_t /*reports come from within Send*/) {
  Request request;
  request.events = events;
  Deliver(lane, request);
}

void FileSink::SendDeadLetter(size_t lane, const OutboundEvent& event, const app::DeadLetterNote& note) {
  Request request;
  request.events = std::span(&event, 1);
  request.note = &note;
  Deliver(lane, request);
}

void FileSink::Deliver(size_t lane, Request& request) {
  if (request.events.empty()) return;
  Commit(request);
  Lane* own = nullptr;
  {
    base::MutexLock lock(mutex_);
    own = lanes_[lane].get();
  }
  own->reports.resize(request.events.size());
  for (size_t i = 0; i < request.events.size(); ++i) {
    app::DeliveryReport& report = own->reports[i];
    report.token = request.events[i].token;
    const bool stands = i < request.durable;
    report.verdict = stands ? Verdict::kDelivered : Verdict::kTransient;
    report.code = stands ? std::string_view() : request.fault.code;
    report.reason = stands ? std::string() : request.fault.reason;
  }
  own->listener->OnReports(own->reports);
}

// Returns when the request has been written, by this thread or another.
void FileSink::Commit(Request& request) {
  std::vector<Request*> group;
  {
    base::MutexLock lock(mutex_);
    queue_.push_back(&request);
    while (writing_ && !request.done) turn_over_.Wait(mutex_);
    if (request.done) return;
    writing_ = true;
    group.swap(queue_);
  }
  {
    base::MutexLock lock(write_mutex_);
    WriteGroup(group);
  }
  {
    base::MutexLock lock(mutex_);
    for (Request* written : group) written->done = true;
    writing_ = false;
  }
  turn_over_.NotifyAll();
}

void FileSink::WriteGroup(std::span<Request* const> group) {
  const auto event_fault = WriteEvents(group);
  const auto letter_fault = WriteDeadLetters(group);
  for (Request* request : group) {
    const auto& fault = request->note != nullptr ? letter_fault : event_fault;
    if (fault) request->fault = *fault;
  }
  if (event_fault || letter_fault) {
    TellFault(event_fault ? *event_fault : *letter_fault);
  } else {
    TellRecovery();
  }
}

std::optional<StorageFault> FileSink::WriteEvents(std::span<Request* const> group) {
  size_t first = 0;  // the requests before it stand wholly
  // Stores what has been gathered: all before event `next` of request `last`.
  const auto store = [&](size_t last, size_t next) REQUIRES(write_mutex_) -> std::optional<StorageFault> {
    if (batch_.empty()) return std::nullopt;
    auto stored = events_.Append(batch_);
    Empty(batch_);
    if (!stored) return std::move(stored.error());
    for (; first < last; ++first) {
      if (group[first]->note == nullptr) group[first]->durable = group[first]->events.size();
    }
    if (last < group.size()) group[last]->durable = next;
    return std::nullopt;
  };

  uint64_t batch_max = 0;
  for (size_t r = 0; r < group.size(); ++r) {
    if (group[r]->note != nullptr) continue;
    const auto events = group[r]->events;
    for (size_t i = 0; i < events.size(); ++i) {
      const uint64_t line_bytes = events[i].value.size() + 1;
      if (!batch_.empty() && batch_.size() + line_bytes > batch_max) {
        if (auto fault = store(r, i)) return fault;
      }
      if (batch_.empty()) batch_max = events_.BatchBytes(line_bytes);
      AppendEventLine(batch_, events[i].value);
    }
  }
  return store(group.size(), 0);
}

// Dead letters are few: each is stored by itself.
std::optional<StorageFault> FileSink::WriteDeadLetters(std::span<Request* const> group) {
  for (Request* request : group) {
    if (request->note == nullptr) continue;
    AppendDeadLetterLine(batch_, request->events.front(), *request->note);
    auto stored = dead_letters_.Append(batch_);
    Empty(batch_);
    if (!stored) return std::move(stored.error());
    request->durable = 1;
  }
  return std::nullopt;
}

void FileSink::TellFault(const StorageFault& fault) {
  const auto count = faults_.Count(clock_.Now());
  if (!count) return;
  told_fault_ = true;
  log_.Write(LogLevel::kError, kComponent, "events could not be stored and will be tried again",
             {{"code", fault.code}, {"reason", fault.reason}, {"count", *count}});
}

void FileSink::TellRecovery() {
  if (!told_fault_) return;
  told_fault_ = false;
  log_.Write(LogLevel::kInfo, kComponent, "events are stored again", {{"directory", path_}});
}

}  // namespace ei::file_sink
