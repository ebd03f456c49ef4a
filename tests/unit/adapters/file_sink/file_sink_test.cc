#include "adapters/file_sink/file_sink.h"

#include <latch>
#include <nlohmann/json.hpp>
#include <thread>

#include "adapters/file_sink/segment_tail.h"
#include "support/random.h"
#include "unit/adapters/file_sink/sink_fixture.h"
#include "unit/system/faulty_file_calls.h"

namespace ei::file_sink {
namespace {

using Strings = std::vector<std::string>;
using Call = system::FaultyFileCalls::Call;

// The content of a folder when it is opened again.
class ReopenedFileSink : public FileSinkTest {
 protected:
  // The newest segment holds this when the sink is opened and sends one event more.
  Strings LinesAfter(std::string_view bytes) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    WriteFile(folder_ / "events-00000000000000000007.ndjson", bytes);
    EXPECT_TRUE(Open());
    EXPECT_TRUE(Delivered({"{\"more\":1}"}));
    return Lines();
  }
};

TEST_F(ReopenedFileSink, TornLastLineIsTruncatedAtEveryLengthAndLogged) {
  const std::string last = "{\"last\":true}";
  for (size_t kept = 1; kept <= last.size(); ++kept) {
    EXPECT_EQ(LinesAfter("{}\n" + last.substr(0, kept)), (Strings{"{}", "{\"more\":1}"}));
    EXPECT_TRUE(log_.Lines().back().ends_with("segment=events-00000000000000000007.ndjson bytes=" +
                                              std::to_string(kept)))
        << log_.Lines().back();
  }
  EXPECT_EQ(log_.Count("WARN the torn end of the newest segment was truncated"), last.size());
}

TEST_F(ReopenedFileSink, WholeSegmentIsContinuedInSilence) {
  EXPECT_EQ(LinesAfter("{}\n{\"b\":2}\n"), (Strings{"{}", "{\"b\":2}", "{\"more\":1}"}));
  EXPECT_EQ(Segments(folder_).size(), 1U);
  EXPECT_TRUE(log_.Lines().empty());
}

TEST_F(ReopenedFileSink, EmptySegmentIsContinuedInSilence) {
  EXPECT_EQ(LinesAfter(""), (Strings{"{\"more\":1}"}));
  EXPECT_EQ(Segments(folder_).size(), 1U);
  EXPECT_TRUE(log_.Lines().empty());
}

TEST_F(ReopenedFileSink, NulBytesOfACrashAreCut) {
  EXPECT_EQ(LinesAfter("{}\n" + std::string(5000, '\0')), (Strings{"{}", "{\"more\":1}"}));
  EXPECT_EQ(LinesAfter("{}\n" + std::string(5000, '\0') + "\n{\"unsynced\":1}\n"),
            (Strings{"{}", "{\"more\":1}"}));
  EXPECT_EQ(LinesAfter(std::string(5000, '\0')), (Strings{"{\"more\":1}"}));
}

TEST_F(ReopenedFileSink, HugeGarbageIsCut) {
  EXPECT_EQ(LinesAfter("{}\n" + std::string(10 << 20, 'x')), (Strings{"{}", "{\"more\":1}"}));
}

TEST_F(ReopenedFileSink, NewestSegmentThatCannotBeOpenedIsLeftAndANewOneBegun) {
  std::filesystem::create_directories(folder_ / "events-00000000000000000007.ndjson");
  ASSERT_TRUE(Open());
  EXPECT_EQ(log_.Count("WARN the newest segment is left unchanged and a new one is started"), 1U);
  EXPECT_TRUE(Delivered({"{}"}));
  EXPECT_EQ(ReadFile(folder_ / "events-00000000000000000008.ndjson"), "{}\n");
}

TEST_F(ReopenedFileSink, TornSegmentThatCannotBeCutIsLeftAndANewOneBegun) {
  std::filesystem::create_directories(folder_);
  WriteFile(folder_ / "events-00000000000000000007.ndjson", "{}\n{");
  system::FaultyFileCalls calls;
  calls.fault = [](Call call, uint64_t) { return call == Call::kTruncate ? EPERM : 0; };
  ASSERT_TRUE(Open(calls));
  EXPECT_EQ(log_.Count("reason=truncate its torn end: Operation not permitted"), 1U);
  EXPECT_TRUE(Delivered({"{}"}));
  EXPECT_EQ(ReadFile(folder_ / "events-00000000000000000008.ndjson"), "{}\n");
  sink_.reset();
}

TEST_F(ReopenedFileSink, NewestSegmentIsReadAtItsTailOnly) {
  std::filesystem::create_directories(folder_);
  // A torn part that would be truncated if it were in the checked range; then more whole lines than a batch
  // holds.
  const std::string lines = std::string(16, '\0') + "\n" + [] {
    std::string text;
    while (text.size() < kBatchBytesMax) text += std::string(999, 'x') + '\n';
    return text;
  }();
  WriteFile(folder_ / "events-00000000000000000007.ndjson", lines);
  segment_bytes_ = 100 << 20;
  ASSERT_TRUE(Open());
  EXPECT_TRUE(Delivered({"{}"}));
  EXPECT_EQ(ReadFile(folder_ / "events-00000000000000000007.ndjson").size(), lines.size() + 3);
}

TEST_F(ReopenedFileSink, SegmentLargerThanTheSettingIsNotContinued) {
  segment_bytes_ = 10;
  EXPECT_EQ(LinesAfter("{\"before\":12345}\n"), (Strings{"{\"before\":12345}", "{\"more\":1}"}));
  EXPECT_EQ(Segments(folder_).size(), 2U);
}

using FileSinkRotation = FileSinkTest;

TEST_F(FileSinkRotation, SegmentIsFilledToTheLastByteAndNotBeyond) {
  segment_bytes_ = 30;
  ASSERT_TRUE(Open());
  EXPECT_TRUE(Delivered({"123456789", "123456789", "123456789"}));  // 30 bytes with their line breaks
  EXPECT_EQ(Segments(folder_).size(), 1U);
  EXPECT_TRUE(Delivered({"1"}));
  EXPECT_EQ(Segments(folder_).size(), 2U);
}

TEST_F(FileSinkRotation, SegmentIsFilledToTheLastByteOverSeveralSends) {
  segment_bytes_ = 30;
  ASSERT_TRUE(Open());
  for (int send = 0; send < 7; ++send) EXPECT_TRUE(Delivered({"123456789"}));
  ASSERT_EQ(Segments(folder_).size(), 3U);
  EXPECT_EQ(std::filesystem::file_size(Segments(folder_)[0]), 30U);
  EXPECT_EQ(std::filesystem::file_size(Segments(folder_)[1]), 30U);
}

TEST_F(FileSinkRotation, LineThatDoesNotFitByOneByteBeginsANewSegment) {
  segment_bytes_ = 30;
  ASSERT_TRUE(Open());
  EXPECT_TRUE(Delivered({"123456789", "123456789", "1234567890"}));
  ASSERT_EQ(Segments(folder_).size(), 2U);
  EXPECT_EQ(std::filesystem::file_size(Segments(folder_)[0]), 20U);
  EXPECT_EQ(ReadFile(Segments(folder_)[1]), "1234567890\n");
}

TEST_F(FileSinkRotation, EventLargerThanASegmentHasOneOfItsOwn) {
  segment_bytes_ = 30;
  ASSERT_TRUE(Open());
  const std::string large(100, 'x');
  EXPECT_TRUE(Delivered({"a", large, "b", large, large}));
  EXPECT_EQ(Lines(), (Strings{"a", large, "b", large, large}));
  EXPECT_EQ(Segments(folder_).size(), 5U);
}

TEST_F(FileSinkRotation, EventLargerThanABatchIsStored) {
  segment_bytes_ = 100 << 20;
  ASSERT_TRUE(Open());
  const std::string large(kBatchBytesMax + 1, 'x');
  EXPECT_TRUE(Delivered({"a", large, large, "b"}));
  EXPECT_EQ(Lines(), (Strings{"a", large, large, "b"}));
  EXPECT_EQ(Segments(folder_).size(), 1U);
}

TEST_F(FileSinkRotation, AnySizesKeepTheOrderAndTheBound) {
  support::Random random(support::SeedOr(42));
  system::FaultyFileCalls calls;  // whose syncs cost nothing
  for (int round = 0; round < 50; ++round) {
    std::filesystem::remove_all(folder_);
    segment_bytes_ = random.Between(1, 400);
    Strings all;
    for (int reopening = 0; reopening < 3; ++reopening) {
      ASSERT_TRUE(Open(calls));
      for (int send = 0; send < 5; ++send) {
        Strings values(random.Below(20));
        for (std::string& value : values)
          value.resize(random.Below(100), static_cast<char>(random.Between('a', 'z')));
        EXPECT_TRUE(values.empty() || Delivered(values));
        all.insert(all.end(), values.begin(), values.end());
      }
    }
    EXPECT_EQ(Lines(), all);
    for (const auto& path : Segments(folder_)) {
      const std::string bytes = ReadFile(path);
      EXPECT_TRUE(bytes.size() <= segment_bytes_ || std::count(bytes.begin(), bytes.end(), '\n') == 1);
    }
  }
  sink_.reset();
}

TEST_F(FileSinkTest, FolderInUseByAnotherSinkIsRejected) {
  ASSERT_TRUE(Open());
  const auto second = FileSink::Open({.directory = folder_.string()}, log_, clock_, telemetry_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, base::ErrorKind::kUnavailable);
  EXPECT_TRUE(second.error().message.starts_with("file.dir (FILE_DIR) " + folder_.string()))
      << second.error().message;
}

TEST_F(FileSinkTest, DiskWithoutSpaceForAFirstSegmentIsReportedWithTheNameOfTheSetting) {
  system::FaultyFileCalls calls;
  calls.fault = [](Call call, uint64_t) { return call == Call::kPWrite ? ENOSPC : 0; };
  const auto opened = Open(calls);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, base::ErrorKind::kStorage);
  EXPECT_EQ(opened.error().message, "file.dir (FILE_DIR) " + folder_.string() +
                                        ": can't write .lock: No space left on device; free space there");
}

TEST_F(FileSinkTest, NothingIsReportedForNothing) {
  system::FaultyFileCalls calls;
  ASSERT_TRUE(Open(calls));
  const uint64_t before = calls.Count();
  RunOnce();
  Lane().Run(clock_.Now());
  EXPECT_EQ(listener_.calls, 0U);
  EXPECT_EQ(calls.Count(), before);
  sink_.reset();
}

TEST_F(FileSinkTest, LineBreaksBecomeSpaces) {
  ASSERT_TRUE(Open());
  EXPECT_TRUE(Delivered({"{\n  \"a\": 1\r\n}", "{}"}));
  EXPECT_EQ(Lines(), (Strings{"{   \"a\": 1  }", "{}"}));
}

TEST_F(FileSinkTest, ReportComesAfterTheSyncOfTheEventsLine) {
  system::FaultyFileCalls calls;
  ASSERT_TRUE(Open(calls));
  const uint64_t syncs = calls.Count(Call::kDataSync);
  listener_.on_delivered = [&] { EXPECT_EQ(calls.Count(Call::kDataSync), syncs + 1); };
  EXPECT_TRUE(Delivered({"a", "b", "c"}));
  EXPECT_EQ(calls.Count(Call::kWrite), 1U);  // together
  EXPECT_EQ(calls.Count(Call::kDataSync), syncs + 1);
  sink_.reset();
  support::Random random(1);
  calls.LosePower(folder_, random);
  EXPECT_EQ(Lines(), (Strings{"a", "b", "c"}));
}

TEST_F(FileSinkTest, DeadLettersStandInSegmentsOfTheirOwn) {
  segment_bytes_ = 200;
  ASSERT_TRUE(Open());
  EXPECT_TRUE(Segments(folder_, "dead-letters-").empty());
  for (uint64_t n = 0; n < 5; ++n) {
    const std::string value = "{ \"n\":" + std::to_string(n) + "}";
    const EventView event{value, "the \"key\"", {}, {{}, "traceparent"}, 0, n != 0};
    Lane().AddDeadLetter(n, event, {"too_large", "why\n", 3, clock_.WallNow()});
    RunOnce();
    ASSERT_EQ(listener_.dead_letters.size(), n + 1);
    EXPECT_EQ(listener_.dead_letters.back(), n);
  }
  EXPECT_TRUE(Delivered({"{}"}));
  sink_.reset();
  ASSERT_TRUE(Open());  // goes on in the newest of either kind
  EXPECT_TRUE(Delivered({"{}"}));
  EXPECT_EQ(Lines(), (Strings{"{}", "{}"}));
  EXPECT_EQ(Segments(folder_).size(), 1U);

  const Strings dead_letters = StoredLines(folder_, "dead-letters-");
  ASSERT_EQ(dead_letters.size(), 5U);
  EXPECT_EQ(Segments(folder_, "dead-letters-").size(), 5U);  // two of about 130 bytes don't fit
  for (uint64_t n = 0; n < 5; ++n) {
    const auto dead_letter = nlohmann::json::parse(dead_letters[n]);
    EXPECT_EQ(dead_letter["dlq_code"], "too_large");
    EXPECT_EQ(dead_letter["dlq_reason"], "why\n");
    EXPECT_EQ(dead_letter["dlq_attempts"], "3");
    EXPECT_EQ(dead_letter["key"], n == 0 ? nlohmann::json() : nlohmann::json("the \"key\""));
    EXPECT_EQ(dead_letter["value"]["n"], n);
  }
}

TEST_F(FileSinkTest, LanesInThreadsStoreEachEventOnceAndInTheOrderOfTheirLane) {
  lanes_ = 4;
  constexpr uint64_t kSends = 150;
  segment_bytes_ = 20'000;
  ASSERT_TRUE(Open());
  std::vector<CollectingListener> listeners(lanes_);
  std::latch start(static_cast<ptrdiff_t>(lanes_));
  std::vector<std::thread> threads;
  for (size_t number = 0; number < lanes_; ++number) {
    threads.emplace_back([&, number] {
      SinkLane& lane = sink_->Lane(number);
      lane.Attach(listeners[number], nullptr);
      start.arrive_and_wait();
      uint64_t next = 0;
      for (uint64_t send = 0; send < kSends; ++send) {
        for (uint64_t i = 0; i < 1 + send % 7; ++i, ++next) {
          lane.Add(
              EventOf("{\"lane\":" + std::to_string(number) + ",\"n\":" + std::to_string(next) + "}", next));
        }
        if (send % 10 == 0) lane.AddDeadLetter(send, EventOf("{}", 0), {"code", "reason", 1, {}});
        lane.Run(base::SteadyTime::min());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::vector<uint64_t> next(lanes_, 0);
  for (const std::string& line : Lines()) {
    const auto event = nlohmann::json::parse(line);
    EXPECT_EQ(event["n"], next[event["lane"].get<size_t>()]++);
  }
  for (size_t number = 0; number < lanes_; ++number) {
    const CollectingListener& listener = listeners[number];
    EXPECT_EQ(next[number], listener.positions.size());
    for (uint64_t n = 0; n < listener.positions.size(); ++n) EXPECT_EQ(listener.positions[n], n);
    EXPECT_EQ(listener.calls, kSends);
    EXPECT_EQ(listener.dead_letters.size(), kSends / 10);
  }
  EXPECT_EQ(StoredLines(folder_, "dead-letters-").size(), lanes_ * kSends / 10);
}

}  // namespace
}  // namespace ei::file_sink
