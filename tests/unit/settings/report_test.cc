#include "settings/report.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

#include "settings/text.h"
#include "support/settings_sources.h"

namespace ei::service {
namespace {

std::size_t Count(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

SettingsTable TableWithSecret() {
  return SettingsTable(
      {Declare({.key = "kafka.password",
                .env = "KAFKA_PASSWORD",
                .text = "A password.",
                .example = "x",
                .secret = true},
               Text{.fallback = "",
                    .allowed = "at least 8 characters",
                    .read = [](std::string_view text) -> base::Result<std::string> {
                      if (!text.empty() && text.size() < 8) {
                        return base::Fail(base::ErrorKind::kInvalid, "is too short");
                      }
                      return std::string(text);
                    }},
               &Settings::kafka, &kafka::KafkaOptions::topic),
       // Keeps the two topics of the checks between settings apart.
       Declare({.key = "kafka.dlq_topic", .env = "KAFKA_DLQ_TOPIC", .text = "A topic.", .example = "x"},
               Text{.fallback = "dlq", .allowed = "a topic", .read = ReadTopic}, &Settings::kafka,
               &kafka::KafkaOptions::dlq_topic)});
}

TEST(PrintSettings, SecretIsMasked) {
  const SettingsTable table = TableWithSecret();
  const auto resolved =
      ResolveSettings(SourcesOf({.environment = {{"KAFKA_PASSWORD", "hunter2hunter2"}}}), table);
  ASSERT_TRUE(resolved.has_value()) << ToLine(resolved.error().at(0));
  EXPECT_EQ(PrintSettings(*resolved, true, table),
            "kafka:\n  password: \"********\"  # environment KAFKA_PASSWORD\n  dlq_topic: dlq  # default\n");
  const auto unset = ResolveSettings(SourcesOf({}), table);
  ASSERT_TRUE(unset.has_value());
  EXPECT_EQ(PrintSettings(*unset, false, table), "kafka:\n  password: \"\"\n  dlq_topic: dlq\n");
}

TEST(PrintSettings, SecretIsNotShownInAFault) {
  const SettingsTable table = TableWithSecret();
  const auto resolved = ResolveSettings(SourcesOf({.environment = {{"KAFKA_PASSWORD", "hunter2"}}}), table);
  ASSERT_FALSE(resolved.has_value());
  EXPECT_EQ(ToLine(resolved.error().at(0)),
            "kafka.password: the value (not shown) is too short; allowed: at least 8 characters "
            "(environment KAFKA_PASSWORD)");
}

TEST(PrintSettings, MaskIsNotTakenForASecret) {
  const SettingsTable table = TableWithSecret();
  const auto resolved = ResolveSettings(SourcesOf({.yaml = "kafka: {password: \"********\"}"}), table);
  ASSERT_FALSE(resolved.has_value());
  EXPECT_EQ(ToLine(resolved.error().at(0)),
            "kafka.password: \"********\" is the placeholder of a secret in printed settings; write the "
            "secret itself (file x.yaml:1)");
}

TEST(PrintSettings, DefaultsComeBackThroughYaml) {
  const ResolvedSettings defaults = ResolveSettings(SourcesOf({})).value();
  for (const bool show_origin : {false, true}) {
    const std::string yaml = PrintSettings(defaults, show_origin);
    const auto again = ResolveSettings(SourcesOf({.yaml = yaml}));
    ASSERT_TRUE(again.has_value()) << ToLine(again.error().at(0)) << '\n' << yaml;
    for (std::size_t i = 0; i < ServiceSettings().rows().size(); ++i) {
      const Setting& row = ServiceSettings().rows()[i];
      EXPECT_EQ(row.format(again->settings), row.fallback) << row.key;
      EXPECT_EQ(again->origins[i].kind, OriginKind::kFile) << row.key;
    }
  }
}

// The other settings that the example of `key` needs.
std::vector<SettingFlag> CompanionsOf(std::string_view key) {
  const std::vector<SettingFlag> keys = {{"auth.methods", "keys"}, {"auth.clients_file", "c"}};
  const std::vector<SettingFlag> tokens = {
      {"auth.methods", "jwt"}, {"auth.jwt_issuer", "i"}, {"auth.jwt_audience", "a"}};
  const std::vector<SettingFlag> keys_and_tokens = {{"auth.clients_file", "c"},
                                                    {"auth.jwks_file", "k"},
                                                    {"auth.jwt_issuer", "i"},
                                                    {"auth.jwt_audience", "a"}};
  const std::map<std::string_view, std::vector<SettingFlag>> companions = {
      {"admin.auth", keys},
      {"auth.methods", keys_and_tokens},
      {"auth.clients_file", {{"auth.methods", "keys"}}},
      {"auth.jwks_file", tokens},
      {"auth.jwks_url", tokens},
      {"http.proxy_protocol", {{"http.trusted_proxies", "10.0.0.0/8"}}},
      {"http.tls.certificate_file", {{"http.tls.key_file", "k"}}},
      {"http.tls.key_file", {{"http.tls.certificate_file", "c"}}},
      {"http.tls.client_ca_file",
       {{"http.tls.certificate_file", "c"},
        {"http.tls.key_file", "k"},
        {"http.tls.client_auth", "optional"}}},
      {"http.tls.client_auth",
       {{"http.tls.certificate_file", "c"}, {"http.tls.key_file", "k"}, {"http.tls.client_ca_file", "a"}}},
      {"ingest.ack_min", {{"ingest.ack", "broker"}}},
      {"kafka.security.protocol",
       {{"kafka.security.mechanism", "PLAIN"},
        {"kafka.security.username", "u"},
        {"kafka.security.password_file", "p"}}},
      {"kafka.security.mechanism",
       {{"kafka.security.protocol", "SASL_SSL"},
        {"kafka.security.username", "u"},
        {"kafka.security.password_file", "p"}}},
      {"kafka.security.ca_file", {{"kafka.security.protocol", "SSL"}}},
      {"kafka.security.certificate_file",
       {{"kafka.security.protocol", "SSL"}, {"kafka.security.key_file", "k"}}},
      {"kafka.security.key_file",
       {{"kafka.security.protocol", "SSL"}, {"kafka.security.certificate_file", "c"}}},
  };
  const auto found = companions.find(key);
  return found == companions.end() ? std::vector<SettingFlag>() : found->second;
}

TEST(PrintSettings, EveryExampleComesBackThroughYaml) {
  for (const Setting& row : ServiceSettings().rows()) {
    if (row.secret) continue;
    std::vector<SettingFlag> flags = {{std::string(row.key), std::string(row.example)}};
    for (const SettingFlag& other : CompanionsOf(row.key)) flags.push_back(other);
    const auto given = ResolveSettings(SourcesOf({.flags = flags}));
    ASSERT_TRUE(given.has_value()) << ToLine(given.error().at(0));
    const auto again = ResolveSettings(SourcesOf({.yaml = PrintSettings(*given, true)}));
    ASSERT_TRUE(again.has_value()) << ToLine(again.error().at(0));
    EXPECT_EQ(row.format(again->settings), row.example) << row.key;
  }
}

TEST(PrintSettings, TextThatMeansSomethingToYamlComesBackAsWritten) {
  for (const char* dir : {"null", "~",     "true", "No",  "on",  "1e3", "0x10", "- a",
                          "a: b", "a #b",  "#a",   "*a",  "&a",  "!a",  "[a]",  "{a}",
                          "'a'",  "\"a\"", "a\\b", "%a",  "@a",  "`a",  "|",    ">",
                          "? a",  " a ",   "-",    "---", "...", ".",   "a,b",  "/var/\xc3\xa9",
                          "<<",   "=",     "C:\\x"}) {
    const auto given = ResolveSettings(SourcesOf({.flags = {{"file.dir", dir}}}));
    ASSERT_TRUE(given.has_value()) << dir;
    const auto again = ResolveSettings(SourcesOf({.yaml = PrintSettings(*given, true)}));
    ASSERT_TRUE(again.has_value()) << ToLine(again.error().at(0));
    EXPECT_EQ(again->settings.file.directory, dir);
  }
}

TEST(PrintSettings, OriginFollowsEachValue) {
  const auto resolved = ResolveSettings(SourcesOf({.flags = {{"http.port", "1"}},
                                                   .environment = {{"HTTP_ADDRESS", "::1"}},
                                                   .yaml = "journal: {bytes_max: 10240KiB}"}));
  ASSERT_TRUE(resolved.has_value());
  const std::string yaml = PrintSettings(*resolved, true);
  EXPECT_EQ(Count(yaml, "  port: 1  # flag --http.port\n"), 1u) << yaml;
  EXPECT_EQ(Count(yaml, "  address: \"::1\"  # environment HTTP_ADDRESS\n"), 1u) << yaml;
  EXPECT_EQ(Count(yaml, "  bytes_max: 10MiB  # file x.yaml:1\n"), 1u) << yaml;
  EXPECT_EQ(Count(yaml, "  retry_backoff: 100ms  # default\n"), 1u) << yaml;
  EXPECT_EQ(Count(PrintSettings(*resolved, false), "#"), 0u);
}

TEST(PrintSettings, NameOfTheFileCannotBreakOutOfItsComment) {
  SettingSources sources = SourcesOf({});
  sources.file = SettingsFile{"x\nhttp: {port: 1}", "log: {level: WARN}"};
  const auto resolved = ResolveSettings(sources);
  ASSERT_TRUE(resolved.has_value());
  EXPECT_EQ(Count(PrintSettings(*resolved, true), "  level: WARN  # file x\\x0ahttp: {port: 1}:1\n"), 1u);
}

TEST(SettingsHelp, ShowsEverySettingWithin100Columns) {
  const std::string help = SettingsHelp();
  for (const Setting& row : ServiceSettings().rows()) {
    EXPECT_EQ(
        Count(help, "--" + std::string(row.key) + "=<" + row.type + ">  " + std::string(row.env) + "\n"), 1u);
    EXPECT_GE(Count(help, "default " + (row.fallback.empty() ? "unset" : row.fallback) + ";"), 1u) << row.key;
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST(SettingsDocument, ShowsEverySettingOnceAsARow) {
  const std::string document = SettingsDocument();
  for (const Setting& row : ServiceSettings().rows()) {
    EXPECT_EQ(Count(document, "\n| `" + std::string(row.key) + "` | `" + std::string(row.env) + "` |"), 1u)
        << row.key;
    EXPECT_GE(Count(document, row.allowed), 1u) << row.key;
  }
}

TEST(SettingsDocument, ExampleFileInItLoads) {
  const std::string document = SettingsDocument();
  const std::size_t begin = document.find("```yaml\n") + 8;
  const std::string yaml = document.substr(begin, document.find("```", begin) - begin);
  const auto settings = LoadSettings(SourcesOf({.yaml = yaml}));
  ASSERT_TRUE(settings.has_value()) << ToLine(settings.error().at(0));
  EXPECT_EQ(settings->kafka.brokers, "broker-1:9092,broker-2:9092");
}

}  // namespace
}  // namespace ei::service
