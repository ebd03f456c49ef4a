#include "adapters/wal/settled_map.h"

#include <algorithm>
#include <iterator>

namespace ei::wal {

void SettledMap::Mark(uint64_t begin, uint64_t end) {
  begin = std::max(begin, below_);
  if (begin >= end) return;
  auto next = runs_.upper_bound(begin);
  if (next != runs_.begin() && std::prev(next)->second >= begin) {
    --next;
    begin = next->first;
  }
  while (next != runs_.end() && next->first <= end) {
    end = std::max(end, next->second);
    next = runs_.erase(next);
  }
  if (begin == below_) {
    below_ = end;
  } else {
    runs_.emplace_hint(next, begin, end);
  }
}

SettledMap SettledMap::Lowest(size_t runs) const {
  SettledMap lowest(below_);
  for (auto run = runs_.begin(); run != runs_.end() && lowest.runs_.size() < runs; ++run) {
    lowest.runs_.emplace_hint(lowest.runs_.end(), *run);
  }
  return lowest;
}

uint64_t SettledMap::Unsettled(uint64_t begin, uint64_t end) const {
  begin = std::max(begin, below_);
  if (begin >= end) return 0;
  uint64_t unsettled = end - begin;
  auto run = runs_.upper_bound(begin);
  if (run != runs_.begin()) --run;
  for (; run != runs_.end() && run->first < end; ++run) {
    const uint64_t from = std::max(begin, run->first);
    const uint64_t to = std::min(end, run->second);
    if (from < to) unsettled -= to - from;
  }
  return unsettled;
}

}  // namespace ei::wal
