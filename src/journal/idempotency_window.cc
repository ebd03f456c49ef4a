#include "journal/idempotency_window.h"

#include <algorithm>
#include <string>

namespace ei {

namespace {

constexpr uint32_t kAwaited = Repeat::kDelivered - 1;  // the index of its result isn't known yet

}  // namespace

void IdempotencyWindow::Name(const DecodedEvent& event, const EventBatch& batch, Deduplication& dedup) const {
  if (event.id.kind != Member::Kind::kString) return;
  dedup.named.push_back({static_cast<uint32_t>(batch.Size() - 1), HashOf(event, batch.Identity()),
                         FingerprintOf(Written(event.json))});
}

bool IdempotencyWindow::FindRepeats(base::SteadyTime now, const EventBatch& batch, Deduplication& dedup) {
  ids_.Begin(now);
  size_.store(ids_.Size(), std::memory_order_relaxed);
  for (const IdentifiedEvent& named : dedup.named) {
    const auto [known, conflict] =
        ids_.FindOrNote(named.id, named.fingerprint, named.event - dedup.left_out.size());
    if (conflict) ++dedup.id_conflicts;
    if (!known) continue;
    dedup.left_out.push_back(named.event);
    uint32_t result = known->delivered ? Repeat::kDelivered : kAwaited;
    if (known->noted) result = static_cast<uint32_t>(known->position);
    if (result == kAwaited) dedup.awaited.push_back(known->position);
    if (!known->noted) dedup.earlier_end = std::max(dedup.earlier_end, known->position + 1);
    dedup.repeats.push_back({named.event, result});
  }
  if (dedup.left_out.empty()) return false;
  dedup.fresh.AssignWithout(batch, dedup.left_out);
  auto number = static_cast<uint32_t>(dedup.fresh.Size());
  for (Repeat& repeat : dedup.repeats) {
    if (repeat.result == kAwaited) repeat.result = number++;
  }
  return true;
}

void IdempotencyWindow::Confirm(uint64_t first) {
  ids_.Confirm(first);
  size_.store(ids_.Size(), std::memory_order_relaxed);
}

void IdempotencyWindow::Settle(std::span<const uint64_t> positions, bool delivered) {
  for (const uint64_t position : positions) {
    delivered ? ids_.MarkDelivered(position) : ids_.Forget(position);
  }
}

// If an event is restored more than once, the last one counts: it was stored because the earlier ones had
// been forgotten.
void IdempotencyWindow::Restore(const DecodedEvent& event, const Restored& restored) {
  const base::Hash128 id = HashOf(event, restored.client);
  const uint64_t fingerprint = restored.written ? FingerprintOf(*restored.written) : RememberedIds::kAnyBytes;
  ids_.Begin(restored.accepted_at);
  if (const auto known = ids_.FindOrNote(id, fingerprint, 0).known) {
    ids_.Forget(known->position);
    ids_.FindOrNote(id, fingerprint, 0);
  }
  Confirm(restored.position);
  if (restored.settled) ids_.MarkDelivered(restored.position);
}

// The source's size precedes it, so that the end of the source can't be confused with the beginning of the
// id.
base::Hash128 IdempotencyWindow::HashOf(const DecodedEvent& event, ClientIdentity client) const {
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

}  // namespace ei
