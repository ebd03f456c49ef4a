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

// Writes the whole text; blocks until it is written. Returns false when a write fails. `written` is the
// number of bytes that were written.
bool WriteAll(int descriptor, std::string_view text, size_t& written) {
  written = 0;
  while (written < text.size()) {
    const ssize_t done = ::write(descriptor, text.data() + written, text.size() - written);
    if (done >= 0) {
      written += static_cast<size_t>(done);
    } else if (errno == EAGAIN) {  // another user of the descriptor has made it non-blocking
      pollfd room{descriptor, POLLOUT, 0};
      ::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

// The line that reports how many lines were dropped at this place.
std::string DroppedNotice(uint64_t lines, base::WallTime now) {
  const LogField fields[] = {{"lines", lines}};
  return JsonLine(now, LogLevel::kWarn, "log",
                  "log lines were dropped because the reader of the log is too slow or a write failed",
                  fields) +
         "\n";
}

}  // namespace

// Shared with the thread, which may outlive the writer. The clock may not outlive the writer, so it is not
// used after `stop` is set.
struct LogWriter::Queue {
  struct Line {
    std::string text;
    uint64_t dropped_before;  // lines dropped between the previous line and this one
  };

  Queue(int to, const Clock& now, size_t max) : descriptor(to), clock(&now), bytes_max(max) {}

  // Called by the writing thread only.
  void Write(const Line& line, base::WallTime now);
  bool WriteText(std::string_view text);

  const int descriptor;
  const Clock* const clock;
  const size_t bytes_max;
  std::atomic<uint64_t> dropped{0};
  uint64_t failed = 0;  // lines that failed since the last written one; writing thread only
  bool torn = false;    // the last line was written in part; writing thread only

  base::Mutex mutex;
  base::CondVar changed;
  std::deque<Line> lines GUARDED_BY(mutex);  // without the line that is being written
  size_t bytes GUARDED_BY(mutex) = 0;
  uint64_t dropped_at_end GUARDED_BY(mutex) = 0;  // lines dropped after the last one in `lines`
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
  const bool reported = missing == 0 || WriteText(DroppedNotice(missing, now));
  failed = reported ? 0 : missing;
  if (line.text.empty() || (reported && WriteText(line.text))) return;
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
    thread_.detach();  // ban-ok(detach): it may be blocked in a write forever
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
