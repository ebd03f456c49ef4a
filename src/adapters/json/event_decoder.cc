#include "adapters/json/event_decoder.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "adapters/json/scanner.h"

namespace ei::json {

namespace {

constexpr size_t kNamesComparedPairwise = 16;
constexpr size_t kNoMark = std::numeric_limits<size_t>::max();

// Some programs write it before UTF-8 text.
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool IsBlank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

class SimdEventDecoder final : public EventDecoder {
 public:
  explicit SimdEventDecoder(const DecoderOptions& options) : options_(options) {}

  void UseRoutes(std::shared_ptr<const Routes> routes) override {
    routes_ = std::move(routes);
    key_marks_.resize(routes_->KeyPointers().size());
  }

  DecodedRequest DecodeDocument(std::string_view body) override {
    Begin();
    DecodedRequest request;
    if (!scanner_.Scan(body, options_.depth_max)) return Malformed();
    const char first = scanner_.Peek();
    request.batch = first == '[';
    if (request.batch) {
      scanner_.AllowDepth(options_.depth_max + 1);
      if (!ReadArray()) return Malformed();
    } else if (!ReadElement(0)) {
      return Malformed();
    }
    if (too_many_) return TooMany();
    if (!scanner_.AtEnd()) {
      scanner_.Fail("unexpected content after the end of the JSON document");
      return Malformed();
    }
    request.events = events_;
    return request;
  }

  DecodedRequest DecodeLines(std::string_view body) override {
    Begin();
    uint32_t line_number = 0;
    for (size_t start = 0; start < body.size();) {
      const void* newline = std::memchr(body.data() + start, '\n', body.size() - start);
      const size_t end = newline == nullptr
                             ? body.size()
                             : static_cast<size_t>(static_cast<const char*>(newline) - body.data());
      std::string_view line = body.substr(start, end - start);
      if (line.ends_with('\r')) line.remove_suffix(1);
      ++line_number;
      if (!IsBlank(line)) {
        if (events_.size() == options_.batch_events_max) return TooMany();
        ReadLine(line);
        DecodedEvent& event = events_.back();
        event.line = line_number;
        event.offset += start;
      }
      start = end + 1;
    }
    DecodedRequest request;
    request.batch = true;
    request.events = events_;
    return request;
  }

 private:
  void Begin() {
    events_.clear();
    scanner_.Reset();
    too_many_ = false;
  }

  void ReadLine(std::string_view line) {
    const size_t index = events_.size();
    if (line.size() > options_.event_bytes_max) {
      AddFaulty(index, EventFault::kEventTooLarge, 0);
      return;
    }
    if (scanner_.Scan(line, options_.depth_max) && ReadElement(index)) {
      if (scanner_.AtEnd()) return;
      scanner_.Fail("unexpected content after the end of the JSON document");
    }
    events_.resize(index);
    AddFaulty(index, scanner_.TooDeep() ? EventFault::kTooDeep : EventFault::kMalformedJson,
              scanner_.FaultOffset());
  }

  bool ReadArray() {
    if (!scanner_.Enter('[')) return false;
    if (scanner_.TakeIf(']')) {
      scanner_.Leave();
      return true;
    }
    do {
      if (events_.size() == options_.batch_events_max) {
        too_many_ = true;
        return true;
      }
      if (!ReadElement(events_.size())) return false;
    } while (scanner_.TakeIf(','));
    if (!scanner_.TakeIf(']')) return scanner_.Fail("expected ',' or ']' after an element");
    scanner_.Leave();
    return true;
  }

  // Reads one element of the body. An element that isn't an object is recorded as a faulty event.
  bool ReadElement(size_t index) {
    if (scanner_.Peek() == '{') return ReadEvent(index);
    const uint64_t offset = scanner_.Offset();
    if (!scanner_.SkipValue()) return false;
    AddFaulty(index, EventFault::kNotAnObject, offset);
    return true;
  }

  bool ReadEvent(size_t index) {
    DecodedEvent event;
    event.index = static_cast<uint32_t>(index);
    event.offset = scanner_.Offset();
    names_.clear();
    std::ranges::fill(key_marks_, kNoMark);
    if (!scanner_.Enter('{')) return false;
    if (!scanner_.TakeIf('}')) {
      do {
        if (!ReadMember(event)) return false;
      } while (scanner_.TakeIf(','));
      if (!scanner_.TakeIf('}')) return scanner_.Fail("expected ',' or '}' after a member");
    }
    scanner_.Leave();
    event.json = scanner_.Text().substr(event.offset, scanner_.LastOffset() + 1 - event.offset);
    if (HasDuplicateName()) event.fault = EventFault::kDuplicateMember;
    ChooseRoute(event);
    events_.push_back(event);
    return true;
  }

  bool ReadMember(DecodedEvent& event) {
    StringToken name;
    if (!scanner_.TakeString(name)) return false;
    if (!scanner_.TakeIf(':')) return scanner_.Fail("expected ':' after a member's name");
    names_.push_back(name.text);
    Member* member = name.text == "type"        ? &event.type
                     : name.text == "id"        ? &event.id
                     : name.text == "timestamp" ? &event.timestamp
                     : name.text == "source"    ? &event.source
                                                : nullptr;
    const size_t value_begins = scanner_.Mark();
    if (member == nullptr || scanner_.Peek() != '"') {
      if (member != nullptr) member->kind = Member::Kind::kOther;
      if (!scanner_.SkipValue()) return false;
    } else {
      StringToken value;
      if (!scanner_.TakeString(value)) return false;
      *member = {Member::Kind::kString, value.text, value.raw};
    }
    const auto pointers = routes_->KeyPointers();
    for (size_t i = 0; i < pointers.size(); ++i) {
      if (name.text == pointers[i].front()) key_marks_[i] = value_begins;
    }
    return true;
  }

  void ChooseRoute(DecodedEvent& event) {
    event.route = &routes_->For(event.type.text);
    if (event.route->key_source != KeySource::kPointer) return;
    const size_t pointer = event.route->key_pointer;
    if (key_marks_[pointer] == kNoMark) return;
    const std::span tokens(routes_->KeyPointers()[pointer]);
    event.has_key = scanner_.Resolve(key_marks_[pointer], tokens.subspan(1), event.key);
  }

  // Compares the names in pairs if there are few, which is usual; otherwise sorts them, so that no input
  // takes quadratic time.
  bool HasDuplicateName() {
    if (names_.size() > kNamesComparedPairwise) {
      std::sort(names_.begin(), names_.end());
      return std::adjacent_find(names_.begin(), names_.end()) != names_.end();
    }
    for (size_t i = 1; i < names_.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (names_[i] == names_[j]) return true;
      }
    }
    return false;
  }

  void AddFaulty(size_t index, EventFault fault, uint64_t offset) {
    DecodedEvent event;
    event.index = static_cast<uint32_t>(index);
    event.fault = fault;
    event.offset = offset;
    events_.push_back(event);
  }

  DecodedRequest Malformed() const {
    DecodedRequest request;
    request.fault = scanner_.TooDeep() ? DocumentFault::kTooDeep : DocumentFault::kMalformed;
    request.offset = scanner_.FaultOffset();
    request.read = events_.size() + 1;
    request.what = scanner_.Text().starts_with(kByteOrderMark)
                       ? "the body begins with a byte order mark (BOM), which JSON does not allow"
                       : scanner_.FaultText();
    return request;
  }

  DecodedRequest TooMany() const {
    DecodedRequest request;
    request.fault = DocumentFault::kBatchTooLarge;
    request.read = events_.size() + 1;
    return request;
  }

  const DecoderOptions options_;
  Scanner scanner_;
  std::vector<DecodedEvent> events_;
  std::vector<std::string_view> names_;  // of the event being read
  bool too_many_ = false;
  std::shared_ptr<const Routes> routes_ = std::make_shared<Routes>();
  // Of the event being read: for each key pointer, the mark of the value of its top-level member.
  std::vector<size_t> key_marks_;
};

}  // namespace

std::unique_ptr<EventDecoder> MakeEventDecoder(const DecoderOptions& options) {
  return std::make_unique<SimdEventDecoder>(options);
}

}  // namespace ei::json
