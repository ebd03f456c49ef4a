#include "adapters/file_sink/dead_letter_file.h"

#include <gtest/gtest.h>

#include "adapters/file_sink/dead_letter_line.h"
#include "unit/adapters/file_sink/sink_fixture.h"
#include "unit/system/faulty_file_calls.h"

namespace ei::file_sink {
namespace {

using Call = system::FaultyFileCalls::Call;
using Strings = std::vector<std::string>;

class DeadLetterFileTest : public testing::Test {
 protected:
  void Open(uint64_t bytes_max = 1 << 20, uint64_t segment_bytes = 1 << 16) {
    file_.reset();
    file_ = std::make_unique<DeadLetterFile>(
        DeadLetterFileOptions{folder_.string(), bytes_max, segment_bytes}, log_, clock_, calls_);
  }

  StoredDeadLetters Store(const Strings& values) {
    std::vector<DeadLetterToStore> dead_letters;
    for (const std::string& value : values) {
      dead_letters.push_back({{value, "k", {}, {}, 0, true}, {"code", "why", 2, clock_.WallNow(), "events"}});
    }
    return file_->Store(dead_letters);
  }

  Strings Values() const {
    Strings values;
    for (const std::string& line : StoredLines(folder_, "dead-letters-")) {
      const auto dead_letter = ParseDeadLetterLine(line);
      values.push_back(dead_letter ? dead_letter->value : "unreadable: " + line);
    }
    return values;
  }

  // The value of the line at a place that Store returned.
  std::string ValueAt(const std::string& place) const {
    const size_t colon = place.find(':');
    const std::string bytes = ReadFile(folder_ / place.substr(0, colon));
    const size_t begin = std::stoul(place.substr(colon + 1));
    const auto dead_letter =
        ParseDeadLetterLine(std::string_view(bytes).substr(begin, bytes.find('\n', begin) - begin));
    return dead_letter ? dead_letter->value : "unreadable";
  }

  TempFolder parent_;
  std::filesystem::path folder_ = parent_.Path() / "dead-letters";
  RecordingLog log_;
  support::VirtualClock clock_;
  system::FaultyFileCalls calls_;
  std::unique_ptr<DeadLetterFile> file_;
};

TEST_F(DeadLetterFileTest, DeadLettersStandAtTheirPlacesInOneSync) {
  Open();
  const uint64_t syncs = calls_.Count(Call::kDataSync);
  const auto stored_letters = Store({"1", "2", "3"});
  EXPECT_TRUE(stored_letters.code.empty());
  ASSERT_EQ(stored_letters.places.size(), 3U);
  EXPECT_EQ(calls_.Count(Call::kDataSync), syncs + 2) << "one for the segment's number and one for the lines";
  const auto more = Store({"4"});
  EXPECT_EQ(ValueAt(stored_letters.places[0]), "1");
  EXPECT_EQ(ValueAt(stored_letters.places[2]), "3");
  EXPECT_EQ(ValueAt(more.places.at(0)), "4");
}

TEST_F(DeadLetterFileTest, WhatWasStoredSurvivesALossOfPower) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Open(1 << 20, 300);
    ASSERT_EQ(Store({std::to_string(seed)}).places.size(), 1U);
    calls_.fault = [](Call call, uint64_t) { return call == Call::kDataSync ? EIO : 0; };
    Store({"lost"});
    calls_.fault = [](Call, uint64_t) { return 0; };
    file_.reset();
    support::Random random(seed);
    calls_.LosePower(folder_, random);
  }
  Open();
  Strings kept;
  for (const std::string& value : Values()) {
    if (value != "lost") kept.push_back(value);
  }
  ASSERT_EQ(kept.size(), 20U);
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i], std::to_string(i + 1));
}

TEST_F(DeadLetterFileTest, ATornLastLineIsCutOffAndTheNextFollowsTheSoundOnes) {
  Open();
  Store({"1"});
  file_.reset();
  const auto segment = Segments(folder_, "dead-letters-").at(0);
  WriteFile(segment, ReadFile(segment) + R"({"dlq_code":"to)");
  Open();
  EXPECT_EQ(ValueAt(Store({"2"}).places.at(0)), "2");
  EXPECT_EQ(Values(), (Strings{"1", "2"}));
}

TEST_F(DeadLetterFileTest, AFullFileTakesNothingTellsItOnceAMinuteAndGoesOnWhenThereIsRoom) {
  Open(2'000, 500);
  size_t stored = 0;
  while (Store({"{}"}).places.size() == 1) ++stored;
  EXPECT_GT(stored, 5U);
  EXPECT_LE(file_->Bytes(), 2'000U);
  const auto failed = Store({"{}", "{}"});
  EXPECT_TRUE(failed.places.empty());
  EXPECT_EQ(failed.code, "dead_letter_file_full");
  EXPECT_NE(failed.reason.find("dead_letter.bytes_max"), std::string::npos) << failed.reason;
  EXPECT_EQ(file_->Failures(), 3U);
  EXPECT_EQ(log_.Count("dead letters could not be stored in the dead-letter file; they stay in the journal"),
            1U);
  EXPECT_EQ(Values().size(), stored);

  std::filesystem::remove(Segments(folder_, "dead-letters-").front());
  EXPECT_EQ(Store({"{}"}).places.size(), 1U);
}

TEST_F(DeadLetterFileTest, DeadLettersAfterTheFileOrItsFolderWasTakenAwayStandInANewOne) {
  const auto newest = [this] { return Segments(folder_, "dead-letters-").back(); };
  const std::vector<std::function<void()>> acts = {
      [&] { std::filesystem::remove(newest()); },
      [&] { std::filesystem::rename(newest(), parent_.Path() / "away"); },
      [&] { std::filesystem::remove_all(folder_); },
  };
  for (size_t act = 0; act < acts.size(); ++act) {
    SCOPED_TRACE(act);
    std::filesystem::remove_all(folder_);
    Open();
    ASSERT_EQ(Store({"1"}).places.size(), 1U);
    acts[act]();
    const auto stored_letters = Store({"2", "3"});
    ASSERT_EQ(stored_letters.places.size(), 2U);
    EXPECT_EQ(ValueAt(stored_letters.places[1]), "3");
    EXPECT_EQ(Values(), (Strings{"2", "3"}));
    EXPECT_LE(file_->Bytes(), 1U << 20);
  }
}

TEST_F(DeadLetterFileTest, ItIsFullAlsoAfterARestart) {
  Open(2'000, 500);
  while (Store({"{}"}).places.size() == 1) {
  }
  Open(2'000, 500);
  EXPECT_EQ(Store({"{}"}).code, "dead_letter_file_full");
}

TEST_F(DeadLetterFileTest, SegmentsAreRotatedAlsoWithinOneCall) {
  Open(1 << 20, 500);
  Strings values;
  for (int i = 0; i < 40; ++i) values.push_back(std::to_string(i));
  const auto stored_letters = Store(values);
  ASSERT_EQ(stored_letters.places.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(ValueAt(stored_letters.places[i]), values[i]);
  const auto segments = Segments(folder_, "dead-letters-");
  EXPECT_GT(segments.size(), 5U);
  for (const auto& segment : segments) EXPECT_LE(std::filesystem::file_size(segment), 500U);
}

TEST_F(DeadLetterFileTest, AFaultInTheMiddleSaysWhichStand) {
  Open(1 << 20, 300);
  int writes = 0;
  calls_.fault = [&](Call call, uint64_t) { return call == Call::kWrite && ++writes == 2 ? ENOSPC : 0; };
  const auto stored_letters = Store({"1", "2", "3", "4"});
  EXPECT_EQ(stored_letters.code, "storage_full");
  ASSERT_EQ(Values().size(), stored_letters.places.size());
  ASSERT_LT(stored_letters.places.size(), 4U);
  ASSERT_GT(stored_letters.places.size(), 0U);
  EXPECT_EQ(file_->Failures(), 4 - stored_letters.places.size());
}

TEST_F(DeadLetterFileTest, AFolderThatCantBeUsedIsLoggedAtOnceAndRetried) {
  WriteFile(folder_, "a file");
  Open();
  EXPECT_EQ(
      log_.Count("the dead-letter file can't be used; events that the dead-letter topic rejects stay in the "
                 "journal"),
      1U);
  const auto failed = Store({"1"});
  EXPECT_EQ(failed.code, "storage_failed");
  EXPECT_NE(failed.reason.find("DEAD_LETTER_DIR"), std::string::npos) << failed.reason;
  std::filesystem::remove(folder_);
  EXPECT_EQ(ValueAt(Store({"1"}).places.at(0)), "1");
}

}  // namespace
}  // namespace ei::file_sink
