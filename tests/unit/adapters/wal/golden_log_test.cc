// Logs that earlier versions wrote can be read completely (FORMAT.md, Versions).

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "support/hex_dump.h"
#include "support/sim_disk.h"
#include "support/temp_folder.h"
#include "support/wal_rig.h"

namespace ei::wal {
namespace {

std::string FolderOf(const std::string& version) {
  return std::string(EI_SOURCE_DIR) + "/tests/golden/wal-" + version + "/";
}

// The files of log.txt, each after a line "file NAME BYTES".
void PutFiles(const std::string& version, support::SimDisk& disk) {
  std::istringstream lines(support::ReadFile(FolderOf(version) + "log.txt"));
  std::string name;
  std::string dump;
  size_t bytes = 0;
  const auto put = [&] {
    if (!name.empty()) disk.PutFile(name, support::FromHexDump(dump, bytes));
  };
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("file ")) {
      dump += line + "\n";
      continue;
    }
    put();
    std::istringstream words(line.substr(5));
    words >> name >> bytes;
    dump.clear();
  }
  put();
}

// As a line of events.txt: position, topic (but in version 1), key, traceparent (-: none) and value.
std::string LineOf(const std::string& version, const JournalEvent& event) {
  std::string line = std::to_string(event.position) + "\t";
  if (version != "v1") line.append(event.topic.empty() ? "-" : event.topic).append("\t");
  line.append(event.has_key ? event.key : "-").append("\t");
  line.append(event.context.traceparent.empty() ? "-" : event.context.traceparent).append("\t");
  return line.append(event.value).append("\n");
}

class GoldenLog : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenLog, IsDeliveredCompletely) {
  const std::string version = GetParam();
  support::SimDisk disk(1);
  PutFiles(version, disk);
  const auto folder = disk.Mount();
  support::WalRig rig({.bytes_max = 64 << 10, .segment_bytes = 4 << 10, .lanes = 3});
  rig.Open(*folder);
  rig.Work();
  rig.Take();
  auto events = rig.Taken();
  std::ranges::sort(events, {}, &JournalEvent::position);
  std::string read;
  for (const JournalEvent& event : events) read += LineOf(version, event);
  EXPECT_EQ(read, support::ReadFile(FolderOf(version) + "events.txt"));
  EXPECT_EQ(rig.Journal().Counts().lost, 0U);
  EXPECT_EQ(rig.Journal().Counts().set_aside, 0U);
  rig.Settle();
  rig.Work();
  EXPECT_EQ(rig.Append({"next"}).end, version == "v1" ? 29U : 28U) << "positions continue";
  EXPECT_EQ(rig.Drain(), std::vector<std::string>{"next"});
  EXPECT_EQ(rig.Log().Count("ERROR"), 0U);
}

INSTANTIATE_TEST_SUITE_P(Versions, GoldenLog, ::testing::Values("v1", "v2", "v3"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace ei::wal
