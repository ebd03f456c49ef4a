#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "adapters/wal/segment_files.h"
#include "adapters/wal/sent_recovery.h"

namespace ei::wal {

inline std::vector<uint64_t> SentNumbers(Directory& directory) {
  std::vector<uint64_t> numbers;
  const auto names = directory.List();
  EXPECT_TRUE(names);
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    if (const auto number = SentNumber(name)) numbers.push_back(*number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

// The notes that a start finds in a folder.
inline FoundSent FindSent(Directory& directory, uint64_t end, SettledMap& settled) {
  FoundSent found;
  found.files = SentNumbers(directory);
  if (!found.files.empty()) found.next_number = found.files.back() + 1;
  ReadSent(directory, end, settled, found);
  return found;
}

// "stamp:1,2,3", with a "!" behind it when it is broken.
inline std::string TextOf(const SentBatch& batch) {
  std::string text = batch.stamp + ":";
  for (const uint64_t position : batch.positions) {
    if (text.back() != ':') text += ",";
    text += std::to_string(position);
  }
  return batch.broken ? text + "!" : text;
}
inline std::vector<std::string> TextOf(const std::vector<SentBatch>& batches) {
  std::vector<std::string> texts;
  for (const SentBatch& batch : batches) texts.push_back(TextOf(batch));
  return texts;
}
inline std::vector<std::string> TextOf(const std::vector<FoundBatch>& batches) {
  std::vector<std::string> texts;
  for (const FoundBatch& found : batches) texts.push_back(TextOf(found.batch));
  return texts;
}

}  // namespace ei::wal
