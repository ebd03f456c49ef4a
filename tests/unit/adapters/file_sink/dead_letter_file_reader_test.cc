#include "adapters/file_sink/dead_letter_file_reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "delivery/dead_letter_headers.h"
#include "event/timestamp.h"
#include "redrive/dead_letter_filter.h"
#include "support/temp_folder.h"

namespace ei::file_sink {
namespace {

std::string Line(const std::string& id, const std::string& failed_at = "2026-01-31T12:00:00.000Z") {
  return R"({"dlq_code":"c","dlq_failed_at":")" + failed_at + R"(","key":")" + id + R"(","value":{"id":")" +
         id + "\"}}\n";
}

class DeadLetterFileReaderTest : public testing::Test {
 protected:
  std::string NameOf(uint64_t number) const {
    const std::string digits = std::to_string(number);
    return folder_.Path().string() + "/dead-letters-" + std::string(20 - digits.size(), '0') + digits +
           ".ndjson";
  }
  void Write(uint64_t number, const std::string& text) {
    std::ofstream(NameOf(number), std::ios::binary | std::ios::app) << text;
  }
  std::unique_ptr<DeadLetterFileReader> Open(const DeadLetterOffsets& from = {}) {
    auto opened = DeadLetterFileReader::Open(folder_.Path(), from);
    EXPECT_TRUE(opened.has_value());
    return std::move(*opened);
  }
  static std::vector<std::string> Keys(DeadLetterFileReader& files) {
    std::vector<std::string> keys;
    while (!files.AtEnd()) {
      const auto dead_letter = files.Next({});
      EXPECT_TRUE(dead_letter.has_value());
      if (dead_letter && *dead_letter) keys.push_back((*dead_letter)->key.value_or("(none)"));
    }
    return keys;
  }

  support::TempFolder folder_;
};

using Names = std::vector<std::string>;

TEST_F(DeadLetterFileReaderTest, ReadsTheSegmentsInTheirOrder) {
  Write(10, Line("c"));
  Write(9, Line("a") + Line("b"));
  Write(11, "");
  const auto files = Open();
  EXPECT_EQ(Keys(*files), (Names{"a", "b", "c"}));
  EXPECT_EQ(files->Read().done, files->Read().total);
  EXPECT_EQ(files->Places(), (DeadLetterOffsets{{10, Line("c").size()}}));
}

TEST_F(DeadLetterFileReaderTest, EachDeadLetterHasItsPlaceAndTheTimeOfItsFailure) {
  Write(3, Line("a") + Line("b", "2026-01-31T13:00:00.000Z"));
  const auto files = Open();
  (void)files->Next({});
  const auto dead_letter = files->Next({});
  ASSERT_TRUE(dead_letter && *dead_letter);
  EXPECT_EQ((*dead_letter)->part, 3U);
  EXPECT_EQ((*dead_letter)->offset, Line("a").size());
  EXPECT_EQ((*dead_letter)->value, R"({"id":"b"})");
  EXPECT_EQ(FailedAt(**dead_letter), ParseTimestamp("2026-01-31T13:00:00Z"));
}

TEST_F(DeadLetterFileReaderTest, GoesOnFromAnyPlaceThatItGave) {
  Write(1, Line("a") + Line("b"));
  Write(2, Line("c") + Line("d"));
  const Names all{"a", "b", "c", "d"};
  for (size_t read = 0; read <= all.size(); ++read) {
    const auto first = Open();
    for (size_t i = 0; i < read; ++i) (void)first->Next({});
    const auto second = Open(first->Places());
    EXPECT_EQ(Keys(*second), Names(all.begin() + static_cast<ptrdiff_t>(read), all.end()));
  }
}

TEST_F(DeadLetterFileReaderTest, ALineThatHasNoEndYetIsLeftForLater) {
  Write(1, Line("a") + Line("b").substr(0, 30));
  const auto files = Open();
  EXPECT_EQ(Keys(*files), Names{"a"});
  Write(1, Line("b").substr(30));
  const auto later = Open(files->Places());
  EXPECT_EQ(Keys(*later), Names{"b"});
}

TEST_F(DeadLetterFileReaderTest, WhatIsWrittenMeanwhileIsLeftForLater) {
  Write(1, Line("a"));
  const auto files = Open();
  Write(1, Line("b"));
  Write(2, Line("c"));
  EXPECT_EQ(Keys(*files), Names{"a"});
  const auto later = Open(files->Places());
  EXPECT_EQ(Keys(*later), (Names{"b", "c"}));
}

TEST_F(DeadLetterFileReaderTest, ALineThatIsNoDeadLetterHasNoHeaders) {
  Write(1, "junk\n" + Line("a") + "\n");
  const auto files = Open();
  const auto dead_letter = files->Next({});
  ASSERT_TRUE(dead_letter && *dead_letter);
  EXPECT_TRUE((*dead_letter)->headers.empty());
  EXPECT_EQ(Keys(*files), (Names{"a", "(none)"}));
}

TEST_F(DeadLetterFileReaderTest, SegmentsThatWereMovedAwayAreNoFault) {
  Write(1, Line("a"));
  Write(2, Line("b"));
  const auto first = Open();
  (void)first->Next({});
  std::filesystem::remove(NameOf(1));
  EXPECT_EQ(Keys(*Open(first->Places())), Names{"b"});
}

TEST_F(DeadLetterFileReaderTest, AFolderThatIsNotThereIsAFault) {
  EXPECT_FALSE(DeadLetterFileReader::Open(folder_.Path().string() + "/none", {}).has_value());
}

}  // namespace
}  // namespace ei::file_sink
