#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ei::service {

struct YamlMember;

// A value in a YAML file, as a tree.
struct YamlNode {
  enum class Kind { kNull, kText, kList, kMap };

  Kind kind = Kind::kNull;
  int line = 0;                     // of its start, from 1
  std::string text;                 // kText
  std::vector<YamlNode> items;      // kList
  std::vector<YamlMember> members;  // kMap, in the order of the file; names may repeat

  bool IsMap() const { return kind == Kind::kMap; }
  bool IsList() const { return kind == Kind::kList; }
  bool IsText() const { return kind == Kind::kText; }
};

struct YamlMember {
  std::string name;
  int line = 0;
  YamlNode value;
};

struct YamlListHandler {
  std::function<bool(YamlNode)> on_item;  // returns whether reading goes on
  // The file can't be read further. Line 0: the file as a whole.
  std::function<void(int line, std::string message)> on_fault;
};

// Reads a file that is a map whose only member is the list `name`, such as "clients: [...]". Only one item at
// a time is in memory as a tree, so the file may be large. Aliases, anchors, tags and several documents are
// faults, as with them a small file can expand without bound; so is nesting of more than 16 levels, an item
// of more than 10,000 values, more than 4 million values in all, and more than 1 MiB in which the parser
// finds no value.
void ReadYamlList(std::string_view text, std::string_view name, const YamlListHandler& handler);

}  // namespace ei::service
