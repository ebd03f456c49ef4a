#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei::json {

// A string of the document. `raw` is the text between the quotes, `text` is the same with all escapes
// resolved. Both refer to the same bytes if there are no escapes.
struct StringToken {
  std::string_view text;
  std::string_view raw;
};

// Reads one JSON document (RFC 8259) from front to back and validates all of it, without building a tree.
//
// simdjson's first stage finds the start of every token, 64 bytes at a time, and checks UTF-8, unclosed
// strings and control characters in strings. Its implementation is chosen at run time for the machine's
// instruction set. This class checks the grammar over the tokens, because simdjson's own second stage rejects
// numbers that don't fit into 64 bits, and its on-demand interface doesn't check the values that it skips.
//
// Scan, Enter, TakeString and SkipValue return false on a fault of the document, which FaultText() and
// FaultOffset() then describe; after that the scanner must not be used until the next Scan. Views are valid
// until Reset or until the document is freed. Not thread-safe.
class Scanner {
 public:
  Scanner();
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;

  // Frees the strings that were unescaped for earlier documents, and large buffers.
  void Reset();

  // Starts a document, which needs no padding behind it. At most `depth_max` containers may be nested.
  bool Scan(std::string_view document, size_t depth_max);
  void AllowDepth(size_t depth_max) { depth_max_ = depth_max; }

  std::string_view Text() const { return document_; }
  // The first byte of the current token; '\0' at the end.
  char Peek() const { return next_ < count_ ? document_[index_[next_]] : '\0'; }
  uint64_t Offset() const { return index_[next_]; }          // of the current token
  uint64_t LastOffset() const { return index_[next_ - 1]; }  // of the last consumed token
  bool AtEnd() const { return next_ == count_; }

  // If the current token is `token` (one of , : ] }), consumes it and returns true.
  bool TakeIf(char token) {
    if (Peek() != token) return false;
    ++next_;
    return true;
  }

  // Consumes an opening bracket. Call Leave after the closing bracket has been consumed.
  bool Enter(char bracket);
  void Leave() { --depth_; }

  bool TakeString(StringToken& token);
  bool SkipValue();

  // The current position, for Resolve.
  size_t Mark() const { return next_; }

  // Follows the reference tokens of a JSON Pointer from the value at `mark`, which must have been validated
  // already. Returns true if they lead to a string, a number or a boolean, and sets `out` to its text.
  bool Resolve(size_t mark, std::span<const std::string> tokens, std::string_view& out);

  // Records a fault at the current token. Always returns false.
  bool Fail(std::string_view what);
  std::string_view FaultText() const { return fault_; }
  uint64_t FaultOffset() const { return fault_offset_; }
  bool TooDeep() const { return too_deep_; }

 private:
  struct Impl;

  // The bytes of the current token, without trailing white space.
  std::string_view TokenText() const;
  bool CheckString();
  bool CheckScalar();
  // Resolves the escapes of a string. `text` is valid until the next call. Returns false if an escape is
  // invalid.
  bool Unescape(std::string_view raw, std::string_view& text);

  std::unique_ptr<Impl> impl_;
  std::string_view document_;
  const uint32_t* index_ = nullptr;  // offset of each token; index_[count_] is the document's size
  size_t count_ = 0;
  size_t next_ = 0;
  size_t depth_ = 0;
  size_t depth_max_ = 0;
  std::vector<char> open_;             // SkipValue: the open brackets
  std::deque<std::string> unescaped_;  // the `text` views point into these
  std::vector<uint8_t> padded_;
  std::string_view fault_;
  uint64_t fault_offset_ = 0;
  bool too_deep_ = false;
};

}  // namespace ei::json
