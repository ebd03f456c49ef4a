#include "adapters/file_sink/segment_tail.h"

#include <fcntl.h>

#include <cerrno>

#include "system/file_calls.h"
#include "unit/adapters/file_sink/sink_fixture.h"

namespace ei::file_sink {
namespace {

constexpr uint64_t kMiB = 1 << 20;

class SegmentTail : public testing::Test {
 protected:
  std::optional<uint64_t> Sound(std::string_view bytes) {
    const auto path = folder_.Path() / "segment";
    WriteFile(path, bytes);
    const system::Descriptor file(system::RealFileCalls(),
                                  system::RealFileCalls().OpenAt(AT_FDCWD, path.c_str(), O_RDONLY, 0));
    return SoundBytes(file.Get(), bytes.size());
  }
  TempFolder folder_;
};

TEST_F(SegmentTail, UnreadableFileIsReportedByErrno) {
  const system::Descriptor folder(
      system::RealFileCalls(), system::RealFileCalls().OpenAt(AT_FDCWD, folder_.Path().c_str(), O_RDONLY, 0));
  EXPECT_EQ(SoundBytes(folder.Get(), 10), std::nullopt);
  EXPECT_EQ(errno, EISDIR);
}

TEST_F(SegmentTail, FileShorterThanExpectedIsReportedByErrno) {
  const auto path = folder_.Path() / "segment";
  WriteFile(path, "{}\n");
  const system::Descriptor file(system::RealFileCalls(),
                                system::RealFileCalls().OpenAt(AT_FDCWD, path.c_str(), O_RDONLY, 0));
  EXPECT_EQ(SoundBytes(file.Get(), 10), std::nullopt);
  EXPECT_EQ(errno, EIO);
}

TEST_F(SegmentTail, NothingButATornLineLeavesNothing) {
  EXPECT_EQ(Sound("{\"a\":"), 0U);
  EXPECT_EQ(Sound(std::string(100, '\0')), 0U);
}

TEST_F(SegmentTail, EveryTruncationOfTheLastLineLeavesTheLinesBefore) {
  const std::string before = "{\"a\":1}\n{\"a\":2}\n";
  const std::string last = "{\"a\":\"three\"}\n";
  for (size_t kept = 0; kept < last.size(); ++kept)
    EXPECT_EQ(Sound(before + last.substr(0, kept)), before.size());
  EXPECT_EQ(Sound(before + last), before.size() + last.size());
}

TEST_F(SegmentTail, LinesBehindAHoleOfNulBytesGoToo) {
  EXPECT_EQ(Sound(std::string("{}\n{\"a\0\0\0}\n{}\n", 15)), 3U);
  EXPECT_EQ(Sound(std::string("{}\n\0\n{}\n", 8)), 3U);
}

TEST_F(SegmentTail, WholeFileIsSoundAtEverySizeAroundTheWindow) {
  const std::string line(1023, 'x');
  std::string bytes;
  while (bytes.size() < kBatchBytesMax + 4096) bytes += line + '\n';
  for (const uint64_t size : {kBatchBytesMax - 1024, kBatchBytesMax, kBatchBytesMax + 1024}) {
    EXPECT_EQ(Sound(bytes.substr(0, size)), size);
    EXPECT_EQ(Sound(bytes.substr(0, size) + "torn"), size);
  }
}

TEST_F(SegmentTail, HoleAtTheBeginningOfALongLineIsFound) {
  const std::string before = "{}\n{}\n";
  std::string line(3 * kBatchBytesMax, 'x');
  EXPECT_EQ(Sound(before + line + '\n'), before.size() + line.size() + 1);
  line[10] = '\0';
  EXPECT_EQ(Sound(before + line + '\n'), before.size());
  EXPECT_EQ(Sound(before + line), before.size());
}

TEST_F(SegmentTail, HugeGarbageTailIsCutAndABeyondHugeOneLeftAlone) {
  const std::string before = "{}\n";
  EXPECT_EQ(Sound(before + std::string(20 * kMiB, 'x')), before.size());

  const auto path = folder_.Path() / "sparse";
  WriteFile(path, before);
  std::filesystem::resize_file(path, 2 * kTailBytesMax);  // NUL bytes that take no room
  const system::Descriptor file(system::RealFileCalls(),
                                system::RealFileCalls().OpenAt(AT_FDCWD, path.c_str(), O_RDONLY, 0));
  EXPECT_EQ(SoundBytes(file.Get(), 2 * kTailBytesMax), std::nullopt);
  EXPECT_EQ(errno, 0);
}

}  // namespace
}  // namespace ei::file_sink
