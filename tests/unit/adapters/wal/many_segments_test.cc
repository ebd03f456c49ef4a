// A backlog of hundreds of thousands of segments: what it costs, and how many files are open.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <set>

#include "adapters/wal/posix_disk.h"
#include "adapters/wal/segment_files.h"
#include "support/memory_folder.h"
#include "support/temp_folder.h"
#include "support/thread_time.h"
#include "support/wal_rig.h"
#include "unit/adapters/wal/segment_bytes.h"

namespace ei::wal {
namespace {

using support::Numbered;

// Segments 0 to `segments` - 1 with an event each, whose bytes are made when they are read; what is written
// is kept in memory. Counts the files that are open at once.
class VastFolder final : public Directory {
 public:
  static constexpr uint64_t kSegmentBytes = 2048;

  explicit VastFolder(uint64_t segments) : there_(segments, true) {}

  DiskResult<std::unique_ptr<File>> Create(const std::string& name) override {
    return Counted(rest_.Create(name));
  }
  DiskResult<std::unique_ptr<File>> Open(const std::string& name) override {
    const auto number = NumberOf(name);
    if (!number) return Counted(rest_.Open(name));
    return Counted(std::make_unique<MadeFile>(BytesOf(*number)));
  }
  DiskResult<void> Rename(const std::string& from, const std::string& to) override {
    const auto number = NumberOf(from);
    if (!number) return rest_.Rename(from, to);
    there_[*number] = false;
    auto file = rest_.Create(to);
    const std::string bytes = BytesOf(*number);
    if (const auto written = (*file)->Write(0, bytes); !written) return std::unexpected(written.error());
    return {};
  }
  DiskResult<void> Remove(const std::string& name) override {
    const auto number = NumberOf(name);
    if (!number) return rest_.Remove(name);
    there_[*number] = false;
    return {};
  }
  DiskResult<void> Sync() override { return {}; }
  DiskResult<std::vector<std::string>> List() override {
    std::vector<std::string> names = rest_.Names();
    for (uint64_t number = 0; number < there_.size(); ++number) {
      if (there_[number]) names.push_back(SegmentName(number));
    }
    return names;
  }

  // What it makes is always the file under its name.
  DiskResult<void> Confirm(const std::string&, const File&) override { return {}; }

  uint64_t MostOpen() const { return most_open_; }

 private:
  class MadeFile final : public File {
   public:
    explicit MadeFile(std::string bytes) : bytes_(std::move(bytes)) {}
    DiskResult<size_t> Write(uint64_t, std::span<const char>) override { return std::unexpected(EROFS); }
    DiskResult<size_t> Read(uint64_t offset, std::span<char> bytes) override {
      return offset < bytes_.size() ? bytes_.copy(bytes.data(), bytes.size(), offset) : 0;
    }
    DiskResult<void> Sync() override { return {}; }
    DiskResult<uint64_t> Size() override { return bytes_.size(); }

   private:
    const std::string bytes_;
  };

  class CountedFile final : public File {
   public:
    CountedFile(std::unique_ptr<File> file, VastFolder& folder) : file_(std::move(file)), folder_(folder) {
      folder_.most_open_ = std::max(folder_.most_open_, ++folder_.open_);
    }
    ~CountedFile() override { --folder_.open_; }
    CountedFile(const CountedFile&) = delete;
    CountedFile& operator=(const CountedFile&) = delete;
    DiskResult<size_t> Write(uint64_t offset, std::span<const char> bytes) override {
      return file_->Write(offset, bytes);
    }
    DiskResult<size_t> Read(uint64_t offset, std::span<char> bytes) override {
      return file_->Read(offset, bytes);
    }
    DiskResult<void> Sync() override { return file_->Sync(); }
    DiskResult<uint64_t> Size() override { return file_->Size(); }

   private:
    const std::unique_ptr<File> file_;
    VastFolder& folder_;
  };

  DiskResult<std::unique_ptr<File>> Counted(DiskResult<std::unique_ptr<File>> file) {
    if (!file) return file;
    return std::make_unique<CountedFile>(std::move(*file), *this);
  }
  std::optional<uint64_t> NumberOf(const std::string& name) const {
    const auto number = SegmentNumber(name);
    return number && *number < there_.size() && there_[*number] ? number : std::nullopt;
  }
  static std::string BytesOf(uint64_t number) {
    SegmentBytes bytes({number, number, 1'000 + number, kSegmentBytes});
    bytes.Add(number, {std::to_string(number)});
    return bytes.Whole();
  }

  std::vector<bool> there_;
  support::MemoryFolder rest_{{}};
  uint64_t open_ = 0;
  uint64_t most_open_ = 0;
};

// The time to inspect and maintain a log with this many segments when there is nothing to do.
std::chrono::nanoseconds TimeToLookAt(uint64_t segments) {
  VastFolder folder(segments);
  support::WalRig rig({.bytes_max = uint64_t{1} << 44, .segment_bytes = VastFolder::kSegmentBytes});
  rig.Open(folder);
  EXPECT_EQ(rig.Journal().Stats().events, segments);
  return support::ThreadTimeOf([&] {
    for (int i = 0; i < 1'000; ++i) {
      EXPECT_EQ(rig.Journal().Stats().events, rig.Journal().Events());
      EXPECT_EQ(rig.Journal().Housekeep(), Work::kIdle);
    }
  });
}

// An operation that iterated over all segments would take a thousand times as long for a thousand times as
// many.
TEST(ManySegments, CostNoMoreThanAFew) {
  const auto few = TimeToLookAt(50);
  const auto many = TimeToLookAt(50'000);
  EXPECT_LT(many, 50 * few) << many << " and " << few;
}

TEST(ManySegments, AreDeliveredAndGoWithAFewFilesOpen) {
  constexpr uint64_t kSegments = 20'000;
  VastFolder folder(kSegments);
  support::WalRig rig({.bytes_max = uint64_t{1} << 44, .segment_bytes = VastFolder::kSegmentBytes});
  rig.Open(folder);
  EXPECT_EQ(rig.Drain().size(), kSegments);
  EXPECT_EQ(rig.Journal().Stats().events, 0U);
  EXPECT_LE(rig.Journal().Stats().bytes, 4 * VastFolder::kSegmentBytes) << "all of them are gone";
  EXPECT_LE(folder.MostOpen(), 8U);
}

// Every other segment is settled and released: the remaining ones do not prevent that.
TEST(ManySegments, GoInAnyOrder) {
  constexpr uint64_t kSegments = 20'000;
  VastFolder folder(kSegments);
  support::WalRig rig({.bytes_max = uint64_t{1} << 44, .segment_bytes = VastFolder::kSegmentBytes});
  rig.Open(folder);
  rig.Work();
  rig.Take();
  rig.SettleIf([](std::string_view value) { return (value.back() - '0') % 2 == 0 && value.size() > 4; });
  for (int i = 0; i < 20; ++i) rig.Work();
  constexpr uint64_t kReleased = kCheckpointRunsMax - LowestRuns(kCheckpointRunsMax);
  EXPECT_LE(rig.Journal().Stats().bytes, (kSegments - kReleased + 4) * VastFolder::kSegmentBytes)
      << "as many as a checkpoint has room for";
  EXPECT_EQ(rig.Drain().size(), 0U);
  rig.Settle();
  for (int i = 0; i < 40; ++i) rig.Work();
  EXPECT_LE(rig.Journal().Stats().bytes, 4 * VastFolder::kSegmentBytes);
}

// The limit of this process, lowered during the lifetime of this object.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t more) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                                     std::filesystem::directory_iterator())) +
                   more;
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(ManySegments, NeedAFewDescriptorsOnly) {
  constexpr uint64_t kSegments = 200;
  const support::TempFolder folder;
  auto directory = PosixDirectory::OpenForWriting(folder.Path());
  ASSERT_TRUE(directory);
  support::WalRig rig({.bytes_max = 1 << 24, .segment_bytes = 4 << 10, .window_events_max = 10});
  const FewDescriptors few(12);
  rig.Open(**directory);
  for (const std::string& value : Numbered(0, kSegments, 2'000)) {
    ASSERT_EQ(rig.Append({value}), AppendResult::kAppended);
    rig.Work();
  }
  rig.Open(**directory);  // as a restart would
  EXPECT_EQ(rig.Drain(), Numbered(0, kSegments, 2'000));
}

}  // namespace
}  // namespace ei::wal
