#include "settings/checks.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "settings/table.h"

namespace ei::service {
namespace {

// "key / other: message" of the only conflict, "" for none.
std::string OnlyConflict(const Settings& settings) {
  const std::vector<SettingConflict> conflicts = FindConflicts(settings);
  if (conflicts.empty()) return "";
  if (conflicts.size() > 1) return "more than one conflict";
  return std::string(conflicts[0].key) + " / " + std::string(conflicts[0].other) + ": " +
         conflicts[0].message;
}

TEST(SettingConflicts, AdminPortThatIsTheHttpPort) {
  Settings settings = DefaultSettings();
  settings.http.admin_port = settings.http.port;
  EXPECT_EQ(OnlyConflict(settings),
            "admin.port / http.port: 8080 is also http.port; choose another port, or leave admin.port unset "
            "to have the operational routes on http.port");
  settings.http.admin_port = settings.http.port = 0;
  EXPECT_EQ(OnlyConflict(settings), "");
}

TEST(SettingConflicts, BodyThatCannotHoldTheLargestEvent) {
  Settings settings = DefaultSettings();
  settings.http.body_bytes_max = settings.decoder.event_bytes_max;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.http.body_bytes_max = 512 * 1024;
  EXPECT_EQ(OnlyConflict(settings),
            "ingest.body_bytes_max / ingest.event_bytes_max: 512KiB is less than ingest.event_bytes_max "
            "(1000000), so the "
            "largest event would not fit into a request; raise ingest.body_bytes_max or lower "
            "ingest.event_bytes_max");
}

TEST(SettingConflicts, InflightBytesThatCannotHoldTheLargestBody) {
  Settings settings = DefaultSettings();
  settings.http.inflight_bytes_max = 12u << 20;  // 7/8 of it hold 10 MiB and 16 KiB
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.http.inflight_bytes_max = 11u << 20;
  EXPECT_EQ(
      OnlyConflict(settings),
      "http.inflight_bytes_max / ingest.body_bytes_max: 11MiB is too little for the largest body and header "
      "(10MiB and 16KiB), of which one client may use 7/8, so such a request would be rejected on every "
      "retry; raise it to 12MiB or lower ingest.body_bytes_max");
  settings.shares.clients_max = 0;
  EXPECT_EQ(OnlyConflict(settings), "") << "one client may use all of it";
}

// A batch that never fits is rejected with batch_too_large, so these bounds may be as small as the operator
// likes.
TEST(SettingConflicts, JournalThatCannotHoldTheLargestBatchIsNone) {
  Settings settings = DefaultSettings();
  settings.journal.events_max = 50;
  EXPECT_EQ(OnlyConflict(settings), "");
}

TEST(SettingConflicts, JournalThatOneEventCouldFill) {
  Settings settings = DefaultSettings();
  settings.journal.bytes_max = 2'000'000;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.journal.bytes_max = 1024 * 1024;
  EXPECT_EQ(OnlyConflict(settings),
            "journal.bytes_max / ingest.event_bytes_max: 1MiB is less than twice ingest.event_bytes_max "
            "(1000000), so one "
            "large event could fill the journal; raise journal.bytes_max or lower ingest.event_bytes_max");
}

TEST(SettingConflicts, DeadLetterFileThatCannotHoldTheLargestEvent) {
  Settings settings = DefaultSettings();
  settings.dead_letter.bytes_max = 4 * settings.decoder.event_bytes_max;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.dead_letter.bytes_max = 3 * 1024 * 1024;
  EXPECT_EQ(OnlyConflict(settings),
            "dead_letter.bytes_max / ingest.event_bytes_max: 3MiB is less than four times "
            "ingest.event_bytes_max (1000000), so a line of the largest event, with its key and perhaps in "
            "base64, might not fit; raise dead_letter.bytes_max or lower ingest.event_bytes_max");
}

TEST(SettingConflicts, DeadLettersInTheirOwnTopic) {
  Settings settings = DefaultSettings();
  settings.kafka.dlq_topic = settings.kafka.topic;
  EXPECT_EQ(OnlyConflict(settings),
            "kafka.dlq_topic / kafka.topic: \"events\" is also kafka.topic; dead letters need a separate "
            "topic");
}

TEST(SettingConflicts, AckThatPromisesLessThanTheLeast) {
  Settings settings = DefaultSettings();
  settings.ingest.ack_min = AckLevel::kBroker;
  EXPECT_EQ(OnlyConflict(settings),
            "ingest.ack / ingest.ack_min: wal promises less than ingest.ack_min (broker); raise ingest.ack "
            "or lower ingest.ack_min");
  settings.ingest.ack = AckLevel::kBroker;
  EXPECT_EQ(OnlyConflict(settings), "");
}

TEST(SettingConflicts, LogThatIsFullWithTheLargestBody) {
  Settings settings = DefaultSettings();
  settings.wal.bytes_max = 64u << 20;
  settings.http.inflight_bytes_max = 256u << 20;
  settings.http.body_bytes_max = 16u << 20;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.http.body_bytes_max = 17u << 20;
  EXPECT_EQ(OnlyConflict(settings),
            "wal.bytes_max / ingest.body_bytes_max: 64MiB is less than four times ingest.body_bytes_max "
            "(17MiB), so the log would be full before it could free any disk space; raise wal.bytes_max or "
            "lower ingest.body_bytes_max");
  settings.ingest.ack = AckLevel::kMemory;
  EXPECT_EQ(OnlyConflict(settings), "") << "the log is off";
}

TEST(SettingConflicts, BodyThatIsTooLargeForAnyLog) {
  Settings settings = DefaultSettings();
  settings.wal.bytes_max = uint64_t{1} << 40;
  settings.http.inflight_bytes_max = uint64_t{2} << 30;
  settings.http.body_bytes_max = 512u << 20;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.http.body_bytes_max = 1u << 30;
  EXPECT_EQ(OnlyConflict(settings),
            "ingest.body_bytes_max / ingest.ack: 1GiB is more than the write-ahead log takes (512MiB); lower "
            "ingest.body_bytes_max, or use no log: set ingest.ack and ingest.ack_min to other levels than "
            "wal");
  settings.ingest.ack = AckLevel::kMemory;
  EXPECT_EQ(OnlyConflict(settings), "") << "the log is off";
}

TEST(SettingConflicts, AcksThatAlwaysComeTooLate) {
  Settings settings = DefaultSettings();
  settings.http.ack_timeout = std::chrono::milliseconds(150);
  settings.workers.gather = std::chrono::milliseconds(200);
  EXPECT_EQ(OnlyConflict(settings),
            "ingest.ack_timeout / kafka.linger: 150ms is less than kafka.linger (200ms), so every request at "
            "level broker would time out; raise ingest.ack_timeout or lower kafka.linger");
  settings.sink = SinkKind::kFile;
  EXPECT_EQ(OnlyConflict(settings), "");
}

TEST(SettingConflicts, AllAreReported) {
  Settings settings = DefaultSettings();
  settings.http.admin_port = settings.http.port;
  settings.kafka.dlq_topic = settings.kafka.topic;
  EXPECT_EQ(FindConflicts(settings).size(), 2u);
}

}  // namespace
}  // namespace ei::service
