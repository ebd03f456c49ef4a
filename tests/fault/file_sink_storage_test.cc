// A disk that fails in every way a test can make it fail: nothing is lost, nothing torn is left, everything
// is told.

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "support/random.h"
#include "unit/adapters/file_sink/faulty_file_calls.h"
#include "unit/adapters/file_sink/sink_fixture.h"

namespace ei::file_sink {
namespace {

using app::Verdict;
using Call = FaultyFileCalls::Call;
using Strings = std::vector<std::string>;

class FileSinkStorage : public FileSinkTest {
 protected:
  ~FileSinkStorage() override { sink_.reset(); }  // before calls_

  void SetUp() override { Start(); }

  void Start() {
    calls_.fault = [](Call, uint64_t) { return 0; };
    ASSERT_TRUE(Open(calls_));
  }

  void FailAll(Call failing, int error) {
    calls_.fault = [=](Call call, uint64_t) { return call == failing ? error : 0; };
  }

  // The nth of these calls from now on fails.
  void FailNth(Call failing, uint64_t nth, int error) {
    const uint64_t before = calls_.Count(failing);
    calls_.fault = [=, this](Call call, uint64_t) {
      return call == failing && calls_.Count(failing) == before + nth ? error : 0;
    };
  }

  // The counter in the lock file, written just before its sync, is spared.
  void FailSyncsOfSegments() {
    calls_.fault = [last = Call::kOpen](Call call, uint64_t) mutable {
      const bool counter = std::exchange(last, call) == Call::kPWrite;
      return call == Call::kDataSync && !counter ? EIO : 0;
    };
  }

  void ExpectTransient(const std::vector<app::DeliveryReport>& reports, std::string_view code,
                       std::string_view text) {
    for (const auto& report : reports) {
      EXPECT_EQ(report.verdict, Verdict::kTransient);
      EXPECT_EQ(report.code, code);
      EXPECT_TRUE(report.reason.contains("file.dir (FILE_DIR) " + folder_.string())) << report.reason;
      EXPECT_TRUE(report.reason.contains(text)) << report.reason;
    }
  }

  FaultyFileCalls calls_;
};

TEST_F(FileSinkStorage, FullDiskIsTransientAndLeavesNoTraceOfWhatDidNotFit) {
  EXPECT_TRUE(Delivered({"first"}));
  for (const int error : {ENOSPC, EDQUOT}) {
    // Takes a part of the line, then nothing.
    calls_.takes = [](size_t) { return 3; };
    FailNth(Call::kWrite, 2, error);
    ExpectTransient(Send({"second", "third"}), "storage_full",
                    error == ENOSPC ? "No space left on device" : "Disk quota exceeded");
    EXPECT_EQ(Lines(), (Strings{"first"}));
  }
  EXPECT_TRUE(Delivered({"second", "third"}));
  EXPECT_EQ(Lines(), (Strings{"first", "second", "third"}));
  EXPECT_EQ(Segments(folder_).size(), 1U);
}

TEST_F(FileSinkStorage, FullDiskAtEveryWriteOfASendKeepsThePrefixThatStands) {
  segment_bytes_ = 12;  // two lines of 6 bytes
  for (uint64_t nth = 1; nth <= 3; ++nth) {
    std::filesystem::remove_all(folder_);
    Start();
    FailNth(Call::kWrite, nth, ENOSPC);
    const Strings values = {"11111", "22222", "33333", "44444", "55555"};
    const auto reports = Send(values);
    const size_t stands = (nth - 1) * 2;
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(reports[i].verdict, i < stands ? Verdict::kDelivered : Verdict::kTransient)
          << nth << ' ' << i;
      EXPECT_EQ(reports[i].code, i < stands ? "" : "storage_full");
      EXPECT_EQ(reports[i].reason.empty(), i < stands);
    }
    EXPECT_EQ(Lines(), Strings(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(stands)));
    EXPECT_TRUE(Delivered(Strings(values.begin() + static_cast<std::ptrdiff_t>(stands), values.end())));
    EXPECT_EQ(Lines(), values);
  }
}

TEST_F(FileSinkStorage, FailingWriteIsTransient) {
  FailAll(Call::kWrite, EIO);
  ExpectTransient(Send({"a"}), "storage_failed",
                  "can't write events-00000000000000000001.ndjson: Input/output error");
  Start();
  EXPECT_TRUE(Delivered({"a"}));
  EXPECT_EQ(Lines(), (Strings{"a"}));
}

TEST_F(FileSinkStorage, WriteThatTakesNothingIsAFault) {
  calls_.takes = [](size_t) { return 0; };
  ExpectTransient(Send({"a"}), "storage_failed", "Input/output error");
}

TEST_F(FileSinkStorage, ShortWritesOfEveryLengthMakeWholeLines) {
  Strings all;
  for (size_t length = 1; length <= 14; ++length) {
    calls_.takes = [=](size_t) { return length; };
    EXPECT_TRUE(Delivered({"\"one\"", "\"three\""}));
    all.insert(all.end(), {"\"one\"", "\"three\""});
  }
  EXPECT_EQ(Lines(), all);
}

TEST_F(FileSinkStorage, InterruptedCallsAreRepeated) {
  calls_.takes = [](size_t) { return 2; };
  calls_.fault = [](Call call, uint64_t nth) { return call != Call::kOpen && nth % 3 != 0 ? EINTR : 0; };
  segment_bytes_ = 12;
  EXPECT_TRUE(Delivered({"one", "two", "three"}));
  EXPECT_EQ(Lines(), (Strings{"one", "two", "three"}));
}

TEST_F(FileSinkStorage, AfterAFailedSyncItsLinesAreWrittenToANewSegment) {
  EXPECT_TRUE(Delivered({"first"}));
  FailNth(Call::kDataSync, 1, EIO);
  EXPECT_TRUE(Delivered({"second", "third"}));
  ASSERT_EQ(Segments(folder_).size(), 2U);
  EXPECT_EQ(ReadFile(Segments(folder_)[0]), "first\n");
  EXPECT_EQ(ReadFile(Segments(folder_)[1]), "second\nthird\n");
  EXPECT_EQ(log_.Count("WARN a sync failed; its lines are written again to a new segment"), 1U);
  EXPECT_TRUE(
      log_.Lines().back().ends_with("segment=events-00000000000000000001.ndjson reason=Input/output error "
                                    "count=1"))
      << log_.Lines().back();
  EXPECT_TRUE(Delivered({"fourth"}));
  EXPECT_EQ(Segments(folder_).size(), 2U);
}

TEST_F(FileSinkStorage, SyncThatFailsOnTheNewSegmentTooIsTransientAndLeavesNoEmptySegments) {
  EXPECT_TRUE(Delivered({"first"}));
  FailAll(Call::kDataSync, EIO);
  for (int attempt = 0; attempt < 10; ++attempt)
    ExpectTransient(Send({"a", "b"}), "storage_failed", "can't sync");
  EXPECT_EQ(Segments(folder_).size(), 1U);
  EXPECT_EQ(Lines(), (Strings{"first"}));
  calls_.fault = [](Call, uint64_t) { return 0; };
  EXPECT_TRUE(Delivered({"a", "b"}));
  EXPECT_EQ(Lines(), (Strings{"first", "a", "b"}));
}

// After a failed sync the kernel may have dropped the bytes and report success for the next sync of the same
// file.
TEST_F(FileSinkStorage, FileIsNeverSyncedAgainAfterAFailedSync) {
  EXPECT_TRUE(Delivered({"first"}));
  const std::string first = Segments(folder_).back();
  FailSyncsOfSegments();
  Send({"a"});
  calls_.fault = [](Call, uint64_t) { return 0; };
  EXPECT_TRUE(Delivered({"a"}));
  ASSERT_EQ(Segments(folder_).size(), 2U);
  EXPECT_EQ(Segments(folder_)[0], first);
  EXPECT_EQ(ReadFile(first), "first\n");
  // The second was begun for the same lines and abandoned in turn.
  EXPECT_EQ(Segments(folder_)[1].filename(), "events-00000000000000000003.ndjson");
}

TEST_F(FileSinkStorage, SegmentThatCannotBeCutBackIsLeftAndANewOneBegun) {
  EXPECT_TRUE(Delivered({"first"}));
  calls_.takes = [](size_t) { return 3; };
  const uint64_t writes = calls_.Count(Call::kWrite);
  calls_.fault = [=, this](Call call, uint64_t) {
    return call == Call::kTruncate || (call == Call::kWrite && calls_.Count(call) == writes + 2) ? EIO : 0;
  };
  ExpectTransient(Send({"second"}), "storage_failed", "can't write");
  EXPECT_EQ(log_.Count("WARN a segment could not be cut back and may end with a torn line"), 1U);
  EXPECT_EQ(log_.Count("segment=events-00000000000000000001.ndjson sound_bytes=6"), 1U);
  EXPECT_TRUE(Delivered({"second"}));
  EXPECT_EQ(ReadFile(Segments(folder_)[1]), "second\n");
}

TEST_F(FileSinkStorage, NewSegmentThatCannotBeMadeIsTransient) {
  segment_bytes_ = 6;
  Start();
  EXPECT_TRUE(Delivered({"11111"}));
  for (const Call call : {Call::kOpen, Call::kPWrite, Call::kSync, Call::kDataSync}) {
    FailAll(call, ENOSPC);
    ExpectTransient(Send({"22222"}), "storage_full", "No space left on device; make room there");
    EXPECT_EQ(Lines(), (Strings{"11111"}));
    EXPECT_EQ(Segments(folder_).size(), 1U);
  }
  Start();
  EXPECT_TRUE(Delivered({"22222"}));
  EXPECT_EQ(Lines(), (Strings{"11111", "22222"}));
}

TEST_F(FileSinkStorage, DeadLetterThatCannotBeStoredIsTransient) {
  const app::OutboundEvent event{7, "{}", {}, {}, {}, 0, false};
  FailAll(Call::kWrite, ENOSPC);
  sink_->SendDeadLetter(0, event, {"code", "reason", 1, {}});
  ASSERT_EQ(listener_.reports.size(), 1U);
  EXPECT_EQ(listener_.reports[0].token, 7U);
  ExpectTransient(listener_.reports, "storage_full", "dead-letters-");
  EXPECT_TRUE(StoredLines(folder_, "dead-letters-").empty());
  Start();
  sink_->SendDeadLetter(0, event, {"code", "reason", 1, {}});
  EXPECT_EQ(listener_.reports.back().verdict, Verdict::kDelivered);
  EXPECT_EQ(StoredLines(folder_, "dead-letters-").size(), 1U);
}

TEST_F(FileSinkStorage, LongOutageIsToldOnceAMinute) {
  FailAll(Call::kWrite, ENOSPC);
  for (int second = 0; second < 150; ++second) {
    Send({"a"});
    clock_.Advance(std::chrono::seconds(1));
  }
  const Strings lines = log_.Lines();
  ASSERT_EQ(lines.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(
        lines[i].starts_with("ERROR events could not be stored and will be tried again code=storage_full "
                             "reason=file.dir (FILE_DIR) " +
                             folder_.string()))
        << lines[i];
    EXPECT_TRUE(lines[i].ends_with(i == 0 ? "count=1" : "count=60")) << lines[i];
  }
}

TEST_F(FileSinkStorage, EndOfAnOutageIsTold) {
  FailNth(Call::kWrite, 1, ENOSPC);
  Send({"a"});
  EXPECT_TRUE(Delivered({"a"}));
  EXPECT_TRUE(Delivered({"b"}));
  EXPECT_EQ(log_.Count("INFO events are stored again directory=" + folder_.string()), 1U);
}

TEST_F(FileSinkStorage, DiskThatFailsEverySecondTimeDoesNotFloodTheLog) {
  for (int i = 0; i < 100; ++i) {
    FailNth(Call::kWrite, 1, EIO);
    Send({"a"});
    EXPECT_TRUE(Delivered({"a"}));
    FailNth(Call::kDataSync, 1, EIO);
    EXPECT_TRUE(Delivered({"b"}));
  }
  EXPECT_LE(log_.Lines().size(), 3U);
}

// Any calls fail at random, cutting back too, and each failed event is sent again as the delivery worker
// does.
TEST_F(FileSinkStorage, RandomFaultsLoseNothingAndKeepTheOrder) {
  support::Random random(support::SeedOr(7));
  for (int round = 0; round < 100; ++round) {
    std::filesystem::remove_all(folder_);
    segment_bytes_ = random.Between(20, 200);
    Start();
    const bool cuts_fail = random.OneIn(4);
    calls_.takes = [&](size_t size) { return random.Between(1, size); };
    calls_.fault = [&](Call call, uint64_t) {
      if (call == Call::kTruncate && !cuts_fail) return 0;
      return random.OneIn(12) ? (random.OneIn(2) ? EIO : ENOSPC) : 0;
    };
    Strings waiting;
    for (int n = 0; n < 60; ++n) waiting.push_back("{\"n\":" + std::to_string(n) + "}");
    const Strings all = waiting;
    for (int attempt = 0; attempt < 1000 && !waiting.empty(); ++attempt) {
      const size_t count = std::min<size_t>(waiting.size(), random.Between(1, 10));
      const auto reports =
          Send(Strings(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(count)));
      const auto failed = std::find_if(reports.begin(), reports.end(), [](const auto& report) {
        return report.verdict != Verdict::kDelivered;
      });
      for (auto it = failed; it != reports.end(); ++it) EXPECT_EQ(it->verdict, Verdict::kTransient);
      waiting.erase(waiting.begin(), waiting.begin() + (failed - reports.begin()));
    }
    ASSERT_TRUE(waiting.empty());
    Strings stored;
    std::set<std::string> seen;
    size_t torn = 0;
    for (const std::string& line : Lines()) {
      if (line.ends_with("<torn>")) {
        ++torn;
      } else if (seen.insert(line).second) {
        stored.push_back(line);
      }
    }
    EXPECT_EQ(stored, all) << "round " << round;
    EXPECT_TRUE(cuts_fail || torn == 0) << torn;
  }
}

}  // namespace
}  // namespace ei::file_sink
