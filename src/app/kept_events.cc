#include "app/kept_events.h"

#include <algorithm>
#include <cassert>
#include <string_view>

namespace ei::app {

namespace {

bool IsWithin(std::string_view part, std::string_view whole) {
  return !part.empty() && part.data() >= whole.data() &&
         part.data() + part.size() <= whole.data() + whole.size();
}

// The key often stands in the value.
bool HasKeyOfItsOwn(const JournalEvent& event) { return event.has_key && !IsWithin(event.key, event.value); }

}  // namespace

size_t KeptEvents::BytesOf(const JournalEvent& event) {
  const size_t key = HasKeyOfItsOwn(event) ? event.key.size() : 0;
  return event.value.size() + key + event.topic.size() + event.traceparent.size() + kPlaceBytes;
}

void KeptEvents::Keep(std::span<JournalEvent> events) {
  if (events.empty()) return;
  groups_.emplace_front();
  const auto group = groups_.begin();
  for (const JournalEvent& event : events) {
    const size_t bytes = BytesOf(event);
    group->bytes += bytes;
    if (shares_ == nullptr) continue;
    group->holdings.Add(event.client, 0, bytes);
    shares_->Take(event.client, Shared::kJournalBytes, bytes);
  }
  group->data = std::make_unique_for_overwrite<char[]>(group->bytes - events.size() * kPlaceBytes);
  group->events = events.size();
  group->oldest =
      oldest_.insert(std::ranges::min_element(events, {}, &JournalEvent::accepted_at)->accepted_at);
  bytes_ += group->bytes;
  char* end = group->data.get();
  const auto copy = [&end](std::string_view& part) {
    std::ranges::copy(part, end);
    part = {end, part.size()};
    end += part.size();
  };
  for (JournalEvent& event : events) {
    const std::string_view value = event.value;
    const bool own_key = HasKeyOfItsOwn(event);
    copy(event.value);
    if (own_key) copy(event.key);
    if (event.has_key && !own_key) {
      event.key = event.value.substr(static_cast<size_t>(event.key.data() - value.data()), event.key.size());
    }
    copy(event.topic);
    copy(event.traceparent);
    const bool added = places_.emplace(event.position, Place{group, event.client}).second;
    assert(added);
    static_cast<void>(added);
  }
}

std::optional<KeptEvents::Dropped> KeptEvents::Drop(uint64_t position) {
  const auto found = places_.find(position);
  if (found == places_.end()) return std::nullopt;
  const auto [group, client] = found->second;
  places_.erase(found);
  Dropped dropped{client, 0};
  if (--group->events == 0) {
    dropped.freed_bytes = group->bytes;
    bytes_ -= group->bytes;
    if (shares_ != nullptr) group->holdings.GiveTo(*shares_);
    oldest_.erase(group->oldest);
    groups_.erase(group);
  }
  return dropped;
}

std::optional<base::SteadyTime> KeptEvents::Oldest() const {
  if (oldest_.empty()) return std::nullopt;
  return *oldest_.begin();
}

}  // namespace ei::app
