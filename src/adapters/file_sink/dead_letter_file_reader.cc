#include "adapters/file_sink/dead_letter_file_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "adapters/file_sink/dead_letter_line.h"
#include "adapters/file_sink/line_format.h"
#include "adapters/file_sink/segment_directory.h"
#include "redrive/dead_letter_filter.h"

namespace ei::file_sink {

namespace {

std::unexpected<base::Error> Fault(const std::string& doing, const std::string& path, int error) {
  return base::Fail(base::ErrorKind::kStorage,
                    "can't " + doing + ' ' + path + ": " + std::system_category().message(error));
}

}  // namespace

base::Result<std::unique_ptr<DeadLetterFileReader>> DeadLetterFileReader::Open(
    const std::string& folder, const DeadLetterOffsets& from) {
  const auto listed = ListSegments(folder, kDeadLettersPrefix);
  if (!listed) return std::unexpected(listed.error());
  std::unique_ptr<DeadLetterFileReader> files(new DeadLetterFileReader());
  const auto start = from.empty() ? std::pair<const uint64_t, uint64_t>{0, 0} : *from.begin();
  files->place_ = {start};
  for (const ListedSegment& each : *listed) {
    if (each.number < start.first) continue;
    Segment segment{folder + '/' + each.name, each.number, each.number == start.first ? start.second : 0};
    struct stat status = {};
    if (::stat(segment.path.c_str(), &status) != 0) {
      if (errno == ENOENT) continue;  // moved away in the meantime
      return Fault("get the status of", segment.path, errno);
    }
    segment.end = static_cast<uint64_t>(status.st_size);
    if (segment.begin >= segment.end) continue;
    files->total_ += segment.end - segment.begin;
    files->segments_.push_back(std::move(segment));
  }
  return files;
}

base::Result<void> DeadLetterFileReader::OpenCurrent() {
  const Segment& segment = segments_[current_];
  file_.reset(std::fopen(segment.path.c_str(), "re"));
  if (file_ == nullptr) return Fault("open", segment.path, errno);
  if (::fseeko(file_.get(), static_cast<off_t>(segment.begin), SEEK_SET) != 0) {
    return Fault("read", segment.path, errno);
  }
  offset_ = segment.begin;
  return {};
}

void DeadLetterFileReader::CloseCurrent() {
  done_ += segments_[current_].end - offset_;
  file_.reset();
  ++current_;
}

base::Result<std::optional<DeadLetterRecord>> DeadLetterFileReader::Next(base::Duration) {
  if (AtEnd()) return std::nullopt;
  if (file_ == nullptr) {
    if (auto opened = OpenCurrent(); !opened) return std::unexpected(opened.error());
  }
  const Segment& segment = segments_[current_];
  char* raw = nullptr;
  size_t room = 0;
  const ssize_t size = ::getline(&raw, &room, file_.get());
  const std::unique_ptr<char, void (*)(void*)> line(raw, &std::free);
  if (size < 0 && std::ferror(file_.get()) != 0) return Fault("read", segment.path, errno);
  // A line without a line break is still being written, or the process ended while it was written.
  const uint64_t next = offset_ + static_cast<uint64_t>(std::max<ssize_t>(size, 0));
  if (size <= 0 || raw[size - 1] != '\n' || next > segment.end) {
    CloseCurrent();
    return std::nullopt;
  }
  auto dead_letter = ParseDeadLetterLine({raw, static_cast<size_t>(size) - 1}).value_or(DeadLetterRecord{});
  dead_letter.part = segment.number;
  dead_letter.offset = offset_;
  dead_letter.stored_at = FailedAt(dead_letter);
  done_ += next - offset_;
  offset_ = next;
  place_ = {{segment.number, next}};
  if (next == segment.end) CloseCurrent();
  return dead_letter;
}

}  // namespace ei::file_sink
