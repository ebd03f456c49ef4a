#include "settings/load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "settings/yaml.h"
#include "support/settings_sources.h"

namespace ei::service {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

TEST(LoadSettings, OutOfRangeNamesKeyValueRangeAndSource) {
  EXPECT_EQ(FaultLines({.environment = {{"HTTP_PORT", "70000"}}}),
            Lines{"http.port: \"70000\" is above the range; allowed: 0 to 65535 (environment HTTP_PORT)"});
  EXPECT_EQ(
      FaultLines({.flags = {{"http.idle_timeout", "99ms"}}}),
      Lines{
          "http.idle_timeout: \"99ms\" is below the range; allowed: 100ms to 1h (flag --http.idle_timeout)"});
  EXPECT_EQ(FaultLines({.yaml = "log:\n  level: INFO\njournal:\n  bytes_max: 2TiB\n"}),
            Lines{"journal.bytes_max: \"2TiB\" is above the range; allowed: 1MiB to 1TiB (file x.yaml:4)"});
}

TEST(LoadSettings, WrongTypeSaysWhatIsMissing) {
  EXPECT_EQ(
      FaultLines({.environment = {{"HTTP_PORT", "eighty"}}}),
      Lines{"http.port: \"eighty\" is not a whole number; allowed: 0 to 65535 (environment HTTP_PORT)"});
  EXPECT_EQ(FaultLines({.environment = {{"RATE_LIMIT_RPS", "nan"}}}),
            Lines{"rate_limit.rps: \"nan\" is not a number; allowed: 0 to 1000000000 events per second "
                  "(environment RATE_LIMIT_RPS)"});
  EXPECT_EQ(FaultLines({.environment = {{"KAFKA_WRITE_TIMEOUT", "10"}}}),
            Lines{"kafka.write_timeout: \"10\" is not a duration: write a number and its unit (us, ms, s, m, "
                  "h), as in "
                  "10s; allowed: 100ms to 5m (environment KAFKA_WRITE_TIMEOUT)"});
  EXPECT_EQ(FaultLines({.environment = {{"BODY_BYTES_MAX", "10megs"}}}),
            Lines{"ingest.body_bytes_max: \"10megs\" is not a size: write bytes, or a number and its unit "
                  "(KiB, MiB, GiB, "
                  "TiB), as in 10MiB; allowed: 1KiB to 1GiB (environment BODY_BYTES_MAX)"});
  EXPECT_EQ(FaultLines({.environment = {{"ACK", "disk"}}}),
            Lines{"ingest.ack: \"disk\" is not one of the allowed words; allowed: one of memory, wal, broker "
                  "(environment ACK)"});
  EXPECT_EQ(FaultLines({.flags = {{"sink.kind", "kafak"}}}),
            Lines{"sink.kind: \"kafak\" is not one of the allowed words; allowed: one of kafka, file (flag "
                  "--sink.kind)"});
}

TEST(LoadSettings, UnknownNamesAreAnsweredWithTheNearest) {
  EXPECT_EQ(FaultLines({.flags = {{"http.prot", "1"}}}),
            Lines{"http.prot: is not a setting; did you mean --http.port? (flag --http.prot)"});
  EXPECT_EQ(FaultLines({.flags = {{"zzzzzzzz", "1"}}}),
            Lines{"zzzzzzzz: is not a setting; `event-ingestor help` lists all (flag --zzzzzzzz)"});
  EXPECT_EQ(FaultLines({.yaml = "kafka:\n  brokerz: a:1\n"}),
            Lines{"kafka.brokerz: is not a setting; did you mean kafka.brokers? (file x.yaml:2)"});
}

TEST(LoadSettings, AllFaultsOfAllSourcesAreReported) {
  EXPECT_EQ(
      FaultLines({.flags = {{"log.level", "loud"}, {"http.prot", "1"}},
                  .environment = {{"HTTP_PORT", "x"}, {"QUEUE_SIZE", "0"}},
                  .yaml = "htpp:\n  port: 1\nhttp:\n  port: 65536\n"}),
      (Lines{"htpp: is not a setting; did you mean http? (file x.yaml:1)",
             "http.port: \"65536\" is above the range; allowed: 0 to 65535 (file x.yaml:4)",
             "http.port: \"x\" is not a whole number; allowed: 0 to 65535 (environment HTTP_PORT)",
             "journal.events_max: \"0\" is below the range; allowed: 1 to 100000000 events (environment "
             "QUEUE_SIZE)",
             "log.level: \"loud\" is not one of the allowed words; allowed: one of DEBUG, INFO, WARN, ERROR "
             "(flag --log.level)",
             "http.prot: is not a setting; did you mean --http.port? (flag --http.prot)"}));
}

TEST(LoadSettings, AValueThatIsOverriddenIsStillChecked) {
  EXPECT_EQ(FaultLines({.flags = {{"http.port", "1"}}, .environment = {{"HTTP_PORT", "x"}}}),
            Lines{"http.port: \"x\" is not a whole number; allowed: 0 to 65535 (environment HTTP_PORT)"});
}

TEST(LoadSettings, AFlagGivenTwiceIsRejected) {
  EXPECT_EQ(FaultLines({.flags = {{"http.port", "1"}, {"http.port", "2"}}}),
            Lines{"http.port: is given twice; give each flag once (flag --http.port)"});
}

TEST(LoadSettings, AddressThatKubernetesSetsForAServiceIsExplained) {
  EXPECT_EQ(
      FaultLines({.environment = {{"HTTP_PORT", "tcp://10.0.0.1:80"}}}),
      Lines{"http.port: \"tcp://10.0.0.1:80\" is not a whole number; allowed: 0 to 65535; Kubernetes sets "
            "such a "
            "value for a Service of that name: set enableServiceLinks: false in the pod, or the flag instead "
            "(environment HTTP_PORT)"});
}

TEST(LoadSettings, ValuesInMessagesAreCutAndEscaped) {
  EXPECT_EQ(FaultLines({.environment = {{"HTTP_PORT", "1\n\x1b[31m\xc3\xa9"}}}),
            Lines{"http.port: \"1\\x0a\\x1b[31m\\xc3\\xa9\" is not a whole number; allowed: 0 to 65535 "
                  "(environment HTTP_PORT)"});
  EXPECT_EQ(FaultLines({.environment = {{"HTTP_PORT", std::string(5000, 'x')}}}),
            Lines{"http.port: \"" + std::string(80, 'x') +
                  "...\" is not a whole number; allowed: 0 to 65535 (environment HTTP_PORT)"});
}

TEST(LoadSettings, ConflictNamesBothSettingsAndWhereTheyComeFrom) {
  EXPECT_EQ(
      FaultLines({.flags = {{"admin.port", "9000"}}, .environment = {{"HTTP_PORT", "9000"}}}),
      Lines{"admin.port: 9000 is also http.port; choose another port, or leave admin.port unset to have the "
            "operational routes on http.port (admin.port: flag --admin.port; http.port: environment "
            "HTTP_PORT)"});
}

TEST(LoadSettings, NoConflictIsReportedForASettingThatIsWrongByItself) {
  EXPECT_EQ(FaultLines({.environment = {{"BODY_BYTES_MAX", "junk"}, {"EVENT_BYTES_MAX", "20MiB"}}}).size(),
            1u);
}

TEST(LoadSettings, FlagWinsOverEnvironmentOverFileOverDefault) {
  Given given;
  const auto port = [&] { return LoadSettings(SourcesOf(given)).value().http.port; };
  EXPECT_EQ(port(), 8080);
  given.yaml = "http: {port: 1001}";
  EXPECT_EQ(port(), 1001);
  given.environment["HTTP_PORT"] = "1002";
  EXPECT_EQ(port(), 1002);
  given.flags.push_back({"http.port", "1003"});
  EXPECT_EQ(port(), 1003);
}

TEST(LoadSettings, OriginFollowsTheValue) {
  const auto resolved = ResolveSettings(SourcesOf({.flags = {{"http.threads", "3"}},
                                                   .environment = {{"HTTP_ADDRESS", "::1"}},
                                                   .yaml = "http:\n  threads: 2\n  port: 7\n"}));
  ASSERT_TRUE(resolved.has_value());
  const auto origin = [&](std::string_view key) {
    const auto& rows = ServiceSettings().rows();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].key == key) return ToText(resolved->origins[i]);
    }
    return std::string("no such row");
  };
  EXPECT_EQ(origin("http.threads"), "flag --http.threads");
  EXPECT_EQ(origin("http.address"), "environment HTTP_ADDRESS");
  EXPECT_EQ(origin("http.port"), "file x.yaml:3");
  EXPECT_EQ(origin("log.level"), "default");
}

TEST(LoadSettings, RemovedSettingsHaveNoEffectAndAreNamedWithTheirSources) {
  const auto resolved = ResolveSettings(
      SourcesOf({.flags = {{"wal.segment_bytes", "junk"}},
                 .environment = {{"WAL_SEGMENT_BYTES", "1"}, {"FILE_SEGMENT_BYTES", ""}, {"HTTP_PORT", "7"}},
                 .yaml = "wal:\n  segment_bytes: 2MiB\n  dir: x\n"}));
  ASSERT_TRUE(resolved.has_value());
  EXPECT_EQ(resolved->settings.http.port, 7);
  EXPECT_EQ(resolved->settings.wal_dir, "x");
  Lines lines;
  for (const RemovedSettingUse& use : resolved->removed) lines.push_back(ToLine(use));
  const std::string told =
      "wal.segment_bytes: was removed and has no effect. The size of the log's files follows from "
      "wal.bytes_max, ingest.body_bytes_max and ingest.batch_events_max. ";
  EXPECT_EQ(lines, (Lines{told + "(file x.yaml:2)", told + "(environment WAL_SEGMENT_BYTES)",
                          told + "(flag --wal.segment_bytes)"}));
}

TEST(LoadSettings, EmptyEnvironmentValueIsUnset) {
  const auto settings = LoadSettings(
      SourcesOf({.environment = {{"HTTP_PORT", ""}, {"ADMIN_PORT", ""}}, .yaml = "admin: {port: 5}"}));
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->http.port, 8080);
  EXPECT_EQ(settings->http.admin_port, 5);
}

TEST(LoadSettings, EmptyFlagUnsetsWhatMayBeUnsetAndNothingElse) {
  const auto settings =
      LoadSettings(SourcesOf({.flags = {{"admin.port", ""}}, .environment = {{"ADMIN_PORT", "5"}}}));
  ASSERT_TRUE(settings.has_value());
  EXPECT_FALSE(settings->http.admin_port.has_value());
  EXPECT_EQ(FaultLines({.flags = {{"http.port", ""}}}),
            Lines{"http.port: \"\" is not a whole number; allowed: 0 to 65535 (flag --http.port)"});
}

TEST(LoadSettings, EveryKindOfValueArrives) {
  const auto settings = LoadSettings(SourcesOf({.environment = {{"LOG_LEVEL", "warn"},
                                                                {"SINK", "FILE"},
                                                                {"RATE_LIMIT_RPS", "0.5"},
                                                                {"KAFKA_LINGER", "1.5ms"},
                                                                {"KAFKA_COMPRESSION", "zstd"},
                                                                {"KAFKA_BROKERS", "a:1, b:2"},
                                                                {"ADMIN_PORT", "0"},
                                                                {"QUEUE_BYTES_MAX", "1.5GiB"}}}));
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->log_level, LogLevel::kWarn);
  EXPECT_EQ(settings->sink, SinkKind::kFile);
  EXPECT_EQ(settings->shares.rate, 0.5);
  EXPECT_EQ(settings->workers.gather, 1500us);
  EXPECT_EQ(settings->kafka.compression, "zstd");
  EXPECT_EQ(settings->kafka.brokers, "a:1,b:2");
  EXPECT_EQ(settings->http.admin_port, 0);
  EXPECT_EQ(settings->journal.bytes_max, 3ull << 29);
}

class SettingsFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "ei-settings-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

Lines GatheredFaults(std::vector<SettingFlag> flags,
                     std::map<std::string, std::string, std::less<>> environment) {
  const auto resolved = ResolveSettings(GatherSources(std::move(flags), Environment(std::move(environment))));
  return resolved ? Lines{} : LinesOf(resolved.error());
}

TEST_F(SettingsFileTest, MissingFileIsReportedTogetherWithOtherFaults) {
  const std::string name = folder_ / "missing.yaml";
  EXPECT_EQ(
      GatheredFaults({}, {{"CONFIG", name}, {"HTTP_PORT", "x"}}),
      (Lines{"config: " + Quoted(name) + " can't be read: No such file or directory (environment CONFIG)",
             "http.port: \"x\" is not a whole number; allowed: 0 to 65535 (environment HTTP_PORT)"}));
}

TEST_F(SettingsFileTest, FolderIsRejected) {
  EXPECT_EQ(
      GatheredFaults({{"config", folder_}}, {}),
      Lines{"config: " + Quoted(folder_.string()) + " is a folder, not a settings file (flag --config)"});
}

TEST_F(SettingsFileTest, NamelessFileIsRejected) {
  EXPECT_EQ(GatheredFaults({{"config", ""}}, {{"CONFIG", "ignored"}}),
            Lines{"config: needs the name of a settings file (flag --config)"});
}

TEST_F(SettingsFileTest, EndlessFileIsReadUpToTheLimitOnly) {
  EXPECT_EQ(GatheredFaults({{"config", "/dev/zero"}}, {}),
            Lines{"is larger than 1048576 bytes; is it the right file? (file /dev/zero)"});
}

TEST_F(SettingsFileTest, FileNamedTwiceIsRejected) {
  const std::string name = Write("a.yaml", "");
  EXPECT_EQ(GatheredFaults({{"config", name}, {"config", name}}, {}),
            Lines{"config: is given twice; give each flag once (flag --config)"});
}

TEST_F(SettingsFileTest, FlagNamesTheFileBeforeTheEnvironmentDoes) {
  const std::string one = Write("one.yaml", "http:\n  port: 1\n");
  const std::string two = Write("two.yaml", "http:\n  port: 2\n");
  EXPECT_EQ(LoadSettings(GatherSources({}, Environment({{"CONFIG", one}}))).value().http.port, 1);
  EXPECT_EQ(LoadSettings(GatherSources({{"config", two}}, Environment({{"CONFIG", one}}))).value().http.port,
            2);
  EXPECT_EQ(LoadSettings(GatherSources({}, Environment({{"CONFIG", ""}}))).value().http.port, 8080);
}

TEST_F(SettingsFileTest, FileOfExactlyTheLimitIsRead) {
  const std::string start = "http:\n  port: 1\n#";
  const std::string name = Write("full.yaml", start + std::string(kSettingsFileBytesMax - start.size(), 'x'));
  EXPECT_EQ(LoadSettings(GatherSources({{"config", name}}, Environment({}))).value().http.port, 1);
}

}  // namespace
}  // namespace ei::service
