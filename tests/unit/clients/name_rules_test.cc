#include "clients/name_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/random.h"

namespace ei {
namespace {

NameRules RulesOf(std::vector<std::string> rules) { return NameRules(rules); }

TEST(NameRules, WithoutAListEveryNameIsAllowed) {
  const NameRules rules;
  EXPECT_TRUE(rules.AllowsAll());
  EXPECT_TRUE(rules.Allows("order.paid"));
  EXPECT_TRUE(rules.Allows(""));
}

TEST(NameRules, AnEmptyListAllowsNoName) {
  const NameRules rules = RulesOf({});
  EXPECT_FALSE(rules.AllowsAll());
  EXPECT_FALSE(rules.Allows("order.paid"));
  EXPECT_FALSE(rules.Allows(""));
}

TEST(NameRules, AnExactNameAllowsOnlyItself) {
  const NameRules rules = RulesOf({"refund", "order"});
  EXPECT_TRUE(rules.Allows("refund"));
  EXPECT_TRUE(rules.Allows("order"));
  for (const char* other : {"", "refun", "refund.", "refunds", "Refund", "orders"}) {
    EXPECT_FALSE(rules.Allows(other)) << other;
  }
}

TEST(NameRules, APrefixAllowsWhatBeginsWithIt) {
  const NameRules rules = RulesOf({"order.*"});
  for (const char* name : {"order.", "order.paid", "order.*", "order.\xff"}) {
    EXPECT_TRUE(rules.Allows(name)) << name;
  }
  for (const char* other : {"order", "orders", "order/", "a", "z"})
    EXPECT_FALSE(rules.Allows(other)) << other;
}

TEST(NameRules, AStarAloneAllowsEveryName) {
  const NameRules rules = RulesOf({"a", "*", "b*"});
  EXPECT_TRUE(rules.AllowsAll());
  EXPECT_TRUE(rules.Allows("c"));
}

TEST(NameRules, OverlappingPrefixesAndNamesBetweenThem) {
  const NameRules rules = RulesOf({"ab*", "abc*", "abd*", "aa*", "b*", "ab*", "ac"});
  for (const char* name : {"ab", "abc", "abcd", "abz", "aaa", "b", "bz", "ac"}) {
    EXPECT_TRUE(rules.Allows(name)) << name;
  }
  for (const char* other : {"a", "ac ", "acb", "c", ""}) EXPECT_FALSE(rules.Allows(other)) << other;
}

TEST(NameRules, AgreesWithALinearSearch) {
  support::Random random(support::SeedOr(7));
  const auto word = [&random] {
    std::string text;
    for (uint64_t size = random.Below(5); text.size() < size;) text += "abc"[random.Below(3)];
    return text;
  };
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::string> list;
    for (uint64_t count = random.Below(6); list.size() < count;) {
      list.push_back(word() + (random.Below(2) == 0 ? "*" : ""));
    }
    const NameRules rules = RulesOf(list);
    for (int i = 0; i < 20; ++i) {
      const std::string name = word();
      bool allowed = false;
      for (const std::string& rule : list) {
        allowed |= rule.ends_with('*') ? name.starts_with(rule.substr(0, rule.size() - 1)) : name == rule;
      }
      ASSERT_EQ(rules.Allows(name), allowed) << name << ", round " << round;
    }
  }
}

}  // namespace
}  // namespace ei
