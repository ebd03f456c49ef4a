#include "settings/cores.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>

#include "support/temp_folder.h"

namespace ei::service {
namespace {

class CoresTest : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& content) const {
    const auto path = folder_.Path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  std::optional<double> Quota() const { return CpuQuota(folder_.Path()); }

  support::TempFolder folder_;
};

TEST_F(CoresTest, WithoutControlGroupsAllCoresCount) {
  EXPECT_EQ(Quota(), std::nullopt);
  EXPECT_EQ(Cores(folder_.Path()), std::max(1U, std::thread::hardware_concurrency()));
}

TEST_F(CoresTest, AContainerSeesItsOwnGroupAsTheTopmost) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(Quota(), 1.5);
  EXPECT_EQ(Cores(folder_.Path()), std::min(2U, std::max(1U, std::thread::hardware_concurrency())));
}

TEST_F(CoresTest, AQuotaBelowOneCoreIsOne) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "10000 100000\n");
  EXPECT_EQ(Quota(), 0.1);
  EXPECT_EQ(Cores(folder_.Path()), 1U);
}

TEST_F(CoresTest, TheLeastQuotaOfAllGroupsAboveCounts) {
  Write("proc/self/cgroup", "0::/system.slice/event-ingestor.service\n");
  Write("sys/fs/cgroup/system.slice/event-ingestor.service/cpu.max", "400000 100000\n");
  Write("sys/fs/cgroup/system.slice/cpu.max", "300000 100000\n");
  EXPECT_EQ(Quota(), 3.0);
}

TEST_F(CoresTest, MaxIsNoLimit) {
  Write("proc/self/cgroup", "0::/a\n");
  Write("sys/fs/cgroup/a/cpu.max", "max 100000\n");
  EXPECT_EQ(Quota(), std::nullopt);
}

TEST_F(CoresTest, VersionOneIsReadToo) {
  Write("proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/kubepods/pod1\n3:cpuset:/\n0::/\n");
  Write("sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/cpu.cfs_quota_us", "250000\n");
  Write("sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/cpu.cfs_period_us", "100000\n");
  Write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Quota(), 2.5);
}

TEST_F(CoresTest, AGroupNamedAsTheHostSeesItFallsBackToTheTopmost) {
  Write("proc/self/cgroup", "4:cpuacct,cpu:/docker/0123\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Quota(), 0.5);
}

TEST_F(CoresTest, NonsenseIsNoLimit) {
  Write("proc/self/cgroup", "nonsense\n:\n0::\n4:cpu:/\n");
  for (const char* content : {"", "x y", "100000", "100000 0", "-1 100000", "0 100000", "nan 1"}) {
    Write("sys/fs/cgroup/cpu.max", content);
    Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", content);
    Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "0");
    EXPECT_EQ(Quota(), std::nullopt) << content;
  }
}

}  // namespace
}  // namespace ei::service
