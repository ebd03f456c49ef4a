#include "event/routes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ei {
namespace {

using Rule = Routes::Rule;

Rule To(std::string topic, std::string type) { return {.type = std::move(type), .topic = std::move(topic)}; }

TEST(Routes, WithoutRulesAllEventsHaveTheFallback) {
  EXPECT_EQ(Routes().For("anything").topic, "");
  EXPECT_EQ(Routes().For("").key_source, KeySource::kId);
  const Routes routes({.type = {}, .topic = {}, .key = {KeySource::kNone, {}}, .ack_min = AckLevel::kBroker},
                      {});
  EXPECT_EQ(routes.For("a").key_source, KeySource::kNone);
  EXPECT_EQ(routes.For("a").ack_min, AckLevel::kBroker);
}

TEST(Routes, ExactTypeWinsThenTheLongestPrefix) {
  const std::vector<Rule> rules = {To("all-orders", "order*"), To("orders", "order.*"),
                                   To("paid", "order.paid"), To("refunds", "order.refund.*")};
  const Routes routes(To("events", ""), rules);
  EXPECT_EQ(routes.For("order.paid").topic, "paid");
  EXPECT_EQ(routes.For("order.paid.late").topic, "orders") << "an exact rule is not a prefix";
  EXPECT_EQ(routes.For("order.refund.full").topic, "refunds");
  EXPECT_EQ(routes.For("order.refund.").topic, "refunds") << "a prefix also matches itself";
  EXPECT_EQ(routes.For("order.refund").topic, "orders");
  EXPECT_EQ(routes.For("orders").topic, "all-orders");
  EXPECT_EQ(routes.For("orde").topic, "events");
  EXPECT_EQ(routes.For("Order.paid").topic, "events") << "upper and lower case differ";
  EXPECT_EQ(routes.For("").topic, "events");
}

TEST(Routes, StarAloneMatchesAllEventsThatNoOtherRuleMatches) {
  const std::vector<Rule> rules = {To("rest", "*"), To("a", "a")};
  const Routes routes(To("events", ""), rules);
  EXPECT_EQ(routes.For("a").topic, "a");
  EXPECT_EQ(routes.For("b").topic, "rest");
  EXPECT_EQ(routes.For("").topic, "rest");
}

TEST(Routes, OfRulesWithTheSameTypeTheFirstApplies) {
  const std::vector<Rule> rules = {To("first", "a"), To("second", "a"), To("third", "b*"),
                                   To("fourth", "b*")};
  const Routes routes(Rule(), rules);
  EXPECT_EQ(routes.For("a").topic, "first");
  EXPECT_EQ(routes.For("bc").topic, "third");
}

TEST(Routes, EqualKeyPointersAreStoredOnce) {
  const auto keyed = [](std::string type, KeyPointer pointer) {
    return Rule{.type = std::move(type), .topic = "t", .key = {KeySource::kPointer, std::move(pointer)}};
  };
  const std::vector<Rule> rules = {keyed("a", {"p", "x"}), keyed("b", {"p"}), keyed("c", {"p", "x"})};
  const Routes routes(keyed("", {"p"}), rules);
  ASSERT_EQ(routes.KeyPointers().size(), 2U);
  EXPECT_EQ(routes.KeyPointers()[routes.For("a").key_pointer], (KeyPointer{"p", "x"}));
  EXPECT_EQ(routes.For("c").key_pointer, routes.For("a").key_pointer);
  EXPECT_EQ(routes.For("b").key_pointer, routes.For("other").key_pointer);
}

}  // namespace
}  // namespace ei
