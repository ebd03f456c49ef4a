// An accepted event goes to the topic of the settings at its acceptance, even if they change before it is
// delivered.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "support/events.h"
#include "support/sim_disk.h"
#include "support/wal_rig.h"

namespace ei::wal {
namespace {

using Topics = std::map<std::string, std::string>;  // by value; empty: the sink's own

class AcceptedTopicTest : public ::testing::Test {
 protected:
  void Open(const std::string& topic) {
    rig_.Options().topic = topic;
    rig_.Open(*folder_);
  }
  // Destroys the previous journal; its files stay.
  void Reopen(const std::string& topic) {
    rig_.Close();
    folder_.reset();
    disk_.KillProcess();
    folder_ = disk_.Mount();
    Open(topic);
  }
  void AppendTo(const std::string& topic, const std::string& value) {
    EventBatch batch;
    const Route route{.topic = topic, .key_source = KeySource::kNone};
    DecodedEvent event = support::EventWithId(value, "a");
    event.route = &route;
    batch.Add(event, {}, {}, {});
    ASSERT_EQ(rig_.Journal().Append(batch, rig_.Clock().Now()), AppendResult::kAppended);
  }
  Topics Taken() {
    rig_.Work();
    rig_.Take();
    Topics topics;
    for (const JournalEvent& event : rig_.Taken()) topics.emplace(event.value, event.topic);
    return topics;
  }

  support::SimDisk disk_{1};
  std::unique_ptr<Directory> folder_ = disk_.Mount();
  support::WalRig rig_{{.bytes_max = 256 << 10, .segment_bytes = 16 << 10}};
};

TEST_F(AcceptedTopicTest, AnotherDefaultTopicMovesNothing) {
  Open("old");
  AppendTo("", R"({"id":"a","n":1})");
  rig_.Work();
  AppendTo("orders", R"({"id":"a","n":2})");
  rig_.Work();
  AppendTo("", R"({"id":"a","n":3})");
  rig_.Work();
  const Topics before = {
      {R"({"id":"a","n":1})", ""}, {R"({"id":"a","n":2})", "orders"}, {R"({"id":"a","n":3})", ""}};
  EXPECT_EQ(Taken(), before) << "the sink's topic, while it is the same";

  Reopen("new");
  AppendTo("", R"({"id":"a","n":4})");
  const Topics after = {{R"({"id":"a","n":1})", "old"},
                        {R"({"id":"a","n":2})", "orders"},
                        {R"({"id":"a","n":3})", "old"},
                        {R"({"id":"a","n":4})", ""}};
  EXPECT_EQ(Taken(), after);
  EXPECT_EQ(rig_.Log().Count("WARN"), 1U);

  Reopen("old");
  const Topics back = {{R"({"id":"a","n":1})", ""},
                       {R"({"id":"a","n":2})", "orders"},
                       {R"({"id":"a","n":3})", ""},
                       {R"({"id":"a","n":4})", "new"}};
  EXPECT_EQ(Taken(), back);
}

// The newest commit is written once more by the first start.
TEST_F(AcceptedTopicTest, TheNewestCommitKeepsItsTopicThroughStarts) {
  Open("first");
  AppendTo("", R"({"id":"a","n":1})");
  while (rig_.Journal().Commit() == Work::kDone) {
  }
  for (const std::string topic : {"second", "third", ""}) {
    Reopen(topic);
    rig_.Work();
    rig_.Take();
    ASSERT_EQ(rig_.Taken().size(), 1U);
    EXPECT_EQ(rig_.Taken().front().topic, "first");
  }
}

TEST_F(AcceptedTopicTest, EventsAcceptedForFilesHaveNoTopic) {
  Open("");
  AppendTo("", R"({"id":"a","n":1})");
  rig_.Work();
  Reopen("events");
  EXPECT_EQ(Taken(), (Topics{{R"({"id":"a","n":1})", ""}}));
  EXPECT_EQ(rig_.Log().Count("WARN"), 1U);
}

}  // namespace
}  // namespace ei::wal
