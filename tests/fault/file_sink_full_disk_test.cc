// A real disk that is really full: a small tmpfs in a mount namespace of a child process, which vanishes with
// it.

#include "support/small_disk.h"
#include "unit/adapters/file_sink/sink_fixture.h"

namespace ei::file_sink {
namespace {

class FileSinkFullDisk : public FileSinkTest {
 protected:
  void FillThenMakeRoom() {
    const auto ballast = folder_ / "ballast";
    WriteFile(ballast, std::string(100'000, 'b'));
    ASSERT_TRUE(Open());
    std::vector<std::string> stored;
    std::vector<std::string> values;
    std::vector<app::DeliveryReport> reports;
    for (int n = 0; n < 1000; ++n) {
      values = {"{\"n\":" + std::to_string(n) + ",\"a\":\"" + std::string(400, 'x') + "\"}",
                "{\"n\":" + std::to_string(n) + ",\"b\":\"" + std::string(4000, 'x') + "\"}"};
      reports = Send(values);
      if (reports[0].verdict != app::Verdict::kDelivered) break;
      stored.insert(stored.end(), values.begin(), values.end());
    }
    ASSERT_FALSE(stored.empty());
    ASSERT_EQ(reports[0].code, "storage_full");
    EXPECT_EQ(reports[1].code, "storage_full");
    EXPECT_TRUE(reports[0].reason.contains("file.dir (FILE_DIR) " + folder_.string())) << reports[0].reason;
    EXPECT_TRUE(reports[0].reason.contains("No space left on device; make room there")) << reports[0].reason;
    EXPECT_EQ(Lines(), stored);

    // Started again while the disk is full: it comes up, and goes on as soon as there is room.
    ASSERT_TRUE(Open());
    EXPECT_EQ(Send(values)[0].code, "storage_full");
    std::filesystem::remove(ballast);
    EXPECT_TRUE(Delivered(values));
    stored.insert(stored.end(), values.begin(), values.end());
    EXPECT_EQ(Lines(), stored);
    EXPECT_EQ(log_.Count("ERROR events could not be stored"), 2U);  // by each of the two sinks
    sink_.reset();
  }
};

TEST_F(FileSinkFullDisk, EventsWaitUntilThereIsRoomAndNoneIsTorn) {
  if (!support::RunOnSmallDisk(folder_, 256 << 10, [this] { FillThenMakeRoom(); })) {
    // A container may forbid mounts; file_sink_storage_test.cc makes each call fail everywhere.
    // ban-ok(skipped-test): no install changes what the kernel lets a process mount
    GTEST_SKIP() << "neither root nor a user namespace lets this process mount a small tmpfs";
  }
}

}  // namespace
}  // namespace ei::file_sink
