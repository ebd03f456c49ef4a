#include "adapters/file_sink/dead_letter_file.h"

#include <utility>
#include <vector>

#include "adapters/file_sink/line_format.h"
#include "adapters/file_sink/segment_tail.h"

namespace ei::file_sink {

namespace {

constexpr std::string_view kComponent = "dead_letters";
constexpr std::string_view kSetting = "dead_letter.dir (DEAD_LETTER_DIR)";

}  // namespace

DeadLetterFile::DeadLetterFile(DeadLetterFileOptions options, Log& log, const Clock& clock,
                               system::FileCalls& calls)
    : options_(std::move(options)), log_(log), clock_(clock), calls_(calls) {
  base::MutexLock lock(mutex_);
  const auto fault = EnsureOpen();
  if (!fault) return;
  log_.Write(
      LogLevel::kWarn, kComponent,
      "the dead-letter file can't be used; events that the dead-letter topic rejects stay in the journal",
      {{"reason", std::string_view(fault->reason)}});
}

StoredDeadLetters DeadLetterFile::Store(std::span<const DeadLetterToStore> dead_letters) {
  base::MutexLock lock(mutex_);
  StoredDeadLetters result;
  auto fault = EnsureOpen();
  while (!fault && result.places.size() < dead_letters.size()) {
    std::string batch;
    std::vector<uint64_t> offsets;  // where each line begins in the batch
    uint64_t batch_max = 0;
    for (const DeadLetterToStore& dead_letter : dead_letters.subspan(result.places.size())) {
      const size_t begin = batch.size();
      AppendDeadLetterLine(batch, dead_letter.event, dead_letter.note);
      if (begin == 0) batch_max = lines_->BatchBytes(batch.size());
      if (begin > 0 && batch.size() > batch_max) {
        batch.resize(begin);
        break;
      }
      offsets.push_back(begin);
    }
    fault = Reserve(batch.size());
    if (fault) break;
    auto stored = lines_->Append(batch);
    if (!stored) {
      fault = std::move(stored.error());
      break;
    }
    bytes_ += batch.size();
    for (const uint64_t offset : offsets) {
      result.places.push_back(stored->segment + ':' + std::to_string(stored->offset + offset));
    }
  }
  if (!fault) return result;
  result.code = fault->code;
  result.reason = fault->reason;
  failures_ += dead_letters.size() - result.places.size();
  LogFault(*fault);
  return result;
}

std::optional<StorageFault> DeadLetterFile::EnsureOpen() {
  if (directory_ != nullptr) return std::nullopt;
  auto opened = SegmentDirectory::Open(options_.directory, kSetting, calls_);
  if (!opened) return StorageFault{"storage_failed", std::move(opened.error().message)};
  directory_ = std::move(*opened);
  lines_ =
      std::make_unique<SegmentLog>(kDeadLettersPrefix, options_.segment_bytes, *directory_, log_, clock_);
  lines_->Resume();
  bytes_ = directory_->Bytes(kDeadLettersPrefix);
  return std::nullopt;
}

std::optional<StorageFault> DeadLetterFile::Reserve(uint64_t bytes) {
  if (bytes_ + bytes <= options_.bytes_max) return std::nullopt;
  bytes_ = directory_->Bytes(kDeadLettersPrefix);  // an operator may have removed segments
  if (bytes_ + bytes <= options_.bytes_max) return std::nullopt;
  return StorageFault{
      "dead_letter_file_full",
      std::string(kSetting) + ' ' + options_.directory + " holds " + std::to_string(bytes_) + " of " +
          std::to_string(options_.bytes_max) +
          " bytes (dead_letter.bytes_max); fix the dead-letter topic, or redrive the stored dead "
          "letters and delete the files"};
}

void DeadLetterFile::LogFault(const StorageFault& fault) {
  const auto count = faults_.Count(clock_.Now());
  if (!count) return;
  log_.Write(LogLevel::kError, kComponent,
             "dead letters could not be stored in the dead-letter file; they stay in the journal",
             {{"code", fault.code}, {"reason", std::string_view(fault.reason)}, {"count", *count}});
}

uint64_t DeadLetterFile::Bytes() const {
  base::MutexLock lock(mutex_);
  return directory_ == nullptr ? 0 : directory_->Bytes(kDeadLettersPrefix);
}

uint64_t DeadLetterFile::Failures() const {
  base::MutexLock lock(mutex_);
  return failures_;
}

}  // namespace ei::file_sink
