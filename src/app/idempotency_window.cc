#include "app/idempotency_window.h"

#include <string>
#include <vector>

namespace ei::app {

using domain::DecodedEvent;
using domain::Member;

namespace {

constexpr uint32_t kAwaited = Repeat::kDelivered - 1;  // its fate has no number yet

}  // namespace

void IdempotencyWindow::Name(const DecodedEvent& event, Submission& submission) const {
  if (event.id.kind != Member::Kind::kString) return;
  submission.named.push_back({static_cast<uint32_t>(submission.batch.Size() - 1), HashOf(event)});
}

// In a receipt the fates of the fresh events come first, so a repeat of one of them shares its fate; then
// those of the awaited ones.
IdempotencyWindow::Judged IdempotencyWindow::Judge(base::SteadyTime now, Submission& submission) {
  thread_local std::vector<uint32_t> left_out;
  left_out.clear();
  submission.repeats.clear();
  submission.awaited.clear();
  ids_.Begin(now);
  uint64_t earlier_end = 0;
  for (const NamedEvent& named : submission.named) {
    const auto known = ids_.FindOrNote(named.id, named.event - left_out.size());
    if (!known) continue;
    left_out.push_back(named.event);
    uint32_t fate = known->delivered ? Repeat::kDelivered : kAwaited;
    if (known->noted) fate = static_cast<uint32_t>(known->position);
    if (fate == kAwaited) submission.awaited.push_back(known->position);
    if (!known->noted) earlier_end = std::max(earlier_end, known->position + 1);
    submission.repeats.push_back({named.event, fate});
  }
  if (left_out.empty()) return {submission.batch, 0};
  submission.fresh.AssignWithout(submission.batch, left_out);
  auto number = static_cast<uint32_t>(submission.fresh.Size());
  for (Repeat& repeat : submission.repeats) {
    if (repeat.fate == kAwaited) repeat.fate = number++;
  }
  return {submission.fresh, earlier_end};
}

void IdempotencyWindow::Settle(std::span<const uint64_t> delivered, std::span<const uint64_t> dead_lettered) {
  base::MutexLock lock(mutex_);
  for (const uint64_t position : delivered) ids_.MarkDelivered(position);
  for (const uint64_t position : dead_lettered) ids_.Forget(position);
}

// Of events with the same id the last one counts: it was stored because the others were forgotten.
void IdempotencyWindow::Restore(const DecodedEvent& event, uint64_t position, base::SteadyTime accepted_at,
                                bool settled) {
  const base::Hash128 id = HashOf(event);
  base::MutexLock lock(mutex_);
  ids_.Begin(accepted_at);
  if (const auto known = ids_.FindOrNote(id, 0)) {
    ids_.Forget(known->position);
    ids_.FindOrNote(id, 0);
  }
  ids_.Confirm(position);
  if (settled) ids_.MarkDelivered(position);
}

uint64_t IdempotencyWindow::Size() const {
  base::MutexLock lock(mutex_);
  return ids_.Size();
}

// The source's size stands in front, so that its end can't be taken for the beginning of the id.
base::Hash128 IdempotencyWindow::HashOf(const DecodedEvent& event) const {
  thread_local std::string text;
  const std::string_view source =
      event.source.kind == Member::Kind::kString ? event.source.text : std::string_view();
  text.assign(std::to_string(source.size())).append(1, ' ').append(source).append(event.id.text);
  return base::SipHash128(key_, text);
}

}  // namespace ei::app
