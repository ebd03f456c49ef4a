#include "commands/wal_commands.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <sstream>

#include "base/crc32c.h"
#include "support/settings_sources.h"
#include "support/written_log.h"

namespace ei::service {
namespace {

using support::WrittenLog;

struct Ran {
  int status = -1;
  std::string out;
  std::string errors;
};

class WalCommandsTest : public testing::Test {
 protected:
  Ran Run(std::vector<std::string_view> arguments) {
    const std::string folder = log_.Folder();
    arguments.emplace_back(folder);
    return RunIn(arguments);
  }
  Ran RunIn(const std::vector<std::string_view>& arguments) {
    std::ostringstream out;
    std::ostringstream errors;
    const int status = RunTo(out, errors, arguments);
    return {status, out.str(), errors.str()};
  }
  int RunTo(std::ostream& out, std::ostream& errors, const std::vector<std::string_view>& arguments) {
    const CommandLine line = ParseCommandLine(arguments);
    EXPECT_TRUE(line.faults.empty()) << line.faults.front();
    EXPECT_TRUE(IsWalCommand(line.subcommand));
    const auto settings = LoadSettings(SourcesOf({.flags = line.flags}));
    EXPECT_TRUE(settings);
    return RunWalCommand(line, *settings, log_.Clock(), out, errors);
  }
  static size_t Lines(const std::string& text) { return std::ranges::count(text, '\n'); }
  static bool Has(const std::string& text, std::string_view part) { return text.contains(part); }

  WrittenLog log_;
};

TEST_F(WalCommandsTest, MissingFolderIsStatus1AndIsNotMade) {
  const std::string missing = log_.Folder() + "/no/such";
  for (const std::string_view command : {"verify", "dump", "stats", "repair"}) {
    const Ran ran = RunIn({"wal", command, missing});
    EXPECT_EQ(ran.status, 1);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.errors, "event-ingestor: wal.dir (WAL_DIR) " + missing +
                              ": can't open the folder: No such file or directory\n");
  }
  EXPECT_FALSE(std::filesystem::exists(log_.Folder() + "/no"));
}

TEST_F(WalCommandsTest, UnknownVersionIsStatus1) {
  log_.Commit(1);
  log_.Stop();
  std::string content = support::ReadFile(log_.Path(wal::SegmentName(0)));
  const std::string fields = std::string("\x04\0\0\0", 4) + content.substr(16, 32);
  const uint32_t crc = base::Crc32c(fields);
  std::string sector = content.substr(0, 8);
  sector.append(reinterpret_cast<const char*>(&crc), 4).append(fields).resize(wal::kSectorBytes);
  support::WriteFile(log_.Path(wal::SegmentName(0)), content.replace(0, 1024, sector + sector));
  for (const std::string_view command : {"verify", "dump", "stats", "repair"}) {
    const Ran ran = Run({"wal", command});
    EXPECT_EQ(ran.status, 1);
    EXPECT_TRUE(Has(ran.errors,
                    "00000000000000000000.wal is of format version 4, this program reads versions up to 3; "
                    "use the event-ingestor that wrote it, or a newer one"))
        << ran.errors;
  }
}

TEST_F(WalCommandsTest, VerifyOfASoundLogBesideAServiceIsStatus0) {
  log_.Commit(20);
  log_.Settle(16);
  const Ran ran = Run({"wal", "verify"});
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_EQ(ran.errors, "");
  EXPECT_TRUE(
      Has(ran.out,
          "file                          positions              frames    events unsettled  bytes used\n"
          "00000000000000000001.wal      14:28                       7        14        12        8192\n"
          "00000000000000000002.wal      28:40                       6        12        12        7168\n"))
      << ran.out;
  EXPECT_TRUE(Has(ran.out, "\nsound: 26 events in 2 segments, 24 unsettled\n")) << ran.out;
  EXPECT_TRUE(Has(ran.out, "settled below 16 and in 0 ranges above, durable below 40\n")) << ran.out;
  EXPECT_TRUE(Has(ran.out, ".wal      prepared\n")) << ran.out;
}

TEST_F(WalCommandsTest, VerifyOfAnEmptyFolderIsStatus0) {
  log_.Crash();
  for (const std::string& name : log_.Names()) std::filesystem::remove(log_.Path(name));
  const Ran ran = Run({"wal", "verify"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_TRUE(Has(ran.out, "checkpoint: none yet\n\nsound: 0 events in 0 segments, 0 unsettled\n"))
      << ran.out;
}

TEST_F(WalCommandsTest, VerifyReportsWhereTheDamageIs) {
  log_.Commit(20);
  log_.Stop();
  log_.DamageFrame(0, 2);
  log_.DamageEvent(1, 0);
  const Ran ran = Run({"wal", "verify"});
  EXPECT_EQ(ran.status, 4);
  EXPECT_TRUE(Has(ran.out, "        8192  DAMAGED\n  bytes 3072:4096, positions 4:6: no frame can be read\n"))
      << ran.out;
  EXPECT_TRUE(Has(ran.out, ", positions 14:15: an event's checksum is wrong\n")) << ran.out;
  EXPECT_TRUE(Has(ran.out,
                  "\ndamaged: 37 events in 3 segments, 37 unsettled; 2 damaged files, 3 unsettled "
                  "events can't be read\n"))
      << ran.out;
}

TEST_F(WalCommandsTest, VerifyReportsMissingFilesAndTornCommits) {
  log_.Commit(20);
  log_.Crash();
  std::filesystem::remove(log_.Path(wal::SegmentName(1)));
  log_.DamageEvent(2, 5);
  const Ran ran = Run({"wal", "verify"});
  EXPECT_EQ(ran.status, 4);
  EXPECT_TRUE(
      Has(ran.out, "-                             14:28                 MISSING: no segment holds them\n"))
      << ran.out;
  EXPECT_TRUE(Has(ran.out, "  from byte 6144: an unfinished commit,")) << ran.out;
}

TEST_F(WalCommandsTest, VerifyListsOnlyTheFirstDamagesOfASegment) {
  log_.Commit(1, 25);
  log_.Settle(1);
  log_.Stop();
  for (uint64_t event = 0; event < 25; ++event) log_.DamageEvent(0, 0, event);
  const Ran ran = Run({"wal", "verify"});
  EXPECT_EQ(ran.status, 4);
  EXPECT_TRUE(Has(ran.out, ", positions 19:20: an event's checksum is wrong\n  and 5 more\n")) << ran.out;
  EXPECT_TRUE(Has(ran.out, "24 unsettled events can't be read")) << ran.out;
}

TEST_F(WalCommandsTest, HostileNamesArePrintedHarmlessly) {
  log_.Stop();
  support::WriteFile(log_.Path("x\n\x1b[2J.tmp"), "rest");
  for (const std::string_view command : {"verify", "repair"}) {
    const Ran ran = Run({"wal", command});
    EXPECT_EQ(ran.status, 0);
    EXPECT_FALSE(Has(ran.out, "\x1b"));
    EXPECT_TRUE(Has(ran.out, "[2J.tmp"));
  }
}

TEST_F(WalCommandsTest, VerifyReportsADamagedCheckpoint) {
  log_.Commit(3);
  log_.Stop();
  std::filesystem::remove(log_.Path("checkpoint"));
  ASSERT_EQ(::mkfifo(log_.Path("checkpoint").c_str(), 0600), 0);
  const Ran ran = Run({"wal", "verify"});
  EXPECT_EQ(ran.status, 4);
  EXPECT_TRUE(Has(ran.out, "checkpoint: DAMAGED: is not a file; all events count as unsettled\n")) << ran.out;
}

TEST_F(WalCommandsTest, DumpPrintsUnsettledEventsOneALine) {
  log_.Commit(3);
  log_.Settle(4, 1, 2);
  const Ran ran = Run({"wal", "dump"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.errors, "");
  EXPECT_EQ(Lines(ran.out), 3u);
  EXPECT_TRUE(ran.out.starts_with(R"({"position":1,"segment":0,"accepted_at":"2025-06-15T16:06:40.000Z",)"
                                  R"("settled":false,"id":"e1","key":"e1","bytes":211})"
                                  "\n"))
      << ran.out;
}

TEST_F(WalCommandsTest, DumpOfAllAddsSettledAndQuarantinedEvents) {
  log_.Commit(20);
  log_.Settle(1);
  log_.Stop();
  log_.DamageEvent(0, 1);
  EXPECT_EQ(Run({"wal", "repair"}).status, 0);
  const Ran ran = Run({"wal", "dump", "--all"});
  EXPECT_EQ(Lines(ran.out), 13u + 26 + 12);
  EXPECT_TRUE(ran.out.starts_with(R"({"position":0,"segment":0,)")) << ran.out.substr(0, 100);
  EXPECT_TRUE(Has(ran.out.substr(0, 150), R"("settled":true,"set_aside":true,"id":"e0")"));
  EXPECT_EQ(ran.status, 4);
  EXPECT_TRUE(Has(ran.errors, "event-ingestor: 00000000000000000000.damaged: bytes ")) << ran.errors;
}

TEST_F(WalCommandsTest, DumpOfARangeOfPositions) {
  log_.Commit(20);
  log_.Settle(20);
  const auto lines = [&](std::string_view range) {
    return Lines(Run({"wal", "dump", "--positions", range}).out);
  };
  EXPECT_EQ(lines("22:25"), 3u);
  EXPECT_EQ(lines("10:22"), 2u);
  EXPECT_EQ(lines(":22"), 2u);
  EXPECT_EQ(lines("38:"), 2u);
  EXPECT_EQ(lines("40:1000"), 0u);
}

TEST_F(WalCommandsTest, DumpOfValuesIsOneLineEachWhateverTheyHold) {
  log_.CommitRaw("{\"id\":\"a\\u0041\",\r\n\"n\":1}", "a\\u0041", std::nullopt);
  log_.CommitRaw(R"({"id":"q"})", "q", "k\"\\\x01\n\xc3\xa9");
  log_.CommitRaw(R"({"id":"q"})", "q", "\xff\xfe", "orders");
  log_.CommitRaw("no \"json\"\n\"x\"", "\"json\"\n", "");
  const Ran ran = Run({"wal", "dump", "--values"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(Lines(ran.out), 4u);
  EXPECT_TRUE(Has(ran.out, "\"id\":\"a\\u0041\",\"bytes\":24,\"event\":{\"id\":\"a\\u0041\",  \"n\":1}}\n"))
      << ran.out;
  EXPECT_TRUE(Has(ran.out, "\"id\":\"q\",\"key\":\"k\\\"\\\\\\u0001\\u000a\xc3\xa9\",\"bytes\":10,"))
      << ran.out;
  EXPECT_TRUE(Has(ran.out, "\"id\":\"q\",\"key_base64\":\"//4=\",\"topic\":\"orders\",")) << ran.out;
  EXPECT_TRUE(Has(ran.out,
                  "\"id\":\"\\\"json\\\"\\u000a\",\"key\":\"\",\"bytes\":13,"
                  "\"event_base64\":\"bm8gImpzb24iCiJ4Ig==\"}\n"))
      << ran.out;
}

// Fails every write with the given errno.
class FailingOut final : public std::streambuf {
 public:
  explicit FailingOut(int error) : error_(error) {}

 protected:
  std::streamsize xsputn(const char*, std::streamsize) override {
    errno = error_;
    return 0;
  }
  int_type overflow(int_type) override {
    errno = error_;
    return traits_type::eof();
  }

 private:
  const int error_;
};

TEST_F(WalCommandsTest, DumpEndsQuietlyWhenItsReaderLeavesAndLoudlyOnAFullDisk) {
  log_.Commit(20);
  const std::string folder = log_.Folder();
  for (const int error : {EPIPE, EBADF, ENOSPC}) {
    FailingOut buffer(error);
    std::ostream out(&buffer);
    std::ostringstream errors;
    EXPECT_EQ(RunTo(out, errors, {"wal", "dump", folder}), error == ENOSPC ? 1 : 0);
    EXPECT_EQ(errors.str(),
              error == ENOSPC ? "event-ingestor: can't write the events: No space left on device\n" : "");
  }
}

TEST_F(WalCommandsTest, StatsForPeopleAndForMachines) {
  log_.Commit(20);
  log_.Settle(16);
  log_.Clock().Advance(std::chrono::minutes(5));
  const Ran people = Run({"wal", "stats"});
  EXPECT_EQ(people.status, 0);
  EXPECT_TRUE(
      people.out.starts_with("backlog     24 events, 5.0 KiB\n"
                             "oldest      accepted at 2025-06-15T16:06:40.000Z, 5m 1s ago, position 16\n"
                             "segments    2 used, 2 prepared, 0 quarantined\n"
                             "disk        32.0 KiB, of which 0 B quarantined\n"
                             "checkpoint  generation "))
      << people.out;
  const Ran machines = Run({"wal", "stats", "--json"});
  EXPECT_TRUE(machines.out.starts_with(
      R"({"events":24,"bytes":5088,"unreadable_events":0,"oldest_accepted_at":"2025-06-15T16:06:40.000Z",)"
      R"("oldest_position":16,"segments_used":2,"segments_prepared":2,"segments_set_aside":0,)"
      R"("disk_bytes":32768,"set_aside_bytes":0,"checkpoint_generation":)"))
      << machines.out;
}

TEST_F(WalCommandsTest, StatsOfAnEmptyAndOfADamagedLog) {
  EXPECT_TRUE(Has(Run({"wal", "stats", "--json"}).out, R"("oldest_position":null)"));
  EXPECT_TRUE(Has(Run({"wal", "stats"}).out, "backlog     0 events, 0 B\nsegments "));
  log_.Commit(20);
  log_.Stop();
  log_.DamageFrame(1, 1);
  EXPECT_TRUE(Has(Run({"wal", "stats"}).out, "damaged     2 unsettled events can't be read; "));
}

TEST_F(WalCommandsTest, RepairIsRejectedWhileAServiceRuns) {
  log_.Commit(20);
  for (const std::string_view how : {"--dry-run", "--wal.dir"}) {
    const std::string folder = log_.Folder();
    const Ran ran = RunIn({"wal", "repair", how, folder});
    EXPECT_EQ(ran.status, 1);
    EXPECT_TRUE(Has(ran.errors, ": a service uses this log; stop it before a repair\n")) << ran.errors;
  }
}

TEST_F(WalCommandsTest, DryRunOfARepairChangesNothing) {
  log_.Commit(20);
  log_.Stop();
  log_.DamageEvent(0, 1);
  support::WriteFile(log_.Path("segment.tmp"), "rest");
  const auto names = log_.Names();
  const std::string checkpoint = support::ReadFile(log_.Path("checkpoint"));
  const Ran ran = Run({"wal", "repair", "--dry-run"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.out,
            "would remove     segment.tmp (unfinished)\n"
            "would remove     00000000000000000003.wal (prepared; a start prepares another)\n"
            "would move       13 events from 00000000000000000000.wal to the log's end\n"
            "would save       a new checkpoint\n"
            "would quarantine 00000000000000000000.wal\n"
            "would be lost    1 event: positions 2:3\n");
  EXPECT_EQ(log_.Names(), names);
  EXPECT_EQ(support::ReadFile(log_.Path("checkpoint")), checkpoint);
}

TEST_F(WalCommandsTest, RepairSaysOfWhichFileItCanNotCountTheEvents) {
  log_.Commit(20);
  log_.Stop();
  log_.Damage("00000000000000000002.wal", 0, wal::kSegmentHeaderBytes + wal::kSectorBytes);
  EXPECT_TRUE(
      Has(Run({"wal", "repair", "--dry-run"}).out,
          "00000000000000000002.wal, the newest segment, can't be read at all, so the number of its events "
          "is not known.\n"));
}

TEST_F(WalCommandsTest, RepairSaysWhatItDidAndVerifyIsContent) {
  log_.Commit(20);
  log_.Stop();
  log_.DamageEvent(0, 1);
  const Ran ran = Run({"wal", "repair"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_TRUE(ran.out.starts_with(
      "removed      00000000000000000003.wal\n"
      "moved        13 events from 00000000000000000000.wal to 00000000000000000004.wal, positions 40:53\n"
      "saved        a new checkpoint\n"
      "quarantined  00000000000000000000.wal as 00000000000000000000.damaged\n"
      "lost         1 event: positions 2:3\n"))
      << ran.out;
  const Ran verify = Run({"wal", "verify"});
  EXPECT_EQ(verify.status, 0) << verify.out;
  EXPECT_TRUE(Has(verify.out,
                  "quarantined earlier, no longer part of the log:\n"
                  "00000000000000000000.damaged  0:14 "))
      << verify.out;
}

}  // namespace
}  // namespace ei::service
