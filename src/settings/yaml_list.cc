#include "settings/yaml_list.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <optional>
#include <streambuf>
#include <utility>

#include "settings/settings_fault.h"

namespace ei::service {
namespace {

constexpr std::size_t kNestingMax = 16;
constexpr std::size_t kItemValuesMax = 10'000;
constexpr std::size_t kValuesMax = 4'000'000;
constexpr std::size_t kAheadMax = 1024 * 1024;

// Thrown through the parser to stop reading.
struct StopReading {};

int LineOf(const YAML::Mark& mark) { return mark.is_null() ? 0 : mark.line + 1; }

YamlNode NodeOf(YamlNode::Kind kind, int line) {
  YamlNode node;
  node.kind = kind;
  node.line = line;
  return node;
}

// The text as a stream. It ends early if the parser has read kAheadMax bytes since its last event: it keeps
// what it reads ahead, such as brackets that are not closed, as tokens of about 100 bytes for each byte.
class TextStream : public std::streambuf {
 public:
  explicit TextStream(std::string_view text) : rest_(text) {}

  void NoteEvent() { ahead_ = 0; }
  bool EndedEarly() const { return ended_early_; }

 protected:
  int_type underflow() override {
    constexpr std::size_t kChunkBytes = 4096;
    const std::string_view chunk = rest_.substr(0, kChunkBytes);
    ahead_ += chunk.size();
    ended_early_ = ended_early_ || ahead_ > kAheadMax;
    if (chunk.empty() || ended_early_) return traits_type::eof();
    rest_.remove_prefix(chunk.size());
    chunk_ = chunk;
    setg(chunk_.data(), chunk_.data(), chunk_.data() + chunk_.size());
    return traits_type::to_int_type(chunk_.front());
  }

 private:
  std::string_view rest_;
  std::string chunk_;
  std::size_t ahead_ = 0;
  bool ended_early_ = false;
};

// Builds trees from the parser's events.
class Reader : public YAML::EventHandler {
 public:
  Reader(std::string_view name, const YamlListHandler& handler, TextStream& stream)
      : name_(name), handler_(handler), stream_(stream) {}

  bool HasList() const { return has_list_; }
  bool Stopped() const { return stopped_; }
  void NoteStop() { stopped_ = true; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Stop(LineOf(mark), "a second YAML document; write all into one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RejectAnchor(mark, anchor);
    if (open_.empty()) return;  // an empty file
    Add(NodeOf(YamlNode::Kind::kNull, LineOf(mark)));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RejectAnchor(mark, anchor);
    RejectTag(mark, tag);
    YamlNode node = NodeOf(YamlNode::Kind::kText, LineOf(mark));
    node.text = value;
    Add(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Stop(LineOf(mark), "aliases (*name) are not supported; write the value out");
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  // A collection that is being read. In a map `key` is the member whose value comes next.
  struct Level {
    YamlNode node;
    std::string key = {};
    int key_line = 0;
    bool has_key = false;
  };
  static constexpr std::size_t kItemDepth = 2;  // the number of open collections around an item

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    RejectAnchor(mark, anchor);
    RejectTag(mark, tag);
    const int line = LineOf(mark);
    if (open_.empty() && kind != YamlNode::Kind::kMap) StopAtRoot(line);
    if (open_.size() == kNestingMax) Stop(line, "is nested too deeply");
    if (!open_.empty() && ExpectsKey(open_.back())) Stop(line, "the name of a member has to be text");
    if (open_.size() == 1 && kind != YamlNode::Kind::kList) StopAtRoot(line);
    Count(line);
    open_.push_back({.node = NodeOf(kind, line)});
  }

  void Close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    if (open_.size() >= kItemDepth) {
      Put(std::move(node));
    } else if (!open_.empty()) {
      open_.back().has_key = false;  // the list itself, whose items were handed over
    }
  }

  // Adds a value that is not a collection.
  void Add(YamlNode node) {
    if (open_.empty()) StopAtRoot(node.line);
    Count(node.line);
    Level& level = open_.back();
    if (ExpectsKey(level)) {
      if (!node.IsText()) Stop(node.line, "the name of a member has to be text");
      if (open_.size() == 1) CheckRootKey(node);
      level.key = std::move(node.text);
      level.key_line = node.line;
      level.has_key = true;
      return;
    }
    if (open_.size() == 1) StopAtRoot(node.line);
    Put(std::move(node));
  }

  // Puts a complete value into the innermost collection, or hands it over.
  void Put(YamlNode node) {
    if (open_.size() == kItemDepth) {
      item_values_ = 0;
      // What was read of a text that ended early may be wrong.
      if (stream_.EndedEarly() || !handler_.on_item(std::move(node))) throw StopReading{};
      return;
    }
    Level& level = open_.back();
    if (level.node.IsList()) {
      level.node.items.push_back(std::move(node));
    } else {
      level.node.members.push_back({std::move(level.key), level.key_line, std::move(node)});
      level.has_key = false;
    }
  }

  static bool ExpectsKey(const Level& level) { return level.node.IsMap() && !level.has_key; }

  void CheckRootKey(const YamlNode& key) {
    if (key.text != name_) {
      Stop(key.line, fmt::format("{} is not known here; allowed: {}", Quoted(key.text), name_));
    }
    if (has_list_) Stop(key.line, fmt::format("{} is given twice", name_));
    has_list_ = true;
  }

  void Count(int line) {
    stream_.NoteEvent();
    if (++values_ > kValuesMax) Stop(line, fmt::format("has more than {} values", kValuesMax));
    if (open_.size() < kItemDepth) return;
    if (++item_values_ > kItemValuesMax) {
      Stop(line, fmt::format("an item of {} has more than {} values", name_, kItemValuesMax));
    }
  }

  void RejectAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      Stop(LineOf(mark), "anchors (&name) are not supported; write the value out each time");
    }
  }
  // The parser gives "?" to values without a tag, and "!" to quoted ones.
  void RejectTag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") Stop(LineOf(mark), "tags (!name) are not supported");
  }

  [[noreturn]] void StopAtRoot(int line) { Stop(line, fmt::format("expected \"{}:\" and a list", name_)); }
  [[noreturn]] void Stop(int line, std::string message) {
    if (!stream_.EndedEarly()) handler_.on_fault(line, std::move(message));
    throw StopReading{};
  }

  const std::string_view name_;
  const YamlListHandler& handler_;
  TextStream& stream_;
  std::vector<Level> open_;
  int documents_ = 0;
  bool has_list_ = false;
  bool stopped_ = false;
  std::size_t values_ = 0;
  std::size_t item_values_ = 0;
};

// Returns the line and the text of a fault in the YAML.
std::optional<std::pair<int, std::string>> Parse(TextStream& text, Reader& reader) {
  std::istream stream(&text);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(reader)) {
    }
  } catch (const StopReading&) {
    reader.NoteStop();
  } catch (const YAML::Exception& fault) {
    return std::pair(LineOf(fault.mark), "is not valid YAML: " + Printable(fault.msg));
  }
  return std::nullopt;
}

}  // namespace

void ReadYamlList(std::string_view text, std::string_view name, const YamlListHandler& handler) {
  TextStream stream(text);
  Reader reader(name, handler, stream);
  const auto fault = Parse(stream, reader);
  if (stream.EndedEarly()) {
    return handler.on_fault(
        0, fmt::format("has more than {} bytes in one text, one comment, or brackets that are not closed",
                       kAheadMax));
  }
  if (fault) return handler.on_fault(fault->first, fault->second);
  if (reader.Stopped()) return;
  // The file is empty for a moment while an editor rewrites it; that must not drop all items.
  if (!reader.HasList()) handler.on_fault(0, fmt::format("is empty; write \"{}: []\" for none", name));
}

}  // namespace ei::service
