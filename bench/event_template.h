#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei::bench {

// An event's id: the run's prefix, a dash and a counter of fixed width, so that a prepared buffer becomes the
// next request by overwriting the ids alone.
inline constexpr std::size_t kRunPrefixBytes = 8;
inline constexpr std::size_t kCounterDigits = 12;
inline constexpr std::size_t kIdBytes = kRunPrefixBytes + 1 + kCounterDigits;

// Of a user's number in /payload/user_id.
inline constexpr std::size_t kUserDigits = 5;

// Writes the counter's kCounterDigits decimal digits, with leading zeros, to `out`.
void WriteCounter(std::uint64_t counter, char* out);

// Eight hexadecimal digits that differ from run to run.
std::string NewRunPrefix();

// Text of one or more events in which only the counters and the user change. Movable, no sharing between
// threads.
class EventTemplate {
 public:
  // One JSON object of `event_bytes` (or the smallest possible, if that is more) with the members id, type,
  // timestamp and a payload of mixed types. `run_prefix` has kRunPrefixBytes.
  static EventTemplate Event(std::string_view run_prefix, std::size_t event_bytes);

  // An HTTP/1.1 request for `path` with that many events: one as application/json, more as
  // application/x-ndjson, each followed by a line break. `spoilt`, of a batch: one more line is no valid
  // event, and the request wants all or nothing.
  static EventTemplate Request(std::string_view run_prefix, std::size_t event_bytes, std::uint32_t events,
                               std::string_view host, std::string_view path, bool spoilt = false);

  std::string_view Text() const { return text_; }
  std::uint32_t Events() const { return static_cast<std::uint32_t>(id_offsets_.size()); }
  std::string_view Id(std::uint32_t event) const {
    return std::string_view(text_).substr(id_offsets_[event], kIdBytes);
  }

  // Gives the events of `copy`, a copy of Text(), the ids first_counter, first_counter + 1, ...
  void Number(std::span<char> copy, std::uint64_t first_counter) const;

  // Makes `user`, below 100,000, the user of all events of `copy`.
  void SetUser(std::span<char> copy, std::uint32_t user) const;

  // Whether the events of `copy` have their ids as `id`, as in Text(), or under another name: then the server
  // sees none.
  void SetNamed(std::span<char> copy, bool named) const;

 private:
  std::string text_;
  std::vector<std::size_t> id_offsets_;
  std::size_t user_from_id_ = 0;  // from an id to the digits of its event's user
};

}  // namespace ei::bench
