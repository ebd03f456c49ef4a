#include "bench/event_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <random>

namespace ei::bench {

void WriteCounter(std::uint64_t counter, char* out) {
  for (std::size_t digit = kCounterDigits; digit > 0; --digit) {
    out[digit - 1] = static_cast<char>('0' + counter % 10);
    counter /= 10;
  }
}

std::string NewRunPrefix() {
  return fmt::format("{:08x}", static_cast<std::uint32_t>(std::random_device()()));
}

EventTemplate EventTemplate::Event(std::string_view run_prefix, std::size_t event_bytes) {
  assert(run_prefix.size() == kRunPrefixBytes);
  constexpr std::string_view kBeforeId = R"({"id":")";
  constexpr std::string_view kBeforeUser = R"("user_id":"u-)";
  const std::string head =
      fmt::format(R"({}{}-{:0{}}","type":"page.viewed","timestamp":"2025-01-01T00:00:00.000Z",)"
                  R"("payload":{{{}48210","count":42,"ratio":0.8125,"new":true,"referrer":null,)"
                  R"("tags":["web","eu-west-1"],"position":{{"x":-17,"y":1280}},"note":")",
                  kBeforeId, run_prefix, 0, kCounterDigits, kBeforeUser);
  constexpr std::string_view kTail = R"("}})";

  EventTemplate made;
  made.text_ = head;
  for (std::size_t filled = head.size() + kTail.size(); filled < event_bytes; ++filled) {
    made.text_.push_back(static_cast<char>('a' + filled % 26));
  }
  made.text_ += kTail;
  made.id_offsets_.push_back(kBeforeId.size());
  made.user_from_id_ = made.text_.find(kBeforeUser) + kBeforeUser.size() - kBeforeId.size();
  return made;
}

EventTemplate EventTemplate::Request(std::string_view run_prefix, std::size_t event_bytes,
                                     std::uint32_t events, std::string_view host, std::string_view path,
                                     bool spoilt, std::string_view header) {
  assert(events > 0 && (events > 1 || !spoilt));
  const std::string_view spoiler = spoilt ? "{}\n" : "";
  const EventTemplate event = Event(run_prefix, event_bytes);
  const std::size_t stride = event.text_.size() + (events > 1 ? 1 : 0);

  EventTemplate made;
  made.user_from_id_ = event.user_from_id_;
  made.text_ = fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\n{}{}Content-Type: {}\r\n{}Content-Length: {}\r\n\r\n", path, host,
      header, header.empty() ? "" : "\r\n", events > 1 ? "application/x-ndjson" : "application/json",
      spoilt ? "Prefer: handling=strict\r\n" : "", stride * events + spoiler.size());
  made.text_.reserve(made.text_.size() + stride * events + spoiler.size());
  for (std::uint32_t i = 0; i < events; ++i) {
    made.id_offsets_.push_back(made.text_.size() + event.id_offsets_.front());
    made.text_ += event.text_;
    if (events > 1) made.text_ += '\n';
  }
  made.text_ += spoiler;
  return made;
}

void EventTemplate::Number(std::span<char> copy, std::uint64_t first_counter) const {
  assert(copy.size() == text_.size());
  constexpr std::size_t kCounterOffset = kRunPrefixBytes + 1;
  // Consecutive ids usually differ in the last three digits only. The rest is copied, which is much cheaper
  // than twelve divisions for each of a thousand events.
  std::array<char, kCounterDigits> digits{};
  constexpr std::size_t kLow = kCounterDigits - 3;
  std::uint64_t low = first_counter % 1000;
  WriteCounter(first_counter, digits.data());
  for (const std::size_t offset : id_offsets_) {
    char* const counter = copy.data() + offset + kCounterOffset;
    if (low == 1000) {
      low = 0;
      WriteCounter(first_counter, digits.data());
    }
    digits[kLow] = static_cast<char>('0' + low / 100);
    digits[kLow + 1] = static_cast<char>('0' + low / 10 % 10);
    digits[kLow + 2] = static_cast<char>('0' + low % 10);
    std::copy(digits.begin(), digits.end(), counter);
    ++low;
    ++first_counter;
  }
}

void EventTemplate::SetUser(std::span<char> copy, std::uint32_t user) const {
  assert(copy.size() == text_.size());
  for (const std::size_t offset : id_offsets_) {
    std::uint32_t rest = user;
    for (std::size_t digit = kUserDigits; digit > 0; --digit, rest /= 10) {
      copy[offset + user_from_id_ + digit - 1] = static_cast<char>('0' + rest % 10);
    }
  }
}

void EventTemplate::SetNamed(std::span<char> copy, bool named) const {
  assert(copy.size() == text_.size());
  constexpr std::string_view kBetween = R"(":")";
  const std::string_view member = named ? "id" : "nr";
  for (const std::size_t offset : id_offsets_) {
    std::ranges::copy(member,
                      copy.begin() + static_cast<std::ptrdiff_t>(offset - kBetween.size() - member.size()));
  }
}

}  // namespace ei::bench
