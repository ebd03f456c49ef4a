#pragma once

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ei::service {

// The kinds of value that a setting can have. Each kind has a default, parses a value from text and rejects
// values outside its range, and formats a value as text that parses to the same value. An error message is
// the end of a sentence that begins with the value: "is above the range". Lowest() and Highest() are the ends
// of the range as text; nullopt if the values have no order.

struct Integer {
  using Value = std::uint64_t;
  Value fallback = 0;
  Value min = 0;
  Value max = 0;
  std::string_view unit = {};  // for messages and documentation, as in "events"

  std::string Type() const { return "integer"; }
  std::string Allowed() const;
  base::Result<Value> Parse(std::string_view text) const;
  std::string Format(Value value) const { return std::to_string(value); }
  std::optional<std::string> Lowest() const { return Format(min); }
  std::optional<std::string> Highest() const { return Format(max); }
};

struct Decimal {
  using Value = double;
  Value fallback = 0;
  Value min = 0;
  Value max = 0;
  std::string_view unit = {};

  std::string Type() const { return "number"; }
  std::string Allowed() const;
  base::Result<Value> Parse(std::string_view text) const;
  std::string Format(Value value) const;
  std::optional<std::string> Lowest() const { return Format(min); }
  std::optional<std::string> Highest() const { return Format(max); }
};

struct Bytes {
  using Value = std::uint64_t;
  Value fallback = 0;
  Value min = 0;
  Value max = 0;

  std::string Type() const { return "size"; }
  std::string Allowed() const;
  base::Result<Value> Parse(std::string_view text) const;
  std::string Format(Value value) const;
  std::optional<std::string> Lowest() const { return Format(min); }
  std::optional<std::string> Highest() const { return Format(max); }
};

struct Duration {
  using Value = std::chrono::microseconds;
  Value fallback{};
  Value min{};
  Value max{};

  std::string Type() const { return "duration"; }
  std::string Allowed() const;
  base::Result<Value> Parse(std::string_view text) const;
  std::string Format(Value value) const;
  std::optional<std::string> Lowest() const { return Format(min); }
  std::optional<std::string> Highest() const { return Format(max); }
};

// Text with its own grammar; `read` validates it and returns its canonical form.
struct Text {
  using Value = std::string;
  std::string_view fallback;
  std::string_view allowed;
  base::Result<std::string> (*read)(std::string_view);

  std::string Type() const { return "text"; }
  std::string Allowed() const { return std::string(allowed); }
  base::Result<Value> Parse(std::string_view text) const { return read(text); }
  std::string Format(const Value& value) const { return value; }
  std::optional<std::string> Lowest() const { return std::nullopt; }
  std::optional<std::string> Highest() const { return std::nullopt; }
};

// One of a few words; upper and lower case are the same.
template <typename Enum>
struct Choice {
  using Value = Enum;
  Value fallback;
  std::vector<std::pair<std::string_view, Enum>> words;

  std::string Type() const { return "word"; }
  std::string Allowed() const {
    std::string list;
    for (const auto& [word, value] : words) {
      if (!list.empty()) list += ", ";
      list += word;
    }
    return (words.size() == 1 ? "only " : "one of ") + list;
  }
  base::Result<Value> Parse(std::string_view text) const {
    const auto same = [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
    };
    for (const auto& [word, value] : words) {
      if (std::ranges::equal(word, text, same)) return value;
    }
    return base::Fail(base::ErrorKind::kInvalid, "is not one of the allowed words");
  }
  std::string Format(Value value) const {
    for (const auto& [word, known] : words) {
      if (known == value) return std::string(word);
    }
    return {};
  }
  std::optional<std::string> Lowest() const { return std::nullopt; }
  std::optional<std::string> Highest() const { return std::nullopt; }
};

// A choice whose words are stored as they are.
using Words = Choice<std::string>;

inline Words WordsOf(std::string_view fallback, std::initializer_list<std::string_view> words) {
  Words choice{.fallback = std::string(fallback), .words = {}};
  for (const std::string_view word : words) choice.words.emplace_back(word, word);
  return choice;
}

// A setting that may be unset, which is its default. Empty text, and null in YAML, mean unset.
template <typename Kind>
struct OrUnset {
  using Value = std::optional<typename Kind::Value>;
  Kind kind;
  Value fallback = std::nullopt;

  std::string Type() const { return kind.Type(); }
  std::string Allowed() const { return kind.Allowed() + " or unset"; }
  base::Result<Value> Parse(std::string_view text) const {
    if (text.empty()) return Value{};
    base::Result<typename Kind::Value> value = kind.Parse(text);
    if (!value) return std::unexpected(std::move(value.error()));
    return Value{*value};
  }
  std::string Format(const Value& value) const { return value ? kind.Format(*value) : std::string{}; }
  std::optional<std::string> Lowest() const { return kind.Lowest(); }
  std::optional<std::string> Highest() const { return kind.Highest(); }
};

}  // namespace ei::service
