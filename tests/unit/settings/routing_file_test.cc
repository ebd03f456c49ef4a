#include "settings/routing_file.h"

#include <gtest/gtest.h>

#include <string>

#include "settings/table.h"
#include "support/temp_folder.h"

namespace ei::service {
namespace {

class RoutingTest : public ::testing::Test {
 protected:
  // The faults, each "line: message"; empty when there are none.
  std::string Faults(std::string_view text) const {
    const auto routing = ReadRouting("routes.yaml", text, settings_);
    if (routing) return {};
    std::string all;
    for (const SettingFault& fault : routing.error()) {
      EXPECT_EQ(fault.key, "kafka.routes_file");
      all += fault.origin.substr(fault.origin.rfind(':') + 1) + ": " + fault.message + "\n";
    }
    return all;
  }

  Routing Read(std::string_view text) const {
    auto routing = ReadRouting("routes.yaml", text, settings_);
    EXPECT_TRUE(routing.has_value()) << Faults(text);
    return routing ? std::move(*routing) : Routing();
  }

  Settings settings_ = DefaultSettings();
};

TEST_F(RoutingTest, NothingConfiguredMeansTheSettingsOwnTopicAndKey) {
  settings_.routing.key = "/payload/user";
  const auto routing = LoadRouting(settings_);
  ASSERT_TRUE(routing.has_value());
  const Route& route = routing->routes->For("any");
  EXPECT_EQ(route.topic, "");
  EXPECT_EQ(route.key_source, KeySource::kPointer);
  EXPECT_EQ(routing->routes->KeyPointers()[route.key_pointer], (KeyPointer{"payload", "user"}));
  EXPECT_TRUE(routing->topics.empty());
}

TEST_F(RoutingTest, AFileThatSaysThatThereAreNoRoutesIsAllowed) {
  EXPECT_EQ(Read("routes: []\n").routes->For("a").topic, "");
  EXPECT_EQ(Read("# nothing yet\nroutes: []\n").rules, 0U);
}

TEST_F(RoutingTest, AnEmptyFileIsAFaultAsItMayBeInTheMiddleOfBeingWritten) {
  for (const char* text : {"", "\n", "  \n\n", "# nothing yet\n", "---\n", "{}\n", "~\n"}) {
    const std::string faults = Faults(text);
    EXPECT_NE(faults.find("is empty; write \"routes: []\""), std::string::npos) << text << faults;
  }
  for (const char* text : {"routes:\n", "topics:\n"}) EXPECT_NE(Faults(text), "") << text;
}

TEST_F(RoutingTest, WholeFile) {
  const Routing routing = Read(R"(
routes:
  - {type: order.*, topic: orders, key: /payload/order_id}
  - {type: page_view, topic: clicks, key: none}
  - {type: audit.*, topic: events}
  - {type: tick, topic: ticks, key: header}
topics:
  orders: {ack: broker, compression: zstd, dlq_topic: orders-dlq}
  events: {ack: wal}
)");
  EXPECT_EQ(routing.rules, 4U);
  const Routes& routes = *routing.routes;
  EXPECT_EQ(routes.For("order.paid").topic, "orders");
  EXPECT_EQ(routes.For("order.paid").ack_min, AckLevel::kBroker);
  EXPECT_EQ(routes.For("page_view").key_source, KeySource::kNone);
  EXPECT_EQ(routes.For("audit.x").topic, "") << "kafka.topic";
  EXPECT_EQ(routes.For("audit.x").ack_min, AckLevel::kWal);
  EXPECT_EQ(routes.For("audit.x").key_source, KeySource::kId) << "as kafka.key says";
  EXPECT_EQ(routes.For("other").ack_min, AckLevel::kWal);
  EXPECT_EQ(routes.For("tick").key_source, KeySource::kHeader);
  ASSERT_EQ(routing.topics.size(), 2U);
  EXPECT_EQ(routing.topics[1].name, "orders");
  EXPECT_EQ(routing.topics[1].compression, "zstd");
  EXPECT_EQ(routing.topics[1].dlq_topic, "orders-dlq");
  EXPECT_EQ(routing.topics[0].compression, "");
}

TEST_F(RoutingTest, EveryFaultIsNamedWithItsLine) {
  const std::string faults = Faults(R"(routes:
  - {type: a, topik: t}
  - {type: a}
  - {type: "a*b", topic: "no spaces", key: user}
  - {type: c, topic: t}
  - {type: c, topic: t}
  - {type: [d], topic: t}
topics:
  t: {ack: sometimes, compression: rar}
  unused: {}
)");
  EXPECT_EQ(
      faults,
      "9: ack: \"sometimes\" is not one of the allowed words; allowed: one of memory, wal, broker\n"
      "9: compression: \"rar\" is not one of the allowed words; allowed: one of none, gzip, snappy, lz4, zstd\n"
      "2: \"topik\" is not known here; allowed: type, topic, key\n"
      "3: routes: a route needs a type and a topic\n"
      "4: type: \"a*b\" has a * that is not its last character\n"
      "4: topic: \"no spaces\" has a character that Kafka does not allow in a topic name\n"
      "4: key: \"user\" is not id, none, header, or a JSON Pointer, which starts with /\n"
      "6: type: \"c\" has a route already\n"
      "7: type: has to be a single value\n"
      "10: topics: no route leads to \"unused\"\n");
}

TEST_F(RoutingTest, WrongShapesAreRejected) {
  EXPECT_EQ(Faults("- a\n"), "1: expected a map of routes, topics\n");
  EXPECT_EQ(Faults("routes: {a: b}\n"), "1: routes: has to be a list\n");
  EXPECT_EQ(Faults("topics: [a]\n"), "1: topics: has to be a map of topic names\n");
  EXPECT_EQ(Faults("routes: []\nroutes: []\n"), "2: routes is given twice\n");
  EXPECT_NE(Faults("routes: [\n").find("is not valid YAML"), std::string::npos);
  EXPECT_NE(Faults(std::string(2'000, '[')).find("is not valid YAML"), std::string::npos);
}

TEST_F(RoutingTest, DeadLettersNeedATopicOfTheirOwn) {
  EXPECT_NE(Faults("routes: [{type: a, topic: events-dlq}]").find("\"events-dlq\" is a dead-letter topic"),
            std::string::npos);
  EXPECT_NE(Faults("routes: [{type: a, topic: x}, {type: b, topic: y}]\ntopics: {x: {dlq_topic: y}}")
                .find("\"y\" is a dead-letter topic"),
            std::string::npos);
  EXPECT_NE(Faults("routes: [{type: a, topic: x}]\ntopics: {x: {dlq_topic: events}}")
                .find("\"events\" is a dead-letter topic"),
            std::string::npos);
}

TEST_F(RoutingTest, LevelWalNeedsTheLog) {
  settings_.ingest.ack = AckLevel::kBroker;
  EXPECT_NE(Faults("topics: {events: {ack: wal}}").find("needs the write-ahead log"), std::string::npos);
}

TEST_F(RoutingTest, FileIsReadFromItsPlace) {
  const support::TempFolder folder;
  settings_.routing.routes_file = (folder.Path() / "routes.yaml").string();
  ASSERT_FALSE(LoadRouting(settings_).has_value());
  EXPECT_NE(LoadRouting(settings_).error()[0].message.find("can't be read: No such file"), std::string::npos);
  support::WriteFile(*settings_.routing.routes_file, "routes: [{type: a, topic: t}]");
  ASSERT_TRUE(LoadRouting(settings_).has_value());
  EXPECT_EQ(LoadRouting(settings_)->rules, 1U);
  support::WriteFile(*settings_.routing.routes_file, std::string(2 << 20, '#'));
  EXPECT_NE(LoadRouting(settings_).error()[0].message.find("is too large"), std::string::npos);
}

}  // namespace
}  // namespace ei::service
