#include "adapters/json/scanner.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "adapters/json/event_decoder.h"

namespace ei::json {

namespace {

// Before another version is allowed here, run the unit tests of this folder and the fuzzer event_decoder
// with it. It needs changes too: 3.2 added an argument to parse_string.
static_assert(simdjson::SIMDJSON_VERSION_MAJOR == 3 && simdjson::SIMDJSON_VERSION_MINOR == 0,
              "the scanner calls internal functions of simdjson and is tested with version 3.0 only");

constexpr size_t kCapacityMin = 4 << 10;
constexpr size_t kCapacityKept = 1 << 20;  // the token index takes four bytes for each byte of capacity

constexpr std::string_view kBadEscape = "a string contains an invalid escape";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

size_t SkipDigits(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

// number = [ "-" ] int [ frac ] [ exp ], RFC 8259 section 6; of any length.
bool IsNumber(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  if (at == text.size() || !IsDigit(text[at])) return false;
  at = text[at] == '0' ? at + 1 : SkipDigits(text, at);
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = at + 1;
    at = SkipDigits(text, fraction);
    if (at == fraction) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const size_t exponent = at;
    at = SkipDigits(text, exponent);
    if (at == exponent) return false;
  }
  return at == text.size();
}

std::string_view Describe(simdjson::error_code error) {
  switch (error) {
    case simdjson::EMPTY: return "the text contains no JSON";
    case simdjson::UTF8_ERROR: return "the text is not valid UTF-8";
    case simdjson::UNCLOSED_STRING: return "a string is not closed";
    case simdjson::UNESCAPED_CHARS: return "a string contains an unescaped control character";
    default: return "the text is not valid JSON";
  }
}

// Whether the last UTF-8 character is truncated. simdjson's portable scanner would read beyond the end to
// complete it.
bool EndsWithinCharacter(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<uint8_t>(text[text.size() - back]);
    if (byte < 0x80) return false;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4U : byte >= 0xe0 ? 3U : 2U) > back;
  }
  return false;
}

}  // namespace

struct Scanner::Impl {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;
  size_t capacity = 0;

  bool Reserve(size_t bytes) {
    if (bytes <= capacity) return true;
    const size_t wanted = std::max({kCapacityMin, bytes, std::min(2 * capacity, kCapacityKept)});
    stage.reset();
    capacity = 0;
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(wanted, 1, stage) !=
        simdjson::SUCCESS) {
      return false;
    }
    capacity = wanted;
    return true;
  }
};

std::string ScannerName() { return simdjson::get_active_implementation()->name(); }

Scanner::Scanner() : impl_(std::make_unique<Impl>()) {}
Scanner::~Scanner() = default;

void Scanner::Reset() {
  unescaped_.clear();
  if (impl_->capacity > kCapacityKept) *impl_ = Impl();
  if (padded_.capacity() > kCapacityKept) padded_ = {};
}

bool Scanner::Scan(std::string_view document, size_t depth_max) {
  document_ = document;
  depth_max_ = depth_max;
  depth_ = 0;
  next_ = 0;
  count_ = 0;
  too_deep_ = false;
  if (!impl_->Reserve(document.size())) {
    fault_ = "the document is too large to parse";
    fault_offset_ = 0;
    return false;
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(document.data());
  const simdjson::error_code error =
      document.empty() ? simdjson::EMPTY
      : EndsWithinCharacter(document)
          ? simdjson::UTF8_ERROR
          : impl_->stage->stage1(bytes, document.size(), simdjson::stage1_mode::regular);
  if (error != simdjson::SUCCESS) {
    fault_ = Describe(error);
    fault_offset_ = 0;
    return false;
  }
  index_ = impl_->stage->structural_indexes.get();
  count_ = impl_->stage->n_structural_indexes;
  return true;
}

bool Scanner::Fail(std::string_view what) {
  fault_ = what;
  fault_offset_ = next_ < count_ ? index_[next_] : document_.size();
  return false;
}

bool Scanner::Enter(char bracket) {
  if (Peek() != bracket) return Fail("expected a bracket");
  if (++depth_ > depth_max_) {
    too_deep_ = true;
    return Fail("the JSON is nested too deeply");
  }
  ++next_;
  return true;
}

std::string_view Scanner::TokenText() const {
  const char* const begin = document_.data() + index_[next_];
  const char* end = document_.data() + (next_ + 1 < count_ ? index_[next_ + 1] : document_.size());
  while (end > begin + 1 && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t')) --end;
  return {begin, static_cast<size_t>(end - begin)};
}

bool Scanner::TakeString(StringToken& token) {
  const std::string_view quoted = TokenText();
  if (Peek() != '"' || quoted.size() < 2 || quoted.back() != '"') return Fail("expected a string");
  token.raw = quoted.substr(1, quoted.size() - 2);
  token.text = token.raw;
  if (std::memchr(token.raw.data(), '\\', token.raw.size()) != nullptr) {
    if (!Unescape(token.raw, token.text)) return Fail(kBadEscape);
    token.text = unescaped_.emplace_back(token.text);
  }
  ++next_;
  return true;
}

bool Scanner::CheckString() {
  const std::string_view quoted = TokenText();
  if (quoted.size() < 2 || quoted.back() != '"') return Fail("expected a string");
  std::string_view unused;
  if (std::memchr(quoted.data(), '\\', quoted.size()) != nullptr &&
      !Unescape(quoted.substr(1, quoted.size() - 2), unused)) {
    return Fail(kBadEscape);
  }
  ++next_;
  return true;
}

bool Scanner::CheckScalar() {
  if (next_ >= count_) return Fail("the JSON document ends too early");
  const std::string_view text = TokenText();
  if (!IsNumber(text) && text != "true" && text != "false" && text != "null") return Fail("expected a value");
  ++next_;
  return true;
}

bool Scanner::SkipValue() {
  open_.clear();
  for (;;) {
    const char first = Peek();
    bool container_opened = false;
    if (first == '{' || first == '[') {
      if (!Enter(first)) return false;
      container_opened = !TakeIf(first == '{' ? '}' : ']');
      if (container_opened) {
        open_.push_back(first);
      } else {
        Leave();
      }
    } else if (!(first == '"' ? CheckString() : CheckScalar())) {
      return false;
    }
    while (!container_opened) {
      if (open_.empty()) return true;
      if (TakeIf(',')) break;
      if (!TakeIf(open_.back() == '{' ? '}' : ']')) return Fail("expected ',' or a closing bracket");
      open_.pop_back();
      Leave();
    }
    if (open_.back() == '{') {
      if (Peek() != '"') return Fail("expected a member's name");
      if (!CheckString()) return false;
      if (!TakeIf(':')) return Fail("expected ':' after a member's name");
    }
  }
}

bool Scanner::Resolve(size_t mark, std::span<const std::string> tokens, std::string_view& out) {
  const size_t resume = next_;
  next_ = mark;
  bool found = true;
  for (const std::string& wanted : tokens) {
    const char bracket = Peek();
    found = false;
    if (bracket != '{' && bracket != '[') break;
    ++next_;
    const char close = bracket == '{' ? '}' : ']';
    for (size_t i = 0; !found && Peek() != close; ++i) {
      StringToken name;
      if (bracket == '{') {
        TakeString(name);
        TakeIf(':');
      }
      found = bracket == '{' ? name.text == wanted : std::to_string(i) == wanted;
      if (!found) {
        SkipValue();
        TakeIf(',');
      }
    }
    if (!found) break;
  }
  const char first = found ? Peek() : '\0';
  if (first == '"') {
    StringToken value;
    TakeString(value);
    out = value.text;
  } else if (found) {
    out = TokenText();
    found = first != '{' && first != '[' && first != 'n';
  }
  next_ = resume;
  return found;
}

// simdjson's routine reads and writes in blocks, so both its input and its output get padding.
bool Scanner::Unescape(std::string_view raw, std::string_view& text) {
  padded_.resize(2 * (raw.size() + 1 + simdjson::SIMDJSON_PADDING));
  std::memcpy(padded_.data(), raw.data(), raw.size());
  padded_[raw.size()] = '"';
  uint8_t* const to = padded_.data() + raw.size() + 1 + simdjson::SIMDJSON_PADDING;
  const uint8_t* const end = impl_->stage->parse_string(padded_.data(), to);
  if (end == nullptr) return false;
  text = {reinterpret_cast<const char*>(to), static_cast<size_t>(end - to)};
  return true;
}

}  // namespace ei::json
