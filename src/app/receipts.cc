#include "app/receipts.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace ei::app {

namespace {

constexpr size_t kGoneMin = 64;  // ranges worth a sweep

}  // namespace

void Receipt::Cancel() {
  if (std::exchange(entered_, false)) receipts_.Cancel(*this);
}

size_t Receipts::AddInbox(std::function<void()> wake) {
  const size_t inbox = wakes_.Add(std::move(wake));
  base::MutexLock lock(mutex_);
  if (inboxes_.size() <= inbox) inboxes_.resize(inbox + 1);
  return inbox;
}

void Receipts::RemoveInbox(size_t inbox) { wakes_.Remove(inbox); }

Appended Receipts::Append(Journal& journal, const domain::EventBatch& batch,
                          std::span<const uint64_t> earlier, base::SteadyTime now, Receipt& receipt) {
  assert(!receipt.entered_);
  const size_t own = batch.Size();
  const size_t count = own + earlier.size();
  if (count == 0) {
    receipt.fates_.clear();
    return {AppendResult::kAppended};
  }
  base::MutexLock lock(mutex_);
  const size_t waiting = waiting_events_.load(std::memory_order_relaxed);
  if (waiting > 0) {
    if (shares_ != nullptr && !shares_->Allows(batch.Client(), Shared::kAwaitedEvents, count))
      return {AppendResult::kOverShare};
    if (waiting + count > events_max_) return {AppendResult::kFull};
  }
  // Before the events are in the journal: their reports ask Awaited.
  entered_.fetch_add(1, std::memory_order_relaxed);
  Appended appended{AppendResult::kAppended};
  if (own > 0) appended = journal.Append(batch, now);
  if (appended.result != AppendResult::kAppended) {
    entered_.fetch_sub(1, std::memory_order_relaxed);
    return appended;
  }
  waiting_events_.store(waiting + count, std::memory_order_relaxed);
  if (own > 0) ranges_.push_back({appended.end - own, appended.end, &receipt});
  receipt.fates_.assign(count, EventFate());
  receipt.first_ = appended.end - own;
  receipt.own_ = own;
  receipt.left_ = count;
  receipt.client_ = batch.Client();
  receipt.entered_ = true;
  AwaitEarlier(earlier, receipt);
  if (shares_ != nullptr) shares_->Take(receipt.client_, Shared::kAwaitedEvents, count);
  return appended;
}

void Receipts::AwaitEarlier(std::span<const uint64_t> earlier, Receipt& receipt) {
  receipt.earlier_.clear();
  for (size_t i = 0; i < earlier.size(); ++i)
    receipt.earlier_.push_back(earlier_.emplace(earlier[i], AwaitedEvent{&receipt, receipt.own_ + i}));
}

void Receipts::Tell(std::span<const SettledEvent> settled) {
  thread_local std::vector<size_t> woken;
  woken.clear();
  {
    base::MutexLock lock(mutex_);
    size_t at = 0;
    for (const SettledEvent& event : settled) {
      if (!earlier_.empty()) TellOfEarlier(event, woken);
      at = RangeOf(event.position, at);
      if (at == ranges_.size()) {
        at = 0;
        continue;
      }
      Receipt* const receipt = ranges_[at].receipt;
      if (receipt == nullptr) continue;
      if (!Note(*receipt, event.position - receipt->first_, event.fate, woken)) continue;
      Leave(*receipt, at);
      if (ranges_.empty() && earlier_.empty()) break;
      at = ranges_.empty() ? 0 : std::min(at, ranges_.size() - 1);
    }
  }
  for (const size_t inbox : woken) wakes_.Call(inbox);
}

void Receipts::TellOfEarlier(const SettledEvent& event, std::vector<size_t>& woken) {
  const auto [first, last] = earlier_.equal_range(event.position);
  for (auto it = first; it != last; ++it) {
    auto& [receipt, fate] = it->second;
    receipt->earlier_[fate - receipt->own_] = earlier_.end();
    if (Note(*receipt, fate, event.fate, woken)) Leave(*receipt, 0);
  }
  earlier_.erase(first, last);
}

// Whether it was the last fate: then the receipt is in its inbox.
bool Receipts::Note(Receipt& receipt, size_t fate, const EventFate& event, std::vector<size_t>& woken) {
  receipt.fates_[fate] = event;
  if (--receipt.left_ > 0) return false;
  auto& inbox = inboxes_[receipt.inbox_];
  if (inbox.empty()) woken.push_back(receipt.inbox_);
  receipt.place_in_inbox_ = inbox.size();
  inbox.push_back(&receipt);
  return true;
}

void Receipts::Take(size_t inbox, std::vector<Receipt*>& finished) {
  finished.clear();
  {
    base::MutexLock lock(mutex_);
    finished.swap(inboxes_[inbox]);
  }
  std::erase(finished, nullptr);
  for (Receipt* receipt : finished) receipt->entered_ = false;
}

void Receipts::Cancel(Receipt& receipt) {
  base::MutexLock lock(mutex_);
  if (receipt.left_ == 0) {
    inboxes_[receipt.inbox_][receipt.place_in_inbox_] = nullptr;
    return;
  }
  for (const auto& awaited : receipt.earlier_) {
    if (awaited != earlier_.end()) earlier_.erase(awaited);
  }
  Leave(receipt, 0);
}

// ranges_.size() when nobody waits for it. Reports come in runs: `hint` is where the one before was found.
size_t Receipts::RangeOf(uint64_t position, size_t hint) const {
  const auto holds = [&](size_t i) REQUIRES(mutex_) {
    return i < ranges_.size() && position >= ranges_[i].first && position < ranges_[i].end;
  };
  if (holds(hint)) return hint;
  if (holds(hint + 1)) return hint + 1;
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), position,
                                      [](uint64_t p, const Range& range) { return p < range.first; });
  const auto before = static_cast<size_t>(after - ranges_.begin()) - 1;  // wraps round when there is none
  return holds(before) ? before : ranges_.size();
}

// The receipt waits no longer. `hint`: see RangeOf.
void Receipts::Leave(const Receipt& receipt, size_t hint) {
  waiting_events_.fetch_sub(receipt.fates_.size(), std::memory_order_relaxed);
  if (shares_ != nullptr) shares_->Give(receipt.client_, Shared::kAwaitedEvents, receipt.fates_.size());
  entered_.fetch_sub(1, std::memory_order_relaxed);
  if (receipt.own_ == 0) return;
  const size_t at = RangeOf(receipt.first_, hint);
  assert(at < ranges_.size() && ranges_[at].receipt == &receipt);
  Forget(ranges_[at]);
}

// Sweeping when half of the ranges are gone costs each of them a few moves.
void Receipts::Forget(Range& range) {
  range.receipt = nullptr;
  if (++gone_ == ranges_.size()) {
    ranges_.clear();
    gone_ = 0;
  } else if (gone_ >= kGoneMin && gone_ > ranges_.size() / 2) {
    std::erase_if(ranges_, [](const Range& each) { return each.receipt == nullptr; });
    gone_ = 0;
  }
}

}  // namespace ei::app
