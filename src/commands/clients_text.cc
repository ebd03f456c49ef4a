#include "commands/clients_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "event/timestamp.h"
#include "settings/settings_fault.h"
#include "settings/yaml_list.h"

namespace ei::service {
namespace {

using base::ErrorKind;
using Kind = YamlNode::Kind;

YamlNode NodeOf(Kind kind) {
  YamlNode node;
  node.kind = kind;
  return node;
}

YamlNode TextNode(std::string_view text) {
  YamlNode node = NodeOf(Kind::kText);
  node.text = text;
  return node;
}

YamlNode* Find(YamlNode& map, std::string_view name) {
  const auto found = std::ranges::find(map.members, name, &YamlMember::name);
  return found == map.members.end() ? nullptr : &found->value;
}

std::string_view TextOf(YamlNode& map, std::string_view name) {
  const YamlNode* const node = Find(map, name);
  return node == nullptr ? std::string_view() : node->text;
}

// Two values that mean the same have the same text, whatever their layout and the order of members are.
std::string Canonical(const YamlNode& node) {
  if (node.kind == Kind::kNull) return "n";
  if (node.kind == Kind::kText) return fmt::format("t{}:{}", node.text.size(), node.text);
  std::vector<std::string> parts;
  parts.reserve(node.items.size() + node.members.size());
  for (const YamlNode& item : node.items) parts.push_back(Canonical(item));
  for (const YamlMember& member : node.members) {
    parts.push_back(Canonical(TextNode(member.name)) + Canonical(member.value));
  }
  if (node.IsMap()) std::ranges::sort(parts);
  return fmt::format("{}{}:{}", node.IsMap() ? 'm' : 'l', parts.size(), fmt::join(parts, ""));
}

YamlNode KeyNode(const WrittenKey& key) {
  YamlNode node = NodeOf(Kind::kMap);
  node.members = {{"id", 0, TextNode(key.id)}, {"hash", 0, TextNode(key.hash)}};
  if (key.expires_at) node.members.push_back({"expires", 0, TextNode(ToSeconds(*key.expires_at))});
  return node;
}

std::vector<std::string> KeyLines(const WrittenKey& key, std::size_t indent) {
  const std::string blanks(indent, ' ');
  std::vector<std::string> lines = {blanks + "- id: " + key.id, blanks + "  hash: " + key.hash};
  if (key.expires_at) lines.push_back(blanks + "  expires: " + ToSeconds(*key.expires_at));
  return lines;
}

// Lines are counted from 0 here.
std::size_t LineOf(const YamlNode& node) { return static_cast<std::size_t>(node.line - 1); }

std::size_t IndentOf(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

bool IsItem(std::string_view line) { return line.substr(IndentOf(line)).starts_with("- "); }

// Where the content of an item begins, after its dash.
std::size_t ContentColumn(std::string_view item_line) {
  return std::min(item_line.find_first_not_of(' ', IndentOf(item_line) + 1), item_line.size());
}

bool IsBlankOrComment(std::string_view line) {
  const std::size_t start = line.find_first_not_of(" \t\r");
  return start == std::string_view::npos || line[start] == '#';
}

// Edits lines by their numbers in the old text: lines are inserted and erased in the end. Alongside, it
// changes what the old text says in the same way, and compares that with what the new text says.
class Editor {
 public:
  // Finds the client for which `is_wanted` is true; it may be none.
  Editor(std::string_view text, const std::function<bool(YamlNode&)>& is_wanted) {
    const auto on_item = [&](YamlNode node) {
      starts_.push_back(LineOf(node));
      canonical_.push_back(Canonical(node));
      if (!found_ && is_wanted(node)) {
        found_ = true;
        client_ = std::move(node);
        index_ = starts_.size() - 1;
      }
      return true;
    };
    ReadYamlList(text, kList, {.on_item = on_item, .on_fault = [](int, const std::string&) {}});
    if (YamlNode* const keys = Find(client_, kKeys)) {
      for (const YamlNode& key : keys->items) key_starts_.push_back(LineOf(key));
    }
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      lines_.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  bool Found() const { return found_; }
  YamlNode& Client() { return client_; }

  void AppendClient(std::string_view name, const WrittenKey& key) {
    std::size_t at = 0;
    std::size_t indent = 2;
    if (starts_.empty()) {
      at = OpenEmpty(0, kList);
    } else {
      RequireItem(starts_.back());
      at = ContentEnd(starts_.back(), lines_.size());
      indent = IndentOf(lines_[starts_.back()]);
    }
    std::vector<std::string> added = KeyLines(key, indent + 4);
    // Quoted, so that names such as "null" and "-" are text.
    added.insert(added.begin(), {std::string(indent, ' ') + "- name: \"" + std::string(name) + '"',
                                 std::string(indent, ' ') + "  keys:"});
    Insert(at, added);
    YamlNode keys = NodeOf(Kind::kList);
    keys.items = {KeyNode(key)};
    YamlNode node = NodeOf(Kind::kMap);
    node.members = {{"name", 0, TextNode(name)}, {"keys", 0, std::move(keys)}};
    canonical_.push_back(Canonical(node));
  }

  void EraseClient() {
    const std::size_t start = starts_[index_];
    RequireItem(start);
    Erase(start, ContentEnd(start, ClientEnd()));
    if (starts_.size() == 1) CloseEmpty(0, kList);
    canonical_.erase(canonical_.begin() + static_cast<std::ptrdiff_t>(index_));
    found_ = false;
  }

  void AppendKey(const WrittenKey& key) {
    const std::size_t start = starts_[index_];
    RequireItem(start);
    YamlNode* keys = Find(client_, kKeys);
    if (keys == nullptr) {
      const std::size_t column = ContentColumn(lines_[start]);
      std::vector<std::string> added = KeyLines(key, column + 2);
      added.insert(added.begin(), std::string(column, ' ') + "keys:");
      Insert(LineOf(*Find(client_, "name")) + 1, added);
      client_.members.push_back({std::string(kKeys), 0, NodeOf(Kind::kList)});
      keys = &client_.members.back().value;
    } else if (keys->items.empty()) {
      const std::size_t at = OpenEmpty(start, kKeys);
      Insert(at, KeyLines(key, ContentColumn(lines_[start]) + 2));
    } else {
      const std::size_t last = key_starts_.back();
      RequireItem(last);
      Insert(ContentEnd(last, KeysEnd()), KeyLines(key, IndentOf(lines_[last])));
    }
    keys->items.push_back(KeyNode(key));
  }

  // Numbers are those of the old text, so of several keys the last has to be erased first.
  void EraseKey(std::size_t number) {
    YamlNode& keys = *Find(client_, kKeys);
    const std::size_t start = key_starts_[number];
    RequireItem(start);
    Erase(start, KeyEnd(number));
    keys.items.erase(keys.items.begin() + static_cast<std::ptrdiff_t>(number));
    if (keys.items.empty()) CloseEmpty(starts_[index_], kKeys);
  }

  void SetExpiry(std::size_t number, base::WallTime expires_at) {
    YamlNode& key = Find(client_, kKeys)->items[number];
    const std::size_t start = key_starts_[number];
    RequireItem(start);
    const std::string text = ToSeconds(expires_at);
    if (YamlNode* const old = Find(key, "expires")) {
      std::string& line = lines_[LineOf(*old)];
      const std::size_t at = line.find(old->text, std::min(line.find("expires"), line.size()));
      if (at == std::string::npos) return Refuse();
      line.replace(at, old->text.size(), text);
      old->text = text;
      return;
    }
    const std::size_t column = ContentColumn(lines_[start]);
    if (lines_[start].substr(column).starts_with('{')) {
      const std::size_t end = lines_[start].rfind('}');
      if (end == std::string::npos) return Refuse();
      lines_[start].insert(end, ", expires: " + text);
    } else {
      Insert(KeyEnd(number), {std::string(column, ' ') + "expires: " + text});
    }
    key.members.push_back({"expires", 0, TextNode(text)});
  }

  // The new text, if it says what it should.
  base::Result<std::string> Finish() {
    if (found_) canonical_[index_] = Canonical(client_);
    ApplyChanges();
    std::string text = fmt::format("{}\n", fmt::join(lines_, "\n"));
    std::vector<std::string> found;
    const auto on_item = [&found](const YamlNode& node) {
      found.push_back(Canonical(node));
      return true;
    };
    const auto on_fault = [this](int, const std::string&) { Refuse(); };
    ReadYamlList(text, kList, {.on_item = on_item, .on_fault = on_fault});
    if (!refused_ && found == canonical_) return text;
    return base::Fail(ErrorKind::kInvalid,
                      "has a layout that this command can't edit: write each client, and each key, as a list "
                      "item (\"- \") of its own, or change the file in an editor");
  }

 private:
  static constexpr std::string_view kList = "clients";
  static constexpr std::string_view kKeys = "keys";

  struct Change {
    std::size_t number;
    std::size_t at;
    std::size_t erased;
    std::vector<std::string> added;
  };

  void Refuse() { refused_ = true; }
  void RequireItem(std::size_t line) {
    if (!IsItem(lines_[line])) Refuse();
  }

  std::size_t ClientEnd() const { return index_ + 1 < starts_.size() ? starts_[index_ + 1] : lines_.size(); }

  // One past the last line of the member "keys".
  std::size_t KeysEnd() {
    const std::size_t start = LineOf(*Find(client_, kKeys));
    std::size_t end = ClientEnd();
    for (const YamlMember& member : client_.members) {
      const auto line = static_cast<std::size_t>(member.line - 1);
      if (line > start) end = std::min(end, line);
    }
    return end;
  }

  std::size_t KeyEnd(std::size_t number) {
    const bool last = number + 1 == key_starts_.size();
    return ContentEnd(key_starts_[number], last ? KeysEnd() : key_starts_[number + 1]);
  }

  // One past the last line with content in [start, end): blank lines and comments at the end belong to what
  // follows.
  std::size_t ContentEnd(std::size_t start, std::size_t end) const {
    while (end > start + 1 && IsBlankOrComment(lines_[end - 1])) --end;
    return end;
  }

  // The line "NAME: []" at or after `from`, from which the list is removed. Returns the line after it.
  std::size_t OpenEmpty(std::size_t from, std::string_view name) {
    const std::size_t line = LineWith(from, name);
    if (line == lines_.size()) return line;
    const std::size_t list = lines_[line].find("[]");
    if (list == std::string::npos) Refuse();
    if (list != std::string::npos) lines_[line].erase(list, 2);
    lines_[line].erase(lines_[line].find_last_not_of(" \r") + 1);
    return line + 1;
  }
  void CloseEmpty(std::size_t from, std::string_view name) {
    const std::size_t line = LineWith(from, name);
    if (line == lines_.size()) return;
    lines_[line].insert(lines_[line].find(':') + 1, " []");
  }
  std::size_t LineWith(std::size_t from, std::string_view name) {
    const std::string start = std::string(name) + ":";
    for (std::size_t line = from; line < lines_.size(); ++line) {
      std::string_view content = std::string_view(lines_[line]).substr(IndentOf(lines_[line]));
      if (content.starts_with("- ")) content.remove_prefix(2);
      if (content.starts_with(start)) return line;
    }
    Refuse();
    return lines_.size();
  }

  // What is inserted at one place later is before what was inserted earlier.
  void Insert(std::size_t at, std::vector<std::string> added) {
    changes_.push_back({changes_.size(), at, 0, std::move(added)});
  }
  void Erase(std::size_t from, std::size_t end) {
    changes_.push_back({changes_.size(), from, end - from, {}});
  }

  // From the last to the first, so that the numbers of the lines before a change stay as they are.
  void ApplyChanges() {
    std::ranges::sort(changes_, [](const Change& a, const Change& b) {
      if (a.at != b.at) return a.at > b.at;
      return a.erased != b.erased ? a.erased > b.erased : a.number < b.number;
    });
    for (const Change& change : changes_) {
      const auto at = lines_.begin() + static_cast<std::ptrdiff_t>(change.at);
      const auto next = lines_.erase(at, at + static_cast<std::ptrdiff_t>(change.erased));
      lines_.insert(next, change.added.begin(), change.added.end());
    }
  }

  std::vector<std::string> lines_;
  std::vector<Change> changes_;
  std::vector<std::size_t> starts_;      // of each client
  std::vector<std::size_t> key_starts_;  // of each key of client_
  std::vector<std::string> canonical_;   // what the new text has to say
  bool found_ = false;
  YamlNode client_;        // the wanted one, with the changes
  std::size_t index_ = 0;  // of client_
  bool refused_ = false;
};

std::unexpected<base::Error> NoSuchClient(std::string_view name) {
  return base::Fail(ErrorKind::kInvalid, "has no client " + Quoted(name));
}

auto HasName(std::string_view name) {
  return [name](YamlNode& node) { return TextOf(node, "name") == name; };
}

}  // namespace

std::string ToSeconds(base::WallTime time) {
  const TimestampText text = FormatTimestamp(time);
  return std::string(View(text).substr(0, 19)) + "Z";
}

base::Result<std::string> AddClient(std::string_view text, std::string_view name, const WrittenKey& key) {
  Editor editor(text, HasName(name));
  if (editor.Found()) {
    return base::Fail(
        ErrorKind::kInvalid,
        fmt::format("has the client {} already; `event-ingestor clients rotate` gives it a new key",
                    Quoted(name)));
  }
  editor.AppendClient(name, key);
  return editor.Finish();
}

base::Result<std::string> AddKey(std::string_view text, std::string_view client, const WrittenKey& key,
                                 base::WallTime others_until, base::WallTime now) {
  Editor editor(text, HasName(client));
  if (!editor.Found()) return NoSuchClient(client);
  YamlNode* const keys = Find(editor.Client(), "keys");
  const std::size_t others = keys == nullptr ? 0 : keys->items.size();
  editor.AppendKey(key);
  for (std::size_t number = others; number-- > 0;) {
    const auto expires_at = ParseTimestamp(TextOf(Find(editor.Client(), "keys")->items[number], "expires"));
    if (expires_at && *expires_at <= now) {
      editor.EraseKey(number);
    } else if (!expires_at || *expires_at > others_until) {
      editor.SetExpiry(number, others_until);
    }
  }
  return editor.Finish();
}

base::Result<std::string> RemoveClient(std::string_view text, std::string_view name) {
  Editor editor(text, HasName(name));
  if (!editor.Found()) return NoSuchClient(name);
  editor.EraseClient();
  return editor.Finish();
}

base::Result<std::string> RemoveKey(std::string_view text, std::string_view id) {
  std::size_t number = 0;
  const auto has_key = [&](YamlNode& node) {
    YamlNode* const keys = Find(node, "keys");
    if (keys == nullptr) return false;
    const auto found =
        std::ranges::find_if(keys->items, [id](YamlNode& key) { return TextOf(key, "id") == id; });
    number = static_cast<std::size_t>(found - keys->items.begin());
    return found != keys->items.end();
  };
  Editor editor(text, has_key);
  if (!editor.Found()) return base::Fail(ErrorKind::kInvalid, "has no key " + Quoted(id));
  editor.EraseKey(number);
  return editor.Finish();
}

}  // namespace ei::service
