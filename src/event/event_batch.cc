#include "event/event_batch.h"

#include "base/murmur2.h"

namespace ei {

void EventBatch::Add(const DecodedEvent& event, std::string_view generated_id, std::string_view received_at,
                     const RequestMetadata& metadata) {
  const size_t start = bytes_.size();
  const auto here = [&] { return static_cast<uint32_t>(bytes_.size() - start); };
  client_bytes_ += event.json.size();
  EventSlices slices{};
  slices.offset = static_cast<uint32_t>(start);

  const bool has_id = event.id.kind == Member::Kind::kString;
  const bool has_timestamp = event.timestamp.kind == Member::Kind::kString;
  std::string_view rest = event.json;
  if (!has_id || !has_timestamp) {
    rest.remove_prefix(1);
    bytes_.push_back('{');
    if (!has_id) {
      bytes_.append("\"id\":\"");
      slices.id_offset = here();
      slices.id_size = static_cast<uint32_t>(generated_id.size());
      bytes_.append(generated_id).append("\",");
    }
    if (!has_timestamp) bytes_.append("\"timestamp\":\"").append(received_at).append("\",");
    slices.added_size = here() - 1;
  }
  if (has_id) {
    slices.id_offset = here() + static_cast<uint32_t>(event.id.raw.data() - rest.data());
    slices.id_size = static_cast<uint32_t>(event.id.raw.size());
  }
  bytes_.append(rest);
  slices.value_size = here();

  slices.key_offset = EventSlices::kNoKey;
  const bool id_as_written = !has_id || event.id.text.data() == event.id.raw.data();
  if (event.route->key_source == KeySource::kId && id_as_written) {
    slices.key_offset = slices.id_offset;
    slices.key_size = slices.id_size;
  } else if (const auto key = KeyOf(event, metadata)) {
    slices.key_offset = here();
    slices.key_size = static_cast<uint32_t>(key->size());
    bytes_.append(*key);
  }
  slices.topic_size = static_cast<uint32_t>(event.route->topic.size());
  slices.context_size = static_cast<uint32_t>(ContextBytes(metadata.context));
  bytes_.append(event.route->topic);
  AppendContext(bytes_, metadata.context);
  slices.size = here();

  if (slices.key_offset != EventSlices::kNoKey) {
    slices.key_hash = base::Murmur2({bytes_.data() + start + slices.key_offset, slices.key_size});
  }
  events_.push_back(slices);
}

std::optional<std::string_view> EventBatch::KeyOf(const DecodedEvent& event,
                                                  const RequestMetadata& metadata) {
  switch (event.route->key_source) {
    case KeySource::kId: return event.id.text;
    case KeySource::kNone: break;
    case KeySource::kPointer:
      if (event.has_key) return event.key;
      break;
    case KeySource::kHeader:
      if (!metadata.key.empty()) return metadata.key;
      break;
  }
  return std::nullopt;
}

void EventBatch::UndoAdd(const DecodedEvent& event) {
  bytes_.resize(events_.back().offset);
  events_.pop_back();
  client_bytes_ -= event.json.size();
}

void EventBatch::AssignWithout(const EventBatch& all, std::span<const uint32_t> left_out) {
  Clear(all.client_, all.identity_);
  client_bytes_ = all.client_bytes_;  // callers use it as the size of the whole request
  auto next_out = left_out.begin();
  for (uint32_t i = 0; i < all.events_.size(); ++i) {
    if (next_out != left_out.end() && *next_out == i) {
      ++next_out;
      continue;
    }
    EventSlices slices = all.events_[i];
    const std::string_view bytes(all.bytes_.data() + slices.offset, slices.size);
    slices.offset = static_cast<uint32_t>(bytes_.size());
    bytes_.append(bytes);
    events_.push_back(slices);
  }
}

}  // namespace ei
