#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei::json {

// A string of the document. `text` has its escapes resolved, `raw` is what stands between the quotes; both
// are the same bytes when there is nothing to resolve.
struct StringToken {
  std::string_view text;
  std::string_view raw;
};

// Reads one JSON document (RFC 8259) front to back and checks all of it, without building anything.
//
// simdjson's first stage finds, 64 bytes at a time, where every token begins, and checks UTF-8, unclosed
// strings and control characters in strings; it is chosen for the machine's instruction set at run time. The
// grammar over those tokens is checked here, because simdjson's own second stage refuses numbers that don't
// fit into 64 bits and its on-demand interface doesn't check what it skips.
//
// Every function that returns bool returns false on a fault of the document, which Fault*() then describes;
// the scanner must not be used further until the next Scan. Views are valid until Reset or until the document
// goes. Not thread-safe.
class Scanner {
 public:
  Scanner();
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  // Forgets the strings that earlier documents needed resolved.
  void Reset();

  // Starts on a document. It needs no bytes of padding behind it.
  bool Scan(std::string_view document, size_t depth_max);
  void AllowDepth(size_t depth_max) { depth_max_ = depth_max; }

  std::string_view Text() const { return document_; }
  // The first byte of the token at hand; '\0' at the end.
  char Peek() const { return next_ < count_ ? document_[index_[next_]] : '\0'; }
  uint64_t Offset() const { return index_[next_]; }          // of the token at hand
  uint64_t LastOffset() const { return index_[next_ - 1]; }  // of the token taken last
  bool AtEnd() const { return next_ == count_; }

  // Takes the token at hand when it is this one of , : ] }
  bool TakeIf(char token) {
    if (Peek() != token) return false;
    ++next_;
    return true;
  }

  // Takes an opening bracket; Leave is called after its closing one was taken.
  bool Enter(char bracket);
  void Leave() { --depth_; }

  bool TakeString(StringToken& token);
  bool SkipValue();

  // A place to come back to with Resolve.
  size_t Mark() const { return next_; }

  // Follows the reference tokens of a JSON Pointer from the value at `mark`, which must have been checked
  // already. True when they lead to a string, a number or a boolean: `out` is then its text.
  bool Resolve(size_t mark, std::span<const std::string> tokens, std::string_view& out);

  // Always false.
  bool Fail(std::string_view what);
  std::string_view FaultText() const { return fault_; }
  uint64_t FaultOffset() const { return fault_offset_; }
  bool TooDeep() const { return too_deep_; }

 private:
  struct Impl;

  // The token's bytes up to the next token, white space behind it cut off.
  std::string_view TokenText() const;
  bool CheckString();
  bool CheckScalar();
  // Resolves the escapes of a string; `text` is valid until the next call.
  bool Unescape(std::string_view raw, std::string_view& text);

  std::unique_ptr<Impl> impl_;
  std::string_view document_;
  const uint32_t* index_ = nullptr;  // where each token begins; index_[count_] is the document's size
  size_t count_ = 0;
  size_t next_ = 0;
  size_t depth_ = 0;
  size_t depth_max_ = 0;
  std::vector<char> open_;             // SkipValue: the open brackets
  std::deque<std::string> unescaped_;  // what `text` views point into
  std::vector<uint8_t> padded_;
  std::string_view fault_;
  uint64_t fault_offset_ = 0;
  bool too_deep_ = false;
};

}  // namespace ei::json
