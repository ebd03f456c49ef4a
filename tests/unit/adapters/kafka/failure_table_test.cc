#include "adapters/kafka/failure_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ei::kafka {
namespace {

using app::Verdict;

TEST(FailureTable, SuccessIsDelivered) {
  for (const bool alone : {false, true}) {
    EXPECT_EQ(Classify(RD_KAFKA_RESP_ERR_NO_ERROR, alone).verdict, Verdict::kDelivered);
    EXPECT_TRUE(Classify(RD_KAFKA_RESP_ERR_NO_ERROR, alone).code.empty());
  }
}

TEST(FailureTable, TooLargeIsTheEventsOwnFaultOnlyWhenItWasAlone) {
  for (const auto error : {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE}) {
    EXPECT_EQ(Classify(error, false).verdict, Verdict::kEventRefused);
    EXPECT_EQ(Classify(error, true).verdict, Verdict::kEventInvalid);
    EXPECT_EQ(Classify(error, true).code, "message_too_large");
  }
}

TEST(FailureTable, RefusedRecordsAreTriedAgainAloneFirst) {
  for (const auto error : {RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_MSG,
                           RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE}) {
    for (const bool alone : {false, true})
      EXPECT_EQ(Classify(error, alone).verdict, Verdict::kEventRefused) << error;
  }
}

// The time of a record is that of its sending, so this machine's clock is at fault and no event.
TEST(FailureTable, ATimeThatIsRefusedIsTheClocks) {
  for (const bool alone : {false, true}) {
    const Failure failure = Classify(RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, alone);
    EXPECT_EQ(failure.verdict, Verdict::kTransient);
    EXPECT_EQ(failure.code, "clock_refused");
    EXPECT_NE(failure.hint.find("clock"), std::string_view::npos);
  }
}

// What comes of an outage, a restart, a misconfigured topic or broker: none may cost an event.
TEST(FailureTable, WhatTheBrokerSideCausesIsTransient) {
  for (const auto error : {RD_KAFKA_RESP_ERR__TRANSPORT,
                           RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
                           RD_KAFKA_RESP_ERR__RESOLVE,
                           RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
                           RD_KAFKA_RESP_ERR__TIMED_OUT,
                           RD_KAFKA_RESP_ERR__QUEUE_FULL,
                           RD_KAFKA_RESP_ERR__AUTHENTICATION,
                           RD_KAFKA_RESP_ERR__SSL,
                           RD_KAFKA_RESP_ERR__FATAL,
                           RD_KAFKA_RESP_ERR__PURGE_QUEUE,
                           RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
                           RD_KAFKA_RESP_ERR__STATE,
                           RD_KAFKA_RESP_ERR__DESTROY,
                           RD_KAFKA_RESP_ERR_UNKNOWN,
                           RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
                           RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                           RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                           RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
                           RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
                           RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                           RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                           RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                           RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
                           RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                           RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER,
                           RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
                           RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
                           RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
                           RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED}) {
    for (const bool alone : {false, true}) {
      EXPECT_EQ(Classify(error, alone).verdict, Verdict::kTransient) << rd_kafka_err2name(error);
    }
  }
}

TEST(FailureTable, SettingsThatDoNotFitAreTransientAndNamed) {
  for (const auto error :
       {RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
        RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
        RD_KAFKA_RESP_ERR_INVALID_CONFIG, RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
        RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
        RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE}) {
    EXPECT_EQ(Classify(error, false).verdict, Verdict::kTransient) << rd_kafka_err2name(error);
    EXPECT_EQ(Classify(error, false).code, "misconfigured") << rd_kafka_err2name(error);
  }
}

TEST(FailureTable, ATopicThatIsNotThereIsTriedAgainForAWhile) {
  for (const auto error : {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
                           RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART}) {
    EXPECT_EQ(Classify(error, false).verdict, Verdict::kUnknownTopic) << rd_kafka_err2name(error);
    EXPECT_EQ(Classify(error, true).code, "unknown_topic") << rd_kafka_err2name(error);
  }
}

TEST(FailureTable, ADeadLetterTopicThatIsNotThereOrNotOpenRefuses) {
  for (const auto error : {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                           RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_INVALID_RECORD}) {
    EXPECT_EQ(ClassifyLetter(error).verdict, Verdict::kEventRefused) << rd_kafka_err2name(error);
    EXPECT_EQ(ClassifyLetter(error).code, Classify(error, true).code);
  }
  EXPECT_EQ(ClassifyLetter(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE).verdict, Verdict::kEventInvalid);
  EXPECT_EQ(ClassifyLetter(RD_KAFKA_RESP_ERR_NO_ERROR).verdict, Verdict::kDelivered);
}

TEST(FailureTable, AnOutageOfTheDeadLetterTopicIsWaitedFor) {
  for (const auto error :
       {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__STATE}) {
    EXPECT_EQ(ClassifyLetter(error).verdict, Verdict::kTransient) << rd_kafka_err2name(error);
  }
}

TEST(FailureTable, EveryErrorThereIsHasACodeFromASmallSet) {
  const rd_kafka_err_desc* errors = nullptr;
  size_t count = 0;
  rd_kafka_get_err_descs(&errors, &count);
  std::set<std::string> codes;
  size_t known = 0;
  for (size_t i = 0; i < count; ++i) {
    if (errors[i].name == nullptr || errors[i].code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    ++known;
    for (const bool alone : {false, true}) {
      const Failure failure = Classify(errors[i].code, alone);
      EXPECT_NE(failure.verdict, Verdict::kDelivered) << errors[i].name;
      EXPECT_FALSE(failure.code.empty()) << errors[i].name;
      EXPECT_EQ(failure.code.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos)
          << failure.code;
      codes.insert(std::string(failure.code));
    }
  }
  EXPECT_GT(known, 100U);
  EXPECT_LE(codes.size(), 16U);
}

TEST(ClientFaults, RefusalsAreToldFromTrouble) {
  for (const auto error : {RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
                           RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, RD_KAFKA_RESP_ERR__SSL}) {
    EXPECT_TRUE(ClassifyClientFault(error, "").refusal) << error;
  }
  for (const auto error : {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__RESOLVE,
                           RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
                           RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_UNKNOWN}) {
    EXPECT_FALSE(ClassifyClientFault(error, "").refusal) << error;
    EXPECT_FALSE(ClassifyClientFault(error, "").code.empty()) << error;
  }
}

TEST(ClientFaults, AnAlertOfTlsWithinABrokenConnectionIsARefusal) {
  const ClientFault fault = ClassifyClientFault(
      RD_KAFKA_RESP_ERR__TRANSPORT,
      "ssl://h:1/bootstrap: Receive failed: error:0A000416:SSL routines::sslv3 alert certificate unknown: SSL alert "
      "number 46 (after 23ms in state APIVERSION_QUERY)");
  EXPECT_TRUE(fault.refusal);
  EXPECT_EQ(fault.code, "tls_failed");
  EXPECT_EQ(ClassifyClientFault(RD_KAFKA_RESP_ERR__TRANSPORT, "Disconnected").code, "connection_failed");
}

}  // namespace
}  // namespace ei::kafka
