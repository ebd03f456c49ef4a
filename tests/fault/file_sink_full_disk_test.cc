// A real full disk: a small tmpfs in the mount namespace of a child process, which vanishes with the process.

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
    for (int n = 0; n < 1000; ++n) {
      values = {"{\"n\":" + std::to_string(n) + ",\"a\":\"" + std::string(400, 'x') + "\"}",
                "{\"n\":" + std::to_string(n) + ",\"b\":\"" + std::string(4000, 'x') + "\"}"};
      if (!Delivered(values)) break;
      stored.insert(stored.end(), values.begin(), values.end());
    }
    ASSERT_FALSE(stored.empty());
    EXPECT_EQ(listener_.positions.size(), stored.size());
    const std::string fault = FaultOf({});
    EXPECT_TRUE(fault.contains("code=storage_full reason=file.dir (FILE_DIR) " + folder_.string())) << fault;
    EXPECT_TRUE(fault.contains("No space left on device; free space there")) << fault;
    EXPECT_EQ(Lines(), stored);

    // A start while the disk is full succeeds; the service resumes once there is space.
    ASSERT_TRUE(Open());
    EXPECT_TRUE(FaultOf(values).contains("code=storage_full"));
    EXPECT_EQ(Lines(), stored);
    std::filesystem::remove(ballast);
    EXPECT_TRUE(DeliveredLater());
    stored.insert(stored.end(), values.begin(), values.end());
    EXPECT_EQ(Lines(), stored);
    EXPECT_EQ(log_.Count("INFO events are stored again"), 1U);
    sink_.reset();
  }
};

TEST_F(FileSinkFullDisk, EventsWaitUntilThereIsRoomAndNoneIsTorn) {
  if (!support::RunOnSmallDisk(folder_, 256 << 10, [this] { FillThenMakeRoom(); })) {
    // A container may forbid mounts; file_sink_storage_test.cc makes each call fail on every machine.
    // ban-ok(skipped-test): no install changes what the kernel lets a process mount
    GTEST_SKIP() << "neither root nor a user namespace lets this process mount a small tmpfs";
  }
}

}  // namespace
}  // namespace ei::file_sink
