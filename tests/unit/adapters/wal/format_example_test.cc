// The example in FORMAT.md matches what the log writes.

#include <gtest/gtest.h>

#include "adapters/wal/segment_files.h"
#include "support/hex_dump.h"
#include "support/sim_disk.h"
#include "support/temp_folder.h"
#include "support/wal_rig.h"

namespace ei::wal {
namespace {

// The text between a fence with this word and the next fence.
std::string Example(const std::string& document, const std::string& word) {
  const std::string fence = "```" + word + "\n";
  const size_t begin = document.find(fence);
  if (begin == std::string::npos) return "FORMAT.md has no block " + word;
  return document.substr(begin + fence.size(), document.find("```", begin + 3) - begin - fence.size());
}

TEST(FormatExample, IsWhatTheLogWrites) {
  support::SimDisk disk(1);
  const auto folder = disk.Mount();
  support::WalRig rig({.bytes_max = 16 << 10, .segment_bytes = 4 << 10, .topic = "events"});
  rig.Open(*folder);
  EventBatch batch;
  batch.Clear(0, 0x5eed'c11e'0000'0001);
  const std::string first = R"({"id":"a1","type":"t"})";
  const std::string second = R"({"id":"b2","type":"t"})";
  batch.Add(support::EventWithId(first, "a1"), {}, {}, {});
  DecodedEvent event = support::EventWithId(second, "b2");
  event.key = "user-7";
  event.has_key = true;
  event.route = &support::kByPointer;
  batch.Add(
      event, {}, {},
      {.context = {.client = {}, .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  ASSERT_EQ(rig.Journal().Append(batch, rig.Clock().Now()), AppendResult::kAppended);
  rig.Work();
  rig.Take();
  // Both were sent, as two batches, and then the second one is settled.
  SentLog& sent = *rig.Journal().Sent(0);
  sent.NoteSent(std::vector<uint64_t>{0}, "first");
  sent.NoteSent(std::vector<uint64_t>{1}, "second");
  sent.Flush();
  sent.NoteSettled(std::vector<uint64_t>{1});
  rig.SettleIf([&](std::string_view value) { return value == second; });
  sent.NoteSettled(std::vector<uint64_t>{300, 301, 302, 310});  // as if there were more
  sent.Flush();
  rig.Work();

  const std::string document = support::ReadFile(std::string(EI_SOURCE_DIR) + "/src/adapters/wal/FORMAT.md");
  EXPECT_EQ(Example(document, "segment"), support::HexDump(disk.Seen(SegmentName(0))));
  EXPECT_EQ(Example(document, "sent"), support::HexDump(disk.Seen(SentName(0))));
  const std::string checkpoint = disk.Seen(kCheckpointName);
  EXPECT_EQ(Example(document, "checkpoint"), support::HexDump(checkpoint.substr(0, kCheckpointSlotBytes)));
}

}  // namespace
}  // namespace ei::wal
