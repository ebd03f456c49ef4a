#include "adapters/kafka/wire/messages.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "adapters/kafka/wire/encoder.h"

namespace ei::kafka::wire {
namespace {

// A body, after its response header's tags, if it has them.
template <typename Write>
std::string Body(Api api, int16_t version, Write write) {
  std::string body;
  Encoder out(body, IsFlexible(api, version));
  if (api != Api::kApiVersions) out.NoTags();
  write(out);
  return body;
}

// Answers with a byte more or less can't be read.
template <typename Read>
void ExpectWhole(const std::string& body, Read read) {
  EXPECT_TRUE(read(body));
  EXPECT_FALSE(read(body + '\0'));
  EXPECT_FALSE(read(body.substr(0, body.size() - 1)));
  EXPECT_FALSE(read(""));
}

TEST(Messages, MetadataHasBrokersAndTopics) {
  for (const int16_t version : std::to_array<int16_t>({7, 8, 9, 10, 11, 12, 13})) {
    SCOPED_TRACE(version);
    const std::string body = Body(Api::kMetadata, version, [&](Encoder& out) {
      out.Int(int32_t{30});
      out.Count(1);
      out.Int(int32_t{5});
      out.String("host");
      out.Int(int32_t{9092});
      out.NullString();
      out.NoTags();
      out.String("cluster");
      out.Int(int32_t{5});
      out.Count(1);
      out.Int(static_cast<int16_t>(ErrorCode::kLeaderNotAvailable));
      out.String("t");
      if (version >= 10) out.Id({1, 2});
      out.Bool(false);
      out.Count(1);
      out.Int(int16_t{0});
      out.Int(int32_t{3});
      out.Int(int32_t{5});
      out.Int(int32_t{8});
      for (const size_t nodes : {2, 1, 0}) {
        out.Count(nodes);
        for (size_t i = 0; i < nodes; ++i) out.Int(int32_t{5});
      }
      out.NoTags();
      if (version >= 8) out.Int(int32_t{0});
      out.NoTags();
      if (version >= 8 && version <= 10) out.Int(int32_t{0});
      if (version >= 13) out.Int(static_cast<int16_t>(ErrorCode::kRebootstrapRequired));
      out.NoTags();
    });
    const auto read = ReadMetadata(version, body);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->throttle_ms, 30);
    EXPECT_EQ(read->error, version >= 13 ? ErrorCode::kRebootstrapRequired : ErrorCode::kNone);
    EXPECT_EQ(read->cluster_id, "cluster");
    ASSERT_EQ(read->brokers.size(), 1U);
    EXPECT_EQ(read->brokers[0].node, 5);
    EXPECT_EQ(read->brokers[0].host, "host");
    EXPECT_EQ(read->brokers[0].port, 9092);
    ASSERT_EQ(read->topics.size(), 1U);
    EXPECT_EQ(read->topics[0].error, ErrorCode::kLeaderNotAvailable);
    EXPECT_EQ(read->topics[0].name, "t");
    EXPECT_EQ(read->topics[0].id, version >= 10 ? (TopicId{1, 2}) : TopicId());
    ASSERT_EQ(read->topics[0].partitions.size(), 1U);
    EXPECT_EQ(read->topics[0].partitions[0].index, 3);
    EXPECT_EQ(read->topics[0].partitions[0].leader, 5);
    EXPECT_EQ(read->topics[0].partitions[0].leader_epoch, 8);
    EXPECT_EQ(read->topics[0].partitions[0].replicas, 2U);
    ExpectWhole(body, [&](const std::string& bytes) { return ReadMetadata(version, bytes).has_value(); });
  }
}

TEST(Messages, AnAnswerToProduceHasItsErrorsAndHints) {
  const auto tagged = [](Encoder& out, const auto& write) {
    std::string bytes;
    Encoder tag(bytes, true);
    write(tag);
    out.UnsignedVarint(1);  // tags
    out.UnsignedVarint(0);  // the number of this one
    out.UnsignedVarint(bytes.size());
    for (const char byte : bytes) out.Int(byte);
  };
  for (const int16_t version : std::to_array<int16_t>({7, 8, 9, 10, 12, 13})) {
    SCOPED_TRACE(version);
    const bool flexible = IsFlexible(Api::kProduce, version);
    const std::string body = Body(Api::kProduce, version, [&](Encoder& out) {
      out.Count(1);
      if (version >= 13) {
        out.Id({3, 4});
      } else {
        out.String("t");
      }
      out.Count(1);
      out.Int(int32_t{6});
      out.Int(static_cast<int16_t>(ErrorCode::kInvalidRecord));
      out.Int(int64_t{70});
      out.Int(int64_t{80});
      out.Int(int64_t{0});
      if (version >= 8) {
        out.Count(1);
        out.Int(int32_t{2});
        out.String("odd");
        out.NoTags();
        out.String("why");
      }
      if (flexible) {
        tagged(out, [](Encoder& tag) {
          tag.Int(int32_t{1});
          tag.Int(int32_t{9});
          tag.NoTags();
        });
      }
      out.NoTags();
      out.Int(int32_t{40});
      if (flexible) {
        tagged(out, [](Encoder& tag) {
          tag.Count(1);
          tag.Int(int32_t{1});
          tag.String("new");
          tag.Int(int32_t{9093});
          tag.NullString();
          tag.NoTags();
        });
      }
    });
    const auto read = ReadProduce(version, body);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->throttle_ms, 40);
    ASSERT_EQ(read->topics.size(), 1U);
    EXPECT_EQ(read->topics[0].name, version >= 13 ? "" : "t");
    EXPECT_EQ(read->topics[0].id, version >= 13 ? (TopicId{3, 4}) : TopicId());
    ASSERT_EQ(read->topics[0].partitions.size(), 1U);
    const PartitionProduced& partition = read->topics[0].partitions[0];
    EXPECT_EQ(partition.index, 6);
    EXPECT_EQ(partition.error, ErrorCode::kInvalidRecord);
    EXPECT_EQ(partition.base_offset, 70);
    EXPECT_EQ(partition.log_append_time_ms, 80);
    ASSERT_EQ(partition.record_errors.size(), version >= 8 ? 1U : 0U);
    if (version >= 8) {
      EXPECT_EQ(partition.record_errors[0].index, 2);
      EXPECT_EQ(partition.record_errors[0].message, "odd");
      EXPECT_EQ(partition.error_message, "why");
    }
    ASSERT_EQ(partition.leader.has_value(), version >= 10);
    ASSERT_EQ(read->brokers.size(), version >= 10 ? 1U : 0U);
    if (version >= 10) {
      EXPECT_EQ(partition.leader->node, 1);
      EXPECT_EQ(partition.leader->epoch, 9);
      EXPECT_EQ(read->brokers[0].node, 1);
      EXPECT_EQ(read->brokers[0].host, "new");
      EXPECT_EQ(read->brokers[0].port, 9093);
    }
    ExpectWhole(body, [&](const std::string& bytes) { return ReadProduce(version, bytes).has_value(); });
  }
}

TEST(Messages, AHintThatCantBeReadIsNone) {
  const auto answer = [](const std::string& leader, const std::string& brokers) {
    return Body(Api::kProduce, 10, [&](Encoder& out) {
      const auto tag = [&](const std::string& bytes) {
        out.UnsignedVarint(1);
        out.UnsignedVarint(0);
        out.UnsignedVarint(bytes.size());
        for (const char byte : bytes) out.Int(byte);
      };
      out.Count(1);
      out.String("t");
      out.Count(1);
      out.Int(int32_t{0});
      out.Int(int16_t{0});
      for (int i = 0; i < 3; ++i) out.Int(int64_t{0});
      out.Count(0);
      out.NullString();
      tag(leader);
      out.NoTags();
      out.Int(int32_t{0});
      tag(brokers);
    });
  };
  const std::string leader("\0\0\0\x01\0\0\0\x02\0", 9);
  const std::string brokers("\x02\0\0\0\x01\x02h\0\0\0\x09\0\0", 13);
  const std::string good = answer(leader, brokers);
  const auto whole = ReadProduce(10, good);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->topics[0].partitions[0].leader);
  EXPECT_EQ(whole->brokers.size(), 1U);
  const std::string cut = answer(leader.substr(0, 8), brokers + "x");
  const auto odd = ReadProduce(10, cut);
  ASSERT_TRUE(odd) << "the answer itself is whole";
  EXPECT_FALSE(odd->topics[0].partitions[0].leader);
  EXPECT_TRUE(odd->brokers.empty());
}

TEST(Messages, AProducerIdComesWithItsEpoch) {
  for (const int16_t version : std::to_array<int16_t>({0, 2, 4})) {
    const std::string body = Body(Api::kInitProducerId, version, [](Encoder& out) {
      out.Int(int32_t{10});
      out.Int(static_cast<int16_t>(ErrorCode::kCoordinatorNotAvailable));
      out.Int(int64_t{1234});
      out.Int(int16_t{5});
      out.NoTags();
    });
    const auto read = ReadInitProducerId(version, body);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->throttle_ms, 10);
    EXPECT_EQ(read->error, ErrorCode::kCoordinatorNotAvailable);
    EXPECT_EQ(read->producer_id, 1234);
    EXPECT_EQ(read->producer_epoch, 5);
    ExpectWhole(body, [&](const std::string& b) { return ReadInitProducerId(version, b).has_value(); });
  }
}

TEST(Messages, ALoginIsAnsweredWithATokenAndASession) {
  for (const int16_t version : std::to_array<int16_t>({0, 1, 2})) {
    const std::string body = Body(Api::kSaslAuthenticate, version, [&](Encoder& out) {
      out.Int(static_cast<int16_t>(ErrorCode::kSaslAuthenticationFailed));
      out.String("no");
      out.Bytes("token");
      if (version >= 1) out.Int(int64_t{60'000});
      out.NoTags();
    });
    const auto read = ReadSaslAuthenticate(version, body);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->error, ErrorCode::kSaslAuthenticationFailed);
    EXPECT_EQ(read->error_message, "no");
    EXPECT_EQ(read->token, "token");
    EXPECT_EQ(read->session_lifetime_ms, version >= 1 ? 60'000 : 0);
    ExpectWhole(body, [&](const std::string& b) { return ReadSaslAuthenticate(version, b).has_value(); });
  }
  const std::string body = Body(Api::kSaslHandshake, 1, [](Encoder& out) {
    out.Int(static_cast<int16_t>(ErrorCode::kUnsupportedSaslMechanism));
    out.Count(2);
    out.String("PLAIN");
    out.String("SCRAM-SHA-256");
  });
  const auto read = ReadSaslHandshake(1, body);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->error, ErrorCode::kUnsupportedSaslMechanism);
  EXPECT_EQ(read->mechanisms, (std::vector<std::string_view>{"PLAIN", "SCRAM-SHA-256"}));
  ExpectWhole(body, [](const std::string& b) { return ReadSaslHandshake(1, b).has_value(); });
}

TEST(Messages, SettingsOfTopicsAreReadWithTheirSynonyms) {
  for (const int16_t version : std::to_array<int16_t>({1, 2, 3, 4})) {
    SCOPED_TRACE(version);
    const std::string body = Body(Api::kDescribeConfigs, version, [&](Encoder& out) {
      out.Int(int32_t{20});
      out.Count(1);
      out.Int(static_cast<int16_t>(ErrorCode::kTopicAuthorizationFailed));
      out.NullString();
      out.Int(int8_t{2});
      out.String("t");
      out.Count(2);
      for (const char* const name : {"cleanup.policy", "max.message.bytes"}) {
        out.String(name);
        out.NullableString(std::string_view(name).starts_with('m') ? std::optional<std::string_view>("7")
                                                                   : std::nullopt);
        out.Bool(false);
        out.Int(int8_t{5});
        out.Bool(false);
        out.Count(1);
        out.String("message.max.bytes");
        out.String("8");
        out.Int(int8_t{5});
        out.NoTags();
        if (version >= 3) {
          out.Int(int8_t{3});
          out.NullString();
        }
        out.NoTags();
      }
      out.NoTags();
      out.NoTags();
    });
    const auto read = ReadDescribeConfigs(version, body);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->throttle_ms, 20);
    ASSERT_EQ(read->topics.size(), 1U);
    EXPECT_EQ(read->topics[0].error, ErrorCode::kTopicAuthorizationFailed);
    EXPECT_EQ(read->topics[0].topic, "t");
    ASSERT_EQ(read->topics[0].values.size(), 2U);
    EXPECT_EQ(read->topics[0].values[0].name, "cleanup.policy");
    EXPECT_EQ(read->topics[0].values[0].value, std::nullopt);
    EXPECT_EQ(read->topics[0].values[1].name, "max.message.bytes");
    EXPECT_EQ(read->topics[0].values[1].value, "7");
    ExpectWhole(body, [&](const std::string& b) { return ReadDescribeConfigs(version, b).has_value(); });
  }
}

TEST(Messages, TheStateOfProducersIsReadOfOnePartition) {
  const std::string body = Body(Api::kDescribeProducers, 0, [](Encoder& out) {
    out.Int(int32_t{15});
    out.Count(1);
    out.String("t");
    out.Count(1);
    out.Int(int32_t{0});
    out.Int(static_cast<int16_t>(ErrorCode::kNotLeaderOrFollower));
    out.NullString();
    out.Count(1);
    out.Int(int64_t{1000});
    out.Int(int32_t{2});
    out.Int(int32_t{30});
    out.Int(int64_t{0});
    out.Int(int32_t{0});
    out.Int(int64_t{-1});
    for (int i = 0; i < 4; ++i) out.NoTags();
  });
  const auto read = ReadDescribeProducers(0, body);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->throttle_ms, 15);
  EXPECT_EQ(read->error, ErrorCode::kNotLeaderOrFollower);
  ASSERT_EQ(read->producers.size(), 1U);
  EXPECT_EQ(read->producers[0].producer_id, 1000);
  EXPECT_EQ(read->producers[0].producer_epoch, 2);
  EXPECT_EQ(read->producers[0].last_sequence, 30);
  ExpectWhole(body, [](const std::string& b) { return ReadDescribeProducers(0, b).has_value(); });
}

TEST(Messages, TheNewestVersionOfBothSidesIsUsed) {
  AgreedVersions agreed;
  EXPECT_EQ(agreed.Newest(Api::kProduce), std::nullopt);
  agreed.Offer(0, {3, 9});
  EXPECT_EQ(agreed.Newest(Api::kProduce), 9);
  agreed.Offer(0, {3, 20});
  EXPECT_EQ(agreed.Newest(Api::kProduce), 13);
  agreed.Offer(0, {13, 20});
  EXPECT_EQ(agreed.Newest(Api::kProduce), 13) << "the only one in common";
  agreed.Offer(0, {0, 6});
  EXPECT_EQ(agreed.Newest(Api::kProduce), std::nullopt);
  agreed.Offer(1, {0, 13});
  EXPECT_EQ(agreed.Newest(Api::kMetadata), std::nullopt) << "that was another request";
}

}  // namespace
}  // namespace ei::kafka::wire
