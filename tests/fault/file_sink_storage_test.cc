// A disk that fails in many ways: no event is lost, no partial line remains, every error is reported.

#include <numeric>
#include <set>
#include <thread>
#include <utility>

#include "support/random.h"
#include "unit/adapters/file_sink/sink_fixture.h"
#include "unit/system/faulty_file_calls.h"

namespace ei::file_sink {
namespace {

using Call = system::FaultyFileCalls::Call;
using Strings = std::vector<std::string>;

class FileSinkStorage : public FileSinkTest {
 protected:
  ~FileSinkStorage() override { sink_.reset(); }  // before calls_

  void SetUp() override { Start(); }

  void Start() {
    calls_.FailNothing();
    ASSERT_TRUE(Open(calls_));
  }

  // Spares the sync of the counter in the lock file, which directly follows its write.
  void FailSyncsOfSegments() {
    calls_.fault = [last = Call::kOpen](Call call, uint64_t) mutable {
      const bool counter = std::exchange(last, call) == Call::kPWrite;
      return call == Call::kDataSync && !counter ? EIO : 0;
    };
  }

  // Checks that `values` and the waiting events can't be stored and that the log reports this error.
  void ExpectFault(const Strings& values, std::string_view code, std::string_view text) {
    const std::string fault = FaultOf(values);
    EXPECT_TRUE(
        fault.contains("code=" + std::string(code) + " reason=file.dir (FILE_DIR) " + folder_.string()))
        << fault;
    EXPECT_TRUE(fault.contains(text)) << fault;
  }

  system::FaultyFileCalls calls_;
};

TEST_F(FileSinkStorage, FullDiskLeavesNoTraceOfWhatDidNotFit) {
  EXPECT_TRUE(Delivered({"first"}));
  for (const int error : {ENOSPC, EDQUOT}) {
    // Writes 3 bytes of the line, then nothing.
    calls_.takes = [](size_t) { return 3; };
    calls_.FailNth(Call::kWrite, 2, error);
    ExpectFault(error == ENOSPC ? Strings{"second", "third"} : Strings(), "storage_full",
                error == ENOSPC ? "No space left on device" : "Disk quota exceeded");
    EXPECT_EQ(Lines(), (Strings{"first"}));
  }
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(Lines(), (Strings{"first", "second", "third"}));
  EXPECT_EQ(Segments(folder_).size(), 1U);
}

TEST_F(FileSinkStorage, FullDiskAtEveryWriteOfABatchKeepsTheStoredPrefix) {
  segment_bytes_ = 12;  // two lines of 6 bytes
  const Strings values = {"11111", "22222", "33333", "44444", "55555"};
  for (uint64_t nth = 1; nth <= 3; ++nth) {
    std::filesystem::remove_all(folder_);
    Start();
    calls_.FailNth(Call::kWrite, nth, ENOSPC);
    const size_t stored = (nth - 1) * 2;
    EXPECT_FALSE(Delivered(values));
    EXPECT_EQ(listener_.positions.size(), stored);
    EXPECT_EQ(Lines(), Strings(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(stored)));
    EXPECT_TRUE(DeliveredLater());
    EXPECT_EQ(Lines(), values);
  }
}

TEST_F(FileSinkStorage, FailedWriteIsLoggedAndRetried) {
  calls_.FailAll(Call::kWrite, EIO);
  ExpectFault({"a"}, "storage_failed", "can't write events-00000000000000000001.ndjson: Input/output error");
  calls_.FailNothing();
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(Lines(), (Strings{"a"}));
}

TEST_F(FileSinkStorage, WriteThatTakesNothingIsAFault) {
  calls_.takes = [](size_t) { return 0; };
  ExpectFault({"a"}, "storage_failed", "Input/output error");
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
  calls_.FailNth(Call::kDataSync, 1, EIO);
  EXPECT_TRUE(Delivered({"second", "third"}));
  ASSERT_EQ(Segments(folder_).size(), 2U);
  EXPECT_EQ(ReadFile(Segments(folder_)[0]), "first\n");
  EXPECT_EQ(ReadFile(Segments(folder_)[1]), "second\nthird\n");
  EXPECT_EQ(log_.Count("WARN a sync failed; the lines are written again to a new segment"), 1U);
  EXPECT_TRUE(
      log_.Lines().back().ends_with("segment=events-00000000000000000001.ndjson reason=Input/output error "
                                    "count=1"))
      << log_.Lines().back();
  EXPECT_TRUE(Delivered({"fourth"}));
  EXPECT_EQ(Segments(folder_).size(), 2U);
}

TEST_F(FileSinkStorage, SyncThatFailsOnTheNewSegmentTooIsAFaultAndLeavesNoEmptySegments) {
  EXPECT_TRUE(Delivered({"first"}));
  calls_.FailAll(Call::kDataSync, EIO);
  ExpectFault({"a", "b"}, "storage_failed", "can't sync");
  for (int attempt = 0; attempt < 10; ++attempt) ExpectFault({}, "storage_failed", "can't sync");
  EXPECT_EQ(Segments(folder_).size(), 1U);
  EXPECT_EQ(Lines(), (Strings{"first"}));
  calls_.FailNothing();
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(Lines(), (Strings{"first", "a", "b"}));
}

// After a failed sync the kernel may have dropped the bytes; the next sync of the same file may report
// success.
TEST_F(FileSinkStorage, FileIsNeverSyncedAgainAfterAFailedSync) {
  EXPECT_TRUE(Delivered({"first"}));
  const std::string first = Segments(folder_).back();
  FailSyncsOfSegments();
  EXPECT_FALSE(Delivered({"a"}));
  calls_.FailNothing();
  EXPECT_TRUE(DeliveredLater());
  ASSERT_EQ(Segments(folder_).size(), 2U);
  EXPECT_EQ(Segments(folder_)[0], first);
  EXPECT_EQ(ReadFile(first), "first\n");
  // The second segment was created for the same lines and abandoned in turn.
  EXPECT_EQ(Segments(folder_)[1].filename(), "events-00000000000000000003.ndjson");
}

TEST_F(FileSinkStorage, SegmentThatCannotBeCutBackIsLeftAndANewOneBegun) {
  EXPECT_TRUE(Delivered({"first"}));
  calls_.takes = [](size_t) { return 3; };
  const uint64_t writes = calls_.Count(Call::kWrite);
  calls_.fault = [=, this](Call call, uint64_t) {
    return call == Call::kTruncate || (call == Call::kWrite && calls_.Count(call) == writes + 2) ? EIO : 0;
  };
  ExpectFault({"second"}, "storage_failed", "can't write");
  EXPECT_EQ(log_.Count("WARN a segment could not be truncated and may end with a torn line"), 1U);
  EXPECT_EQ(log_.Count("segment=events-00000000000000000001.ndjson sound_bytes=6"), 1U);
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(ReadFile(Segments(folder_)[1]), "second\n");
}

TEST_F(FileSinkStorage, NewSegmentThatCannotBeCreatedIsRetried) {
  segment_bytes_ = 6;
  Start();
  EXPECT_TRUE(Delivered({"11111"}));
  Strings values = {"22222"};
  for (const Call call : {Call::kOpen, Call::kPWrite, Call::kSync, Call::kDataSync}) {
    calls_.FailAll(call, ENOSPC);
    ExpectFault(std::exchange(values, {}), "storage_full", "No space left on device; free space there");
    EXPECT_EQ(Lines(), (Strings{"11111"}));
    EXPECT_EQ(Segments(folder_).size(), 1U);
  }
  calls_.FailNothing();
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(Lines(), (Strings{"11111", "22222"}));
}

TEST_F(FileSinkStorage, DeadLetterThatCannotBeStoredIsLoggedAndRetried) {
  calls_.FailAll(Call::kWrite, ENOSPC);
  AddDeadLetter(7, "{}");
  ExpectFault({}, "storage_full", "dead-letters-");
  EXPECT_TRUE(listener_.dead_letters.empty());
  EXPECT_TRUE(StoredLines(folder_, "dead-letters-").empty());
  calls_.FailNothing();
  RunLater();
  EXPECT_EQ(listener_.dead_letters, std::vector<uint64_t>{7});
  EXPECT_EQ(StoredLines(folder_, "dead-letters-").size(), 1U);
}

TEST_F(FileSinkStorage, LongOutageIsLoggedOnceAMinute) {
  calls_.FailAll(Call::kWrite, ENOSPC);
  Add({"a"});
  uint64_t tries = 0;  // since the last log line about it
  for (int second = 0; second < 150; ++second) {
    const size_t told = log_.Lines().size();
    RunOnce();
    if (log_.Lines().size() > told) tries = calls_.Count(Call::kWrite);
    clock_.Advance(std::chrono::seconds(1));
  }
  const Strings lines = log_.Lines();
  ASSERT_EQ(lines.size(), 3U);
  uint64_t counted = 0;
  for (const std::string& line : lines) {
    EXPECT_TRUE(
        line.starts_with("ERROR events could not be stored; retrying code=storage_full "
                         "reason=file.dir (FILE_DIR) " +
                         folder_.string()))
        << line;
    counted += std::stoul(line.substr(line.rfind('=') + 1));
  }
  EXPECT_TRUE(lines[0].ends_with("count=1")) << lines[0];
  EXPECT_EQ(counted, tries);
  EXPECT_GT(tries, 10U);
}

TEST_F(FileSinkStorage, EndOfAnOutageIsLogged) {
  calls_.FailNth(Call::kWrite, 1, ENOSPC);
  EXPECT_FALSE(Delivered({"a"}));
  EXPECT_EQ(log_.Count("events are stored again"), 0U);
  EXPECT_TRUE(DeliveredLater());
  EXPECT_TRUE(Delivered({"b"}));
  EXPECT_EQ(log_.Count("INFO events are stored again directory=" + folder_.string()), 1U);
}

TEST_F(FileSinkStorage, DiskThatFailsEverySecondTimeDoesNotFloodTheLog) {
  for (int i = 0; i < 100; ++i) {
    calls_.FailNth(Call::kWrite, 1, EIO);
    EXPECT_FALSE(Delivered({"a"}));
    clock_.Advance(std::chrono::milliseconds(100));
    RunOnce();
    EXPECT_TRUE(AllDelivered());
    calls_.FailNth(Call::kDataSync, 1, EIO);
    EXPECT_TRUE(Delivered({"b"}));
  }
  EXPECT_LE(log_.Lines().size(), 3U);
}

// Random calls fail, including truncation.
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
    Strings all;
    for (int runs = 0; runs < 1000 && (all.size() < 60 || !AllDelivered()); ++runs) {
      Strings more(std::min<size_t>(60 - all.size(), random.Below(10)));
      for (std::string& value : more) {
        value = "{\"n\":" + std::to_string(all.size()) + "}";
        all.push_back(value);
      }
      Add(more);
      RunOnce();
      clock_.Advance(std::chrono::milliseconds(random.Below(10'000)));
    }
    ASSERT_TRUE(AllDelivered());
    Strings stored;
    std::set<std::string> seen;
    size_t torn = 0;
    size_t repeats = 0;
    for (const std::string& line : Lines()) {
      if (line.ends_with("<torn>")) {
        ++torn;
      } else if (seen.insert(line).second) {
        stored.push_back(line);
      } else {
        ++repeats;
      }
    }
    EXPECT_EQ(stored, all) << "round " << round;
    EXPECT_TRUE(cuts_fail || torn + repeats == 0) << torn << " torn, " << repeats << " twice";
  }
}

// The disk fails at random under lanes with threads, but never in a way that writes a line twice.
TEST_F(FileSinkStorage, LanesInThreadsUnderFaultsLoseNothingAndKeepTheirOrder) {
  lanes_ = 4;
  constexpr uint64_t kEvents = 500;  // per lane
  segment_bytes_ = 5'000;
  Start();
  support::Random random(support::SeedOr(8));
  calls_.takes = [&](size_t size) { return random.Between(1, size); };
  calls_.fault = [&](Call call, uint64_t) {
    const bool cuts = call == Call::kTruncate || call == Call::kDataSync;
    return !cuts && random.OneIn(20) ? ENOSPC : 0;
  };
  std::vector<CollectingListener> listeners(lanes_);
  std::vector<std::thread> threads;
  for (size_t number = 0; number < lanes_; ++number) {
    threads.emplace_back([&, number] {
      SinkLane& lane = sink_->Lane(number);
      lane.Attach(listeners[number], nullptr);
      uint64_t added = 0;
      uint64_t dead_letters = 0;
      for (int run = 0; run < 100'000; ++run) {
        for (uint64_t i = 0; i < 7 && added < kEvents; ++i, ++added) {
          lane.Add(EventOf(std::to_string(number) + " " + std::to_string(added), added));
        }
        if (dead_letters * 50 < added)
          lane.AddDeadLetter(dead_letters++, EventOf("{}", 0), {"code", "reason", 1, {}});
        lane.Run(base::SteadyTime::min());
        if (listeners[number].positions.size() == kEvents &&
            listeners[number].dead_letters.size() == dead_letters)
          break;
        clock_.Advance(std::chrono::milliseconds(50));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::vector<uint64_t> next(lanes_, 0);
  for (const std::string& line : Lines()) {
    EXPECT_EQ(line.substr(2), std::to_string(next.at(static_cast<size_t>(line[0] - '0'))++)) << line;
  }
  for (size_t number = 0; number < lanes_; ++number) {
    EXPECT_EQ(next[number], kEvents);
    std::vector<uint64_t> wanted(kEvents);
    std::iota(wanted.begin(), wanted.end(), 0);
    EXPECT_EQ(listeners[number].positions, wanted);
    wanted.resize(kEvents / 50);
    EXPECT_EQ(listeners[number].dead_letters, wanted);
  }
  EXPECT_EQ(StoredLines(folder_, "dead-letters-").size(), lanes_ * kEvents / 50);
  EXPECT_GT(telemetry_.Read().retried, 0U);
}

}  // namespace
}  // namespace ei::file_sink
