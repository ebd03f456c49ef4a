#include "adapters/file_sink/segment_directory.h"

#include "unit/adapters/file_sink/sink_fixture.h"
#include "unit/system/faulty_file_calls.h"

namespace ei::file_sink {
namespace {

using base::ErrorKind;

class SegmentDirectoryTest : public testing::Test {
 protected:
  base::Result<std::unique_ptr<SegmentDirectory>> Open() {
    return SegmentDirectory::Open(path_.string(), "file.dir (FILE_DIR)", calls_);
  }
  base::Error OpenError() {
    auto opened = Open();
    EXPECT_FALSE(opened);
    return opened ? base::Error{} : opened.error();
  }

  TempFolder folder_;
  std::filesystem::path path_ = folder_.Path() / "events";
  system::FaultyFileCalls calls_;
};

TEST_F(SegmentDirectoryTest, SecondOpenerIsRejectedUntilTheFirstIsGone) {
  auto first = Open();
  ASSERT_TRUE(first);
  const auto error = OpenError();
  EXPECT_EQ(error.kind, ErrorKind::kUnavailable);
  EXPECT_TRUE(error.message.contains("file.dir (FILE_DIR) " + path_.string() + ": another process"))
      << error.message;
  first->reset();
  EXPECT_TRUE(Open());
}

TEST_F(SegmentDirectoryTest, RelativePathAndTrailingSlashAreTaken) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.Path());
  path_ = "x/y/";
  EXPECT_TRUE(Open());
  std::filesystem::current_path(before);
  EXPECT_TRUE(std::filesystem::is_directory(folder_.Path() / "x" / "y"));
}

TEST_F(SegmentDirectoryTest, NumbersGrowOverBothKindsAndAreNeverGivenTwice) {
  {
    auto directory = Open();
    ASSERT_TRUE(directory);
    EXPECT_EQ((*directory)->Create("events")->name, "events-00000000000000000001.ndjson");
    EXPECT_EQ((*directory)->Create("dead-letters")->name, "dead-letters-00000000000000000002.ndjson");
    EXPECT_EQ((*directory)->OpenNewest("events")->name, "events-00000000000000000001.ndjson");
  }
  std::filesystem::remove(path_ / "events-00000000000000000001.ndjson");
  std::filesystem::remove(path_ / "dead-letters-00000000000000000002.ndjson");
  EXPECT_EQ((*Open())->Create("events")->name, "events-00000000000000000003.ndjson");
}

TEST_F(SegmentDirectoryTest, LostOrDamagedCounterIsFoundAgainFromTheNames) {
  {
    ASSERT_TRUE((*Open())->Create("events"));
  }
  WriteFile(path_ / "dead-letters-00000000000000000041.ndjson", "");
  for (const char* counter : {"", "12", "000000000000000000x1\n", "99999999999999999999\n"}) {
    WriteFile(path_ / SegmentDirectory::kLockFile, counter);
    const auto segment = (*Open())->Create("events");
    ASSERT_TRUE(segment);
    EXPECT_EQ(segment->name, "events-00000000000000000042.ndjson") << counter;
    std::filesystem::remove(path_ / segment->name);
  }
}

TEST_F(SegmentDirectoryTest, ForeignNamesArePassedOver) {
  std::filesystem::create_directory(path_);
  for (const char* name : {"events-7.ndjson", "events-00000000000000000007.json",
                           "events-0000000000000000000x.ndjson", "events-99999999999999999999.ndjson",
                           "00000000000000000007.ndjson", "events00000000000000000007.ndjson"}) {
    WriteFile(path_ / name, "");
  }
  auto directory = Open();
  ASSERT_TRUE(directory);
  EXPECT_FALSE((*directory)->HasSegments("events"));
  EXPECT_FALSE((*directory)->OpenNewest("events"));
  EXPECT_EQ((*directory)->Create("events")->name, "events-00000000000000000001.ndjson");
}

TEST_F(SegmentDirectoryTest, SegmentWhoseNameIsNotSyncedIsTakenBack) {
  auto directory = Open();
  ASSERT_TRUE(directory);
  calls_.fault = [](system::FaultyFileCalls::Call call, uint64_t) {
    return call == system::FaultyFileCalls::Call::kSync ? EIO : 0;
  };
  const auto segment = (*directory)->Create("events");
  ASSERT_FALSE(segment);
  EXPECT_EQ(segment.error().error, EIO);
  EXPECT_TRUE(Segments(path_).empty());
}

TEST_F(SegmentDirectoryTest, InterruptedCallsAreRepeated) {
  auto directory = Open();
  ASSERT_TRUE(directory);
  calls_.fault = [](system::FaultyFileCalls::Call call, uint64_t nth) {
    return call != system::FaultyFileCalls::Call::kOpen && nth % 2 == 0 ? EINTR : 0;
  };
  for (int i = 0; i < 4; ++i) EXPECT_TRUE((*directory)->Create("events"));
}

}  // namespace
}  // namespace ei::file_sink
