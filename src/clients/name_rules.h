#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei {

// Which names, such as types of events, are allowed. Immutable and therefore thread-safe.
class NameRules {
 public:
  // Allows every name.
  NameRules() = default;
  // Allows the names that are in the list, and those that begin with a prefix in it: a rule that ends in '*'
  // is a prefix. An empty list allows no name.
  explicit NameRules(std::span<const std::string> rules);

  bool AllowsAll() const { return allows_all_; }
  bool Allows(std::string_view name) const { return allows_all_ || Find(name); }

 private:
  bool Find(std::string_view name) const;

  bool allows_all_ = true;
  std::vector<std::string> names_;     // sorted
  std::vector<std::string> prefixes_;  // sorted, none is a prefix of another
};

}  // namespace ei
