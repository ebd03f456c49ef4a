#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei::bench {

// An event's id: the run's prefix, a dash and a counter of fixed width, so that overwriting the ids alone
// turns a prepared buffer into the next request.
inline constexpr std::size_t kRunPrefixBytes = 8;
inline constexpr std::size_t kCounterDigits = 12;
inline constexpr std::size_t kIdBytes = kRunPrefixBytes + 1 + kCounterDigits;

// Width of a user's number in /payload/user_id.
inline constexpr std::size_t kUserDigits = 5;

// Writes the counter's kCounterDigits decimal digits, with leading zeros, to `out`.
void WriteCounter(std::uint64_t counter, char* out);

// Eight random hexadecimal digits, different for each run.
std::string NewRunPrefix();

// The text of one or more events in which only the counters and the user change. Movable; not for use by
// several threads.
class EventTemplate {
 public:
  // One JSON object of `event_bytes` (or the smallest possible size, if that is larger) with the members id,
  // type, timestamp and a payload of mixed types. `run_prefix` has kRunPrefixBytes.
  static EventTemplate Event(std::string_view run_prefix, std::size_t event_bytes);

  // An HTTP/1.1 request for `path` with `events` events: one as application/json, several as
  // application/x-ndjson, each followed by a line break. `spoilt` (for batches): adds a line that is not a
  // valid event and requests all-or-nothing handling. `header`: one more header, without a line break; empty:
  // none.
  static EventTemplate Request(std::string_view run_prefix, std::size_t event_bytes, std::uint32_t events,
                               std::string_view host, std::string_view path, bool spoilt = false,
                               std::string_view header = {});

  std::string_view Text() const { return text_; }
  std::uint32_t Events() const { return static_cast<std::uint32_t>(id_offsets_.size()); }
  std::string_view Id(std::uint32_t event) const {
    return std::string_view(text_).substr(id_offsets_[event], kIdBytes);
  }

  // Sets the ids of the events in `copy`, a copy of Text(), to first_counter, first_counter + 1, ...
  void Number(std::span<char> copy, std::uint64_t first_counter) const;

  // Sets the user of all events in `copy`; `user` is below 100,000.
  void SetUser(std::span<char> copy, std::uint32_t user) const;

  // Whether the events of `copy` have their ids in member `id`, as in Text(), or in a member with another
  // name, so that the server sees no id.
  void SetNamed(std::span<char> copy, bool named) const;

 private:
  std::string text_;
  std::vector<std::size_t> id_offsets_;
  std::size_t user_from_id_ = 0;  // distance from an id to the digits of its event's user
};

}  // namespace ei::bench
