#include "adapters/telemetry/log_writer.h"

#include <atomic>
#include <cerrno>
#include <deque>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "adapters/telemetry/json_line.h"
#include "base/mutex.h"
#include "base/thread_name.h"

namespace ei::telemetry {

namespace {

// Writes all of it, for as long as that takes; false when it can't be written. `written` counts the bytes
// that could.
bool WriteAll(int descriptor, std::string_view text, size_t& written) {
  written = 0;
  while (written < text.size()) {
    const ssize_t done = ::write(descriptor, text.data() + written, text.size() - written);
    if (done >= 0) {
      written += static_cast<size_t>(done);
    } else if (errno == EAGAIN) {  // whoever shares the descriptor has made it so
      pollfd room{descriptor, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

// A line that says how many are missing in its place.
std::string Gap(uint64_t lines, base::WallTime now) {
  const LogField fields[] = {{"lines", lines}};
  return JsonLine(now, LogLevel::kWarn, "log",
                  "log lines were dropped, as what reads the log didn't take them", fields) +
         "\n";
}

}  // namespace

// Shared with the thread, which may outlive the writer. The clock doesn't: it is not touched after `stop`.
struct LogWriter::Queue {
  struct Line {
    std::string text;
    uint64_t dropped_before;  // since the line in front of it
  };

  Queue(int to, const Clock& now, size_t max) : descriptor(to), clock(&now), bytes_max(max) {}

  // The writing thread's.
  void Write(const Line& line, base::WallTime now);
  bool WriteText(std::string_view text);

  const int descriptor;
  const Clock* const clock;
  const size_t bytes_max;
  std::atomic<uint64_t> dropped{0};
  uint64_t failed = 0;  // not written since the last line that was; the writing thread's
  bool torn = false;    // the last line was cut short; the writing thread's

  base::Mutex mutex;
  base::CondVar changed;
  std::deque<Line> lines GUARDED_BY(mutex);  // the first is being written, if `writing`
  size_t bytes GUARDED_BY(mutex) = 0;
  uint64_t dropped_at_end GUARDED_BY(mutex) = 0;  // behind the last line
  bool writing GUARDED_BY(mutex) = false;
  bool stop GUARDED_BY(mutex) = false;
};

bool LogWriter::Queue::WriteText(std::string_view text) {
  size_t written = 0;
  if (torn && !WriteAll(descriptor, "\n", written)) return false;
  torn = false;
  const bool all = WriteAll(descriptor, text, written);
  if (!all) torn = written > 0;
  return all;
}

void LogWriter::Queue::Write(const Line& line, base::WallTime now) {
  const uint64_t missing = line.dropped_before + failed;
  const bool told = missing == 0 || WriteText(Gap(missing, now));
  failed = told ? 0 : missing;
  if (line.text.empty() || (told && WriteText(line.text))) return;
  ++failed;
  dropped.fetch_add(1, std::memory_order_relaxed);
}

LogWriter::LogWriter(int descriptor, const Clock& clock, const Options& options)
    : close_time_(options.close_time),
      queue_(std::make_shared<Queue>(descriptor, clock, options.bytes_max)),
      thread_([queue = queue_] { Run(*queue); }) {}

LogWriter::~LogWriter() {
  const bool idle = Flush(close_time_);
  {
    const base::MutexLock lock(queue_->mutex);
    queue_->stop = true;
  }
  queue_->changed.NotifyAll();
  if (idle) {
    thread_.join();
  } else {
    thread_.detach();  // ban-ok(detach): it may hang in a write for ever
  }
}

void LogWriter::Put(std::string_view line) {
  {
    const base::MutexLock lock(queue_->mutex);
    if (queue_->bytes + line.size() > queue_->bytes_max) {
      ++queue_->dropped_at_end;
      queue_->dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    queue_->bytes += line.size();
    queue_->lines.push_back({std::string(line), std::exchange(queue_->dropped_at_end, 0)});
  }
  queue_->changed.NotifyAll();
}

bool LogWriter::Flush(base::Duration time) {
  const auto deadline = std::chrono::steady_clock::now() + time;  // ban-ok(clock): waits for a real thread
  const base::MutexLock lock(queue_->mutex);
  const auto idle = [this]() REQUIRES(queue_->mutex) {
    return queue_->lines.empty() && queue_->dropped_at_end == 0 && !queue_->writing;
  };
  // ban-ok(clock): waits for a real thread
  while (!idle() && std::chrono::steady_clock::now() < deadline) {
    queue_->changed.WaitUntil(queue_->mutex, deadline);
  }
  return idle();
}

uint64_t LogWriter::Dropped() const { return queue_->dropped.load(std::memory_order_relaxed); }

void LogWriter::Run(Queue& queue) {
  base::NameThisThread("log");
  for (;;) {
    Queue::Line line;
    base::WallTime now;
    {
      const base::MutexLock lock(queue.mutex);
      while (queue.lines.empty() && queue.dropped_at_end == 0 && !queue.stop) queue.changed.Wait(queue.mutex);
      if (queue.stop) return;
      now = queue.clock->WallNow();
      if (queue.lines.empty()) {
        line.dropped_before = std::exchange(queue.dropped_at_end, 0);
      } else {
        line = std::move(queue.lines.front());
        queue.lines.pop_front();
      }
      queue.writing = true;
    }
    queue.Write(line, now);
    {
      const base::MutexLock lock(queue.mutex);
      queue.bytes -= line.text.size();
      queue.writing = false;
    }
    queue.changed.NotifyAll();
  }
}

}  // namespace ei::telemetry
