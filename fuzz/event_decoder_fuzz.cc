// Decodes arbitrary bodies: no byte outside the body is touched, and the record of every accepted event
// decodes again to the same event.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "adapters/json/event_decoder.h"
#include "event/event_batch.h"
#include "event/validation.h"

namespace {

using ei::DecodedEvent;
using ei::Member;

constexpr std::string_view kGeneratedId = "018f0000-0000-7000-8000-000000000000";
constexpr std::string_view kReceivedAt = "2026-01-31T12:00:00.000Z";

void Require(bool holds) {
  if (!holds) std::abort();
}

std::unique_ptr<ei::EventDecoder> MakeDecoder() {
  ei::json::DecoderOptions options;
  options.depth_max = 8;
  options.batch_events_max = 50;
  options.event_bytes_max = 100'000;
  using ei::KeySource;
  const std::vector<ei::Routes::Rule> rules = {
      {.type = "order.*", .topic = "orders", .key = {KeySource::kPointer, {"payload", "order", "0"}}},
      {.type = "login", .topic = "logins", .key = {KeySource::kNone, {}}},
  };
  const ei::Routes::Rule others{.type = {}, .topic = {}, .key = {KeySource::kPointer, {"payload", "user"}}};
  auto decoder = ei::json::MakeEventDecoder(options);
  decoder->UseRoutes(std::make_shared<ei::Routes>(others, rules));
  return decoder;
}

bool Within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void RequireSame(const Member& member, const Member& again, std::string_view added) {
  if (member.kind == Member::Kind::kString) Require(again.text == member.text && again.raw == member.raw);
  if (member.kind == Member::Kind::kAbsent && !added.empty()) Require(again.text == added);
}

void CheckAccepted(const DecodedEvent& event, ei::EventDecoder& decoder) {
  Require(event.json.size() >= 2 && event.json.front() == '{' && event.json.back() == '}');
  ei::EventBatch batch;
  batch.Add(event, kGeneratedId, kReceivedAt, {});
  const auto& slices = batch.Events().front();
  const auto record = std::string_view(batch.Bytes()).substr(slices.offset, slices.value_size);
  Require(record.ends_with(event.json.substr(1)));

  const auto request = decoder.DecodeDocument(record);
  Require(request.fault == ei::DocumentFault::kNone && !request.batch && request.events.size() == 1);
  const DecodedEvent& again = request.events.front();
  Require(ei::Validate(again, {}) == ei::EventFault::kNone);
  RequireSame(event.id, again.id, kGeneratedId);
  RequireSame(event.timestamp, again.timestamp, kReceivedAt);
  RequireSame(event.type, again.type, {});
  Require(again.id.raw == batch.RawId(0));
  Require(again.has_key == event.has_key && (!event.has_key || again.key == event.key));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto decoder = MakeDecoder();
  static const auto second = MakeDecoder();
  if (size < 1) return 0;
  // A block of exactly the body's size, so that ASan reports a read past its end.
  const size_t body_size = size - 1;
  const auto block = std::make_unique<char[]>(body_size);
  if (body_size > 0) std::memcpy(block.get(), data + 1, body_size);
  const std::string_view body(block.get(), body_size);

  const auto request = data[0] % 2 == 0 ? decoder->DecodeDocument(body) : decoder->DecodeLines(body);
  Require(request.events.size() <= 50);
  Require(request.fault != ei::DocumentFault::kMalformed || !request.what.empty());
  Require(request.offset <= body.size());
  for (const DecodedEvent& event : request.events) {
    Require(Within(event.json, body) && Within(event.id.raw, body) && event.offset <= body.size());
    if (request.fault != ei::DocumentFault::kNone) continue;
    if (ei::Validate(event, {}) == ei::EventFault::kNone) CheckAccepted(event, *second);
  }
  return 0;
}
