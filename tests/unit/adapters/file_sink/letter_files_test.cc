#include "adapters/file_sink/letter_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "app/dead_letter_headers.h"
#include "app/letter_filter.h"
#include "domain/timestamp.h"
#include "support/temp_folder.h"

namespace ei::file_sink {
namespace {

std::string Line(const std::string& id, const std::string& failed_at = "2026-01-31T12:00:00.000Z") {
  return R"({"dlq_code":"c","dlq_failed_at":")" + failed_at + R"(","key":")" + id + R"(","value":{"id":")" +
         id + "\"}}\n";
}

class LetterFilesTest : public testing::Test {
 protected:
  std::string NameOf(uint64_t number) const {
    const std::string digits = std::to_string(number);
    return folder_.Path().string() + "/dead-letters-" + std::string(20 - digits.size(), '0') + digits +
           ".ndjson";
  }
  void Write(uint64_t number, const std::string& text) {
    std::ofstream(NameOf(number), std::ios::binary | std::ios::app) << text;
  }
  std::unique_ptr<LetterFiles> Open(const app::LetterPlaces& from = {}) {
    auto opened = LetterFiles::Open(folder_.Path(), from);
    EXPECT_TRUE(opened.has_value());
    return std::move(*opened);
  }
  static std::vector<std::string> Keys(LetterFiles& files) {
    std::vector<std::string> keys;
    while (!files.AtEnd()) {
      const auto letter = files.Next({});
      EXPECT_TRUE(letter.has_value());
      if (letter && *letter) keys.push_back((*letter)->key.value_or("(none)"));
    }
    return keys;
  }

  support::TempFolder folder_;
};

using Names = std::vector<std::string>;

TEST_F(LetterFilesTest, ReadsTheSegmentsInTheirOrder) {
  Write(10, Line("c"));
  Write(9, Line("a") + Line("b"));
  Write(11, "");
  const auto files = Open();
  EXPECT_EQ(Keys(*files), (Names{"a", "b", "c"}));
  EXPECT_EQ(files->Read().done, files->Read().total);
  EXPECT_EQ(files->Places(), (app::LetterPlaces{{10, Line("c").size()}}));
}

TEST_F(LetterFilesTest, EachLetterSaysWhereItStandsAndWhenItFailed) {
  Write(3, Line("a") + Line("b", "2026-01-31T13:00:00.000Z"));
  const auto files = Open();
  (void)files->Next({});
  const auto letter = files->Next({});
  ASSERT_TRUE(letter && *letter);
  EXPECT_EQ((*letter)->part, 3U);
  EXPECT_EQ((*letter)->offset, Line("a").size());
  EXPECT_EQ((*letter)->value, R"({"id":"b"})");
  EXPECT_EQ(app::FailedAt(**letter), domain::ParseTimestamp("2026-01-31T13:00:00Z"));
}

TEST_F(LetterFilesTest, GoesOnFromAnyPlaceThatItGave) {
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

TEST_F(LetterFilesTest, ALineThatHasNoEndYetIsLeftForLater) {
  Write(1, Line("a") + Line("b").substr(0, 30));
  const auto files = Open();
  EXPECT_EQ(Keys(*files), Names{"a"});
  Write(1, Line("b").substr(30));
  const auto later = Open(files->Places());
  EXPECT_EQ(Keys(*later), Names{"b"});
}

TEST_F(LetterFilesTest, WhatIsWrittenMeanwhileIsLeftForLater) {
  Write(1, Line("a"));
  const auto files = Open();
  Write(1, Line("b"));
  Write(2, Line("c"));
  EXPECT_EQ(Keys(*files), Names{"a"});
  const auto later = Open(files->Places());
  EXPECT_EQ(Keys(*later), (Names{"b", "c"}));
}

TEST_F(LetterFilesTest, ALineThatIsNoLetterHasNoHeaders) {
  Write(1, "junk\n" + Line("a") + "\n");
  const auto files = Open();
  const auto letter = files->Next({});
  ASSERT_TRUE(letter && *letter);
  EXPECT_TRUE((*letter)->headers.empty());
  EXPECT_EQ(Keys(*files), (Names{"a", "(none)"}));
}

TEST_F(LetterFilesTest, SegmentsThatWereMovedAwayAreNoFault) {
  Write(1, Line("a"));
  Write(2, Line("b"));
  const auto first = Open();
  (void)first->Next({});
  std::filesystem::remove(NameOf(1));
  EXPECT_EQ(Keys(*Open(first->Places())), Names{"b"});
}

TEST_F(LetterFilesTest, AFolderThatIsNotThereIsAFault) {
  EXPECT_FALSE(LetterFiles::Open(folder_.Path().string() + "/none", {}).has_value());
}

}  // namespace
}  // namespace ei::file_sink
