#include "commands/settings_commands.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "settings/report.h"
#include "support/settings_sources.h"

namespace ei::service {
namespace {

struct Ran {
  std::optional<int> status;
  std::string out;
  std::string errors;
};

Ran RunCommand(std::vector<std::string_view> arguments,
               std::map<std::string, std::string, std::less<>> environment = {}) {
  std::ostringstream out;
  std::ostringstream errors;
  const auto status =
      RunSettingsCommand(ParseCommandLine(arguments), Environment(std::move(environment)), out, errors);
  return {status, out.str(), errors.str()};
}

TEST(SettingsCommands, UsageFaultEndsWithStatus2) {
  const Ran ran = RunCommand({"serv"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.errors, "event-ingestor: \"serv\" is not a command; did you mean serve?\n");
}

TEST(SettingsCommands, ConfigCheckPrintsAllFaultsAndEndsWithStatus2) {
  const Ran ran = RunCommand({"config", "check", "--http.port=x"}, {{"LOG_LEVEL", "loud"}});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(
      ran.errors,
      "event-ingestor: log.level: \"loud\" is not one of the allowed words; allowed: one of DEBUG, INFO, "
      "WARN, ERROR "
      "(environment LOG_LEVEL)\n"
      "event-ingestor: http.port: \"x\" is not a whole number; allowed: 0 to 65535 (flag --http.port)\n");
}

TEST(SettingsCommands, ConfigPrintRefusesWrongSettingsToo) {
  const Ran ran = RunCommand({"config", "print"}, {{"HTTP_PORT", "x"}});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.out, "");
}

TEST(SettingsCommands, ConfigCheckOfGoodSettingsSaysOk) {
  const Ran ran = RunCommand({"config", "check"}, {{"HTTP_PORT", "80"}});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.out, "ok\n");
  EXPECT_EQ(ran.errors, "");
}

TEST(SettingsCommands, ConfigCheckWarnsOfRemovedSettings) {
  const Ran ran = RunCommand({"config", "check", "--file.segment_bytes=1MiB"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.out, "ok\n");
  EXPECT_EQ(
      ran.errors,
      "event-ingestor: warning: file.segment_bytes: was removed and has no effect. The file sink starts "
      "a new file after 128 MiB. (flag --file.segment_bytes)\n");
}

TEST(SettingsCommands, ConfigPrintShowsEffectiveValues) {
  const Ran ran = RunCommand({"config", "print", "--show-origin", "--http.port", "80"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_NE(ran.out.find("http:\n  address: 127.0.0.1  # default\n  port: 80  # flag --http.port\n"),
            std::string::npos);
}

TEST(SettingsCommands, DocsHelpAndVersionArePrinted) {
  EXPECT_EQ(RunCommand({"config", "docs"}).out, SettingsDocument());
  EXPECT_EQ(RunCommand({"help"}).out, HelpText());
  const Ran version = RunCommand({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out, "event-ingestor " + std::string(Version()) + "\n");
}

TEST(SettingsCommands, OtherCommandsAreLeftToTheCaller) {
  EXPECT_EQ(RunCommand({}).status, std::nullopt);
  EXPECT_EQ(RunCommand({"serve"}).status, std::nullopt);
  EXPECT_EQ(RunCommand({"metrics", "docs"}).status, std::nullopt);
  EXPECT_EQ(RunCommand({"wal", "repair"}).status, std::nullopt);
}

}  // namespace
}  // namespace ei::service
