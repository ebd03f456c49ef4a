#include "adapters/wal/settled_map.h"

#include <algorithm>
#include <iterator>

namespace ei::wal {

uint64_t SettledMap::Mark(uint64_t begin, uint64_t end) {
  begin = std::max(begin, below_);
  if (begin >= end) return 0;
  const uint64_t marks = end - begin;
  uint64_t marked_before = 0;
  const auto joins = [&, from = begin, to = end](const std::pair<const uint64_t, uint64_t>& run) {
    const uint64_t common_from = std::max(from, run.first);
    const uint64_t common_to = std::min(to, run.second);
    if (common_from < common_to) marked_before += common_to - common_from;
    begin = std::min(begin, run.first);
    end = std::max(end, run.second);
  };
  auto next = runs_.upper_bound(begin);
  if (next != runs_.begin() && std::prev(next)->second >= begin) --next;
  while (next != runs_.end() && next->first <= end) {
    joins(*next);
    next = runs_.erase(next);
  }
  if (begin == below_) {
    below_ = end;
  } else {
    runs_.emplace_hint(next, begin, end);
  }
  return marks - marked_before;
}

SettledMap SettledMap::Lowest(size_t runs) const {
  SettledMap lowest(below_);
  for (auto run = runs_.begin(); run != runs_.end() && lowest.runs_.size() < runs; ++run) {
    lowest.runs_.emplace_hint(lowest.runs_.end(), *run);
  }
  return lowest;
}

uint64_t SettledMap::FirstUnsettled(uint64_t from) const {
  from = std::max(from, below_);
  const auto after = runs_.upper_bound(from);
  return after == runs_.begin() ? from : std::max(from, std::prev(after)->second);
}

uint64_t SettledMap::LowestEnd(size_t runs) const {
  if (runs_.empty() || runs == 0) return below_;
  const auto last = runs_.size() <= runs ? std::prev(runs_.end()) : std::next(runs_.begin(), runs - 1);
  return last->second;
}

uint64_t SettledMap::AlwaysLowestEnd(size_t unsettled) const {
  uint64_t left = unsettled;
  uint64_t from = below_;
  for (const auto& [begin, end] : runs_) {
    if (begin - from > left) break;
    left -= begin - from;
    from = end;
  }
  return from + left;
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
