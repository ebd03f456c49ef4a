#include "settings/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <utility>

namespace ei::service {
namespace {

constexpr std::size_t kNestingMax = 16;

// Thrown through the parser to stop reading; the reason is already in the faults.
struct StopReading {};

// Converts the parser's events to values and faults. Invariant between events: stack_ has the open
// collections, and the innermost map records whether a key or a value comes next.
class Reader : public YAML::EventHandler {
 public:
  Reader(std::string_view name, const SettingsTable& table) : name_(name), table_(table) {}

  FileContent TakeContent() { return std::move(content_); }

  void AddFault(int line, std::string key, std::string message) {
    std::string origin = line > 0 ? fmt::format("file {}:{}", PrintableLong(name_), line)
                                  : fmt::format("file {}", PrintableLong(name_));
    content_.faults.push_back({std::move(key), std::move(origin), std::move(message)});
    if (content_.faults.size() == kFileFaultsMax) {
      content_.faults.push_back(
          {{}, content_.faults.back().origin, "too many faults; the rest was not read"});
      throw StopReading{};
    }
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    AddFault(Line(mark), {}, "a second YAML document; write all settings into one");
    throw StopReading{};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RejectAnchor(mark, anchor);
    if (stack_.empty()) return;  // an empty file
    if (AtKey()) {
      RejectKey(mark);
    } else if (const Open& map = stack_.back(); ExpectsValue()) {
      const Setting* setting = table_.Find(map.child);
      if (setting != nullptr && !setting->may_be_unset) {
        AddFault(map.child_line, map.child, fmt::format("has no value; allowed: {}", setting->allowed));
      } else if (setting != nullptr) {
        content_.values.push_back({map.child, {}, map.child_line});
      }
    }
    NodeDone();
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RejectAnchor(mark, anchor);
    RejectTag(mark, tag);
    if (stack_.empty()) {
      AddFault(Line(mark), {},
               "the file is a single value; write settings as \"group:\" and indented \"name: value\"");
    } else if (AtKey()) {
      ReadKey(mark, value);
    } else if (const Open& map = stack_.back(); ExpectsValue()) {
      if (table_.Find(map.child) != nullptr) {
        content_.values.push_back({map.child, value, map.child_line});
      } else {
        AddFault(map.child_line, map.child,
                 fmt::format("is a group of settings, but {} is a single value", Quoted(value)));
      }
    }
    NodeDone();
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    AddFault(Line(mark), {}, "aliases (*name) are not supported; write the value out");
    throw StopReading{};
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    RejectAnchor(mark, anchor);
    RejectTag(mark, tag);
    if (stack_.empty()) {
      AddFault(Line(mark), {},
               "the file is a list; write settings as \"group:\" and indented \"name: value\"");
    } else if (AtKey()) {
      RejectKey(mark);
    } else if (ExpectsValue()) {
      const Open& map = stack_.back();
      const Setting* setting = table_.Find(map.child);
      AddFault(map.child_line, map.child,
               setting == nullptr
                   ? std::string("is a group of settings, not a list")
                   : fmt::format("needs a single value, not a list; allowed: {}", setting->allowed));
    }
    Push(mark, Open{});
  }
  void OnSequenceEnd() override { Pop(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    RejectAnchor(mark, anchor);
    RejectTag(mark, tag);
    Open next;
    if (stack_.empty()) {
      next.kind = Kind::kSettings;
    } else if (AtKey()) {
      RejectKey(mark);
    } else if (ExpectsValue()) {
      const Open& map = stack_.back();
      if (const Setting* setting = table_.Find(map.child); setting != nullptr) {
        AddFault(map.child_line, map.child,
                 fmt::format("needs a single value, not a group; allowed: {}", setting->allowed));
      } else {
        next.kind = Kind::kSettings;
        next.path = map.child + ".";
      }
    }
    Push(mark, std::move(next));
  }
  void OnMapEnd() override { Pop(); }

 private:
  enum class Kind { kSettings, kIgnored };

  struct Open {
    Kind kind = Kind::kIgnored;
    std::string path;   // "http." inside the group http; empty at the top
    std::string child;  // the key whose value comes next; empty when that value is to be ignored
    int child_line = 0;
    bool at_key = true;
  };

  static int Line(const YAML::Mark& mark) { return mark.is_null() ? 0 : mark.line + 1; }

  bool AtKey() const { return stack_.back().kind == Kind::kSettings && stack_.back().at_key; }
  bool ExpectsValue() const { return stack_.back().kind == Kind::kSettings && !stack_.back().child.empty(); }

  void ReadKey(const YAML::Mark& mark, const std::string& name) {
    Open& map = stack_.back();
    const std::string key = map.path + name;
    map.child.clear();
    map.child_line = Line(mark);
    const RemovedSetting* removed = table_.FindRemoved(key);
    if (table_.Find(key) == nullptr && removed == nullptr && !table_.IsGroup(key)) {
      const std::string_view nearest = table_.NearestKeyOrGroup(key);
      AddFault(map.child_line, Printable(key),
               nearest.empty() ? "is not a setting; `event-ingestor help` lists all"
                               : fmt::format("is not a setting; did you mean {}?", nearest));
      return;
    }
    const auto [first, is_new] = lines_.emplace(key, map.child_line);
    if (!is_new) {
      AddFault(map.child_line, key, fmt::format("is given twice; the first is in line {}", first->second));
      return;
    }
    if (removed != nullptr) {
      content_.removed.push_back({removed, map.child_line});
    } else {
      map.child = key;
    }
  }

  void RejectKey(const YAML::Mark& mark) {
    stack_.back().child.clear();
    AddFault(Line(mark), {}, "a key has to be the name of a setting or of a group");
  }

  void RejectAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0)
      AddFault(Line(mark), {}, "anchors (&name) are not supported; write the value where it is needed");
  }

  // The parser itself sets the tag "?" for plain and "!" for quoted text.
  void RejectTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    AddFault(Line(mark), {}, fmt::format("the tag {} is not supported; write the value alone", Quoted(tag)));
  }

  void Push(const YAML::Mark& mark, Open next) {
    if (stack_.size() == kNestingMax) {
      AddFault(Line(mark), {}, fmt::format("nested more than {} levels deep", kNestingMax));
      throw StopReading{};
    }
    stack_.push_back(std::move(next));
  }

  void Pop() {
    stack_.pop_back();
    NodeDone();
  }

  void NodeDone() {
    if (!stack_.empty()) stack_.back().at_key = !stack_.back().at_key;
  }

  const std::string_view name_;
  const SettingsTable& table_;
  FileContent content_;
  std::vector<Open> stack_;
  std::map<std::string, int> lines_;  // the first line of each key and group
  int documents_ = 0;
};

void Parse(std::string_view text, Reader& reader) {
  if (text.size() > kSettingsFileBytesMax) {
    reader.AddFault(0, {},
                    fmt::format("is larger than {} bytes; is it the right file?", kSettingsFileBytesMax));
    return;
  }
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(reader)) {
    }
  } catch (const YAML::Exception& fault) {
    reader.AddFault(fault.mark.is_null() ? 0 : fault.mark.line + 1, {},
                    "is not valid YAML: " + Printable(fault.msg));
  }
}

}  // namespace

FileContent ReadSettingsYaml(std::string_view name, std::string_view text, const SettingsTable& table) {
  Reader reader(name, table);
  try {
    Parse(text, reader);
  } catch (const StopReading&) {
    return reader.TakeContent();
  }
  return reader.TakeContent();
}

}  // namespace ei::service
