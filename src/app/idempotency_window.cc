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
  submission.named.push_back({static_cast<uint32_t>(submission.batch.Size() - 1),
                              HashOf(event, submission.batch.Identity()),
                              FingerprintOf(Written(event.json))});
}

// In a receipt the fates of the fresh events come first, so a repeat of one of them shares its fate; then
// those of the awaited ones.
IdempotencyWindow::Judged IdempotencyWindow::Judge(base::SteadyTime now, Submission& submission) {
  thread_local std::vector<uint32_t> left_out;
  left_out.clear();
  submission.repeats.clear();
  submission.awaited.clear();
  submission.id_conflicts = 0;
  ids_.Begin(now);
  uint64_t earlier_end = 0;
  for (const NamedEvent& named : submission.named) {
    const auto [known, conflict] =
        ids_.FindOrNote(named.id, named.fingerprint, named.event - left_out.size());
    if (conflict) ++submission.id_conflicts;
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

// Of the same event the last one counts: it was stored because the others were forgotten.
void IdempotencyWindow::Restore(const DecodedEvent& event, const Restored& restored) {
  const base::Hash128 id = HashOf(event, restored.client);
  const uint64_t fingerprint = restored.written ? FingerprintOf(*restored.written) : RememberedIds::kAnyBytes;
  base::MutexLock lock(mutex_);
  ids_.Begin(restored.accepted_at);
  if (const auto known = ids_.FindOrNote(id, fingerprint, 0).known) {
    ids_.Forget(known->position);
    ids_.FindOrNote(id, fingerprint, 0);
  }
  ids_.Confirm(restored.position);
  if (restored.settled) ids_.MarkDelivered(restored.position);
}

uint64_t IdempotencyWindow::Size() const {
  base::MutexLock lock(mutex_);
  return ids_.Size();
}

// The source's size stands in front, so that its end can't be taken for the beginning of the id.
base::Hash128 IdempotencyWindow::HashOf(const DecodedEvent& event, domain::ClientIdentity client) const {
  thread_local std::string text;
  const std::string_view source =
      event.source.kind == Member::Kind::kString ? event.source.text : std::string_view();
  text.assign(std::to_string(client)).append(1, ' ').append(std::to_string(source.size())).append(1, ' ');
  text.append(source).append(event.id.text);
  return base::SipHash128(key_, text);
}

uint64_t IdempotencyWindow::FingerprintOf(std::string_view written) const {
  const uint64_t fingerprint = base::SipHash128(key_, written).low;
  return fingerprint == RememberedIds::kAnyBytes ? fingerprint + 1 : fingerprint;
}

}  // namespace ei::app
