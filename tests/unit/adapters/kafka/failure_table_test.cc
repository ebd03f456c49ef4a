#include "adapters/kafka/failure_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ei::kafka {
namespace {

TEST(FailureTable, RecordsThatTheTopicDoesNotAcceptAreRejected) {
  const std::pair<rd_kafka_resp_err_t, std::string_view> rejections[] = {
      {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "message_too_large"},
      {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, "message_too_large"},
      {RD_KAFKA_RESP_ERR_INVALID_RECORD, "invalid_record"},
      {RD_KAFKA_RESP_ERR_INVALID_MSG, "invalid_message"},
      {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, "invalid_message_size"},
      {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "unknown_topic"},
      {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "unknown_topic"},
      {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "not_authorized"}};
  for (const auto& [error, code] : rejections) {
    EXPECT_TRUE(ClassifyRecord(error).rejected) << error;
    EXPECT_EQ(ClassifyRecord(error).code, code) << error;
  }
}

// Errors of an outage, a restart, a wrong clock, or a misconfigured broker.
TEST(FailureTable, EverythingElseIsRetriedAndHasACodeFromASmallSet) {
  const std::set<std::string_view> of_the_record = {"message_too_large", "invalid_record",
                                                    "invalid_message",   "invalid_message_size",
                                                    "unknown_topic",     "not_authorized"};
  const rd_kafka_err_desc* errors = nullptr;
  size_t count = 0;
  rd_kafka_get_err_descs(&errors, &count);
  std::set<std::string_view> codes;
  size_t known = 0;
  for (size_t i = 0; i < count; ++i) {
    if (errors[i].name == nullptr || errors[i].code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    ++known;
    const RecordFailure failure = ClassifyRecord(errors[i].code);
    EXPECT_FALSE(failure.code.empty()) << errors[i].name;
    if (failure.rejected) {
      EXPECT_TRUE(of_the_record.contains(failure.code)) << errors[i].name;
    }
    codes.insert(failure.code);
  }
  EXPECT_GT(known, 100U);
  EXPECT_LE(codes.size(), 12U);
  for (const auto error :
       {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR__FATAL,
        RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION}) {
    EXPECT_FALSE(ClassifyRecord(error).rejected) << rd_kafka_err2name(error);
  }
}

TEST(ClientFaults, RejectedCredentialsAreDistinguishedFromOtherFaults) {
  for (const auto error : {RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
                           RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, RD_KAFKA_RESP_ERR__SSL}) {
    EXPECT_TRUE(ClassifyClientFault(error, "").credentials_rejected) << error;
  }
  for (const auto error : {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__RESOLVE,
                           RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
                           RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_UNKNOWN}) {
    EXPECT_FALSE(ClassifyClientFault(error, "").credentials_rejected) << error;
    EXPECT_FALSE(ClassifyClientFault(error, "").code.empty()) << error;
  }
}

TEST(ClientFaults, ATlsAlertWithinABrokenConnectionMeansRejectedCredentials) {
  const ClientFault fault = ClassifyClientFault(
      RD_KAFKA_RESP_ERR__TRANSPORT,
      "ssl://h:1/bootstrap: Receive failed: error:0A000416:SSL routines::sslv3 alert certificate unknown: SSL alert "
      "number 46 (after 23ms in state APIVERSION_QUERY)");
  EXPECT_TRUE(fault.credentials_rejected);
  EXPECT_EQ(fault.code, "tls_failed");
  EXPECT_EQ(ClassifyClientFault(RD_KAFKA_RESP_ERR__TRANSPORT, "Disconnected").code, "connection_failed");
}

}  // namespace
}  // namespace ei::kafka
