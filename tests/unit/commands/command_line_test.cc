#include "commands/command_line.h"

#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "event/timestamp.h"

namespace ei::service {
namespace {

using Lines = std::vector<std::string>;

CommandLine Parse(std::vector<std::string_view> arguments) { return ParseCommandLine(arguments); }

TEST(CommandLine, UnknownCommandIsAnsweredWithTheNearest) {
  EXPECT_EQ(Parse({"serv"}).faults, Lines{"\"serv\" is not a command; did you mean serve?"});
  EXPECT_EQ(Parse({"config", "prnit"}).faults,
            Lines{"\"config prnit\" is not a command; did you mean config print?"});
  EXPECT_EQ(Parse({"launch"}).faults, Lines{"\"launch\" is not a command; `event-ingestor help` lists all"});
  EXPECT_EQ(Parse({std::string_view()}).faults.size(), 0u);
  EXPECT_EQ(Parse({"serve", "8080"}).faults.size(), 1u);
  EXPECT_EQ(Parse({"config"}).faults.size(), 1u);
}

TEST(CommandLine, FlagWithoutItsValueIsAFault) {
  EXPECT_EQ(Parse({"--http.port"}).faults, Lines{"--http.port needs a value, as --http.port=VALUE"});
  EXPECT_EQ(Parse({"--http.port", "--log.level=WARN"}).faults,
            Lines{"--http.port needs a value, as --http.port=VALUE"});
}

TEST(CommandLine, AllUsageFaultsAreReported) {
  EXPECT_EQ(
      Parse({"srve", "-p", "--http.port"}).faults,
      (Lines{"\"srve\" is not a command; did you mean serve?", "\"-p\" is not a flag; flags are --KEY=VALUE",
             "--http.port needs a value, as --http.port=VALUE"}));
}

TEST(CommandLine, ShortAndBareDashesAreNoFlags) {
  for (const std::string_view argument : {"-", "--", "-x", "-http.port=1"})
    EXPECT_EQ(Parse({argument}).faults.size(), 1u) << argument;
}

TEST(CommandLine, SwitchesTakeNoValue) {
  EXPECT_EQ(Parse({"config", "print", "--show-origin=yes"}).faults, Lines{"--show-origin takes no value"});
  EXPECT_EQ(Parse({"serve", "--show-origin"}).faults, Lines{"--show-origin belongs to config print"});
}

TEST(CommandLine, CommandsThatReadNoSettingsRefuseThem) {
  EXPECT_EQ(Parse({"config", "docs", "--http.port=1"}).faults, Lines{"config docs takes no settings"});
  EXPECT_EQ(Parse({"metrics", "docs", "--http.port=1"}).faults, Lines{"metrics docs takes no settings"});
}

TEST(CommandLine, EveryCommandIsKnown) {
  EXPECT_EQ(Parse({}).subcommand, Subcommand::kServe);
  EXPECT_EQ(Parse({"serve"}).subcommand, Subcommand::kServe);
  EXPECT_EQ(Parse({"drain"}).subcommand, Subcommand::kDrain);
  EXPECT_EQ(Parse({"health"}).subcommand, Subcommand::kHealth);
  EXPECT_EQ(Parse({"config", "print"}).subcommand, Subcommand::kConfigPrint);
  EXPECT_EQ(Parse({"config", "check"}).subcommand, Subcommand::kConfigCheck);
  EXPECT_EQ(Parse({"config", "docs"}).subcommand, Subcommand::kConfigDocs);
  EXPECT_EQ(Parse({"metrics", "docs"}).subcommand, Subcommand::kMetricsDocs);
  EXPECT_EQ(Parse({"wal", "verify"}).subcommand, Subcommand::kWalVerify);
  EXPECT_EQ(Parse({"wal", "dump"}).subcommand, Subcommand::kWalDump);
  EXPECT_EQ(Parse({"wal", "stats"}).subcommand, Subcommand::kWalStats);
  EXPECT_EQ(Parse({"wal", "repair"}).subcommand, Subcommand::kWalRepair);
  EXPECT_EQ(Parse({"version"}).subcommand, Subcommand::kVersion);
  EXPECT_EQ(Parse({"help"}).subcommand, Subcommand::kHelp);
}

TEST(CommandLine, WrongPositionsAreAFault) {
  for (const std::string_view text :
       {"", ":x", "5", "5:5", "6:5", "-1:5", "1:2:3", "1:18446744073709551616"}) {
    const Lines faults = Parse({"wal", "dump", "--positions", text}).faults;
    ASSERT_EQ(faults.size(), 1u) << text;
    EXPECT_TRUE(faults[0].contains("is not a range FROM:TO, as 1000:2000; either may be left out"))
        << faults[0];
  }
}

TEST(CommandLine, SwitchesOfOtherCommandsAreAFault) {
  EXPECT_EQ(Parse({"wal", "verify", "--all"}).faults, Lines{"--all belongs to wal dump"});
  EXPECT_EQ(Parse({"wal", "dump", "--json"}).faults,
            Lines{"--json belongs to wal stats, dlq stats and clients list"});
  EXPECT_EQ(Parse({"serve", "--live"}).faults, Lines{"--live belongs to health"});
  EXPECT_EQ(Parse({"serve", "--dry-run"}).faults, Lines{"--dry-run belongs to wal repair and redrive"});
}

TEST(CommandLine, SecondFolderIsAFault) {
  EXPECT_EQ(Parse({"wal", "verify", "a", "b"}).faults.size(), 1u);
  EXPECT_EQ(Parse({"wal", "verfy"}).faults,
            Lines{"\"wal verfy\" is not a command; did you mean wal verify?"});
}

TEST(CommandLine, FolderBehindAWalCommandIsTheSettingWalDir) {
  const CommandLine line = Parse({"wal", "dump", "--all", "--positions=5:", "some/folder", "--values"});
  EXPECT_TRUE(line.faults.empty());
  EXPECT_EQ(line.subcommand, Subcommand::kWalDump);
  ASSERT_EQ(line.flags.size(), 1u);
  EXPECT_EQ(line.flags[0].key, "wal.dir");
  EXPECT_EQ(line.flags[0].value, "some/folder");
  EXPECT_TRUE(line.all && line.values);
  EXPECT_EQ(line.positions.from, 5u);
}

TEST(CommandLine, HelpAndVersionWinOverFaults) {
  for (const std::string_view flag : {"-h", "--help"}) {
    const CommandLine line = Parse({"srve", flag, "--http.port"});
    EXPECT_EQ(line.subcommand, Subcommand::kHelp);
    EXPECT_TRUE(line.faults.empty());
  }
  EXPECT_EQ(Parse({"--version"}).subcommand, Subcommand::kVersion);
}

TEST(CommandLine, BothFormsOfAFlagAreTheSame) {
  for (const CommandLine& line : {Parse({"--http.port=80", "config", "print", "--show-origin"}),
                                  Parse({"config", "--http.port", "80", "print", "--show-origin"})}) {
    EXPECT_TRUE(line.faults.empty());
    EXPECT_EQ(line.subcommand, Subcommand::kConfigPrint);
    EXPECT_TRUE(line.show_origin);
    ASSERT_EQ(line.flags.size(), 1u);
    EXPECT_EQ(line.flags[0].key, "http.port");
    EXPECT_EQ(line.flags[0].value, "80");
  }
}

TEST(CommandLine, ValuesMayBeEmptyNegativeOrHoldAnEqualsSign) {
  const CommandLine line = Parse({"--a=", "--b=x=y", "--c", "-5"});
  ASSERT_EQ(line.flags.size(), 3u);
  EXPECT_EQ(line.flags[0].value, "");
  EXPECT_EQ(line.flags[1].value, "x=y");
  EXPECT_EQ(line.flags[2].value, "-5");
}

TEST(CommandLine, ProgramNameIsNoArgument) {
  const char* const arguments[] = {"event-ingestor", "version"};
  EXPECT_EQ(ParseCommandLine(2, arguments).subcommand, Subcommand::kVersion);
  EXPECT_EQ(ParseCommandLine(1, arguments).subcommand, Subcommand::kServe);
  EXPECT_EQ(ParseCommandLine(0, nullptr).subcommand, Subcommand::kServe);
}

TEST(CommandLine, ClientsCommands) {
  EXPECT_EQ(Parse({"clients", "list"}).subcommand, Subcommand::kClientsList);
  EXPECT_EQ(Parse({"clients", "check"}).subcommand, Subcommand::kClientsCheck);
  EXPECT_TRUE(Parse({"clients", "list", "--json"}).json);
  const CommandLine line = Parse(
      {"clients", "rotate", "orders", "--file", "c.yaml", "--grace=7d", "--expires=90d", "--log.level=WARN"});
  EXPECT_EQ(line.faults, Lines{});
  EXPECT_EQ(line.subcommand, Subcommand::kClientsRotate);
  EXPECT_EQ(line.clients.client, "orders");
  EXPECT_EQ(line.clients.file, "c.yaml");
  EXPECT_EQ(line.clients.grace, std::chrono::hours(7 * 24));
  EXPECT_EQ(ExpiryOf(line.clients, base::WallTime()), base::WallTime(std::chrono::hours(90 * 24)));
  ASSERT_EQ(line.flags.size(), 1U);
  EXPECT_EQ(line.flags[0].key, "log.level");
}

TEST(CommandLine, ClientsCommandsThatChangeTheFileNeedAName) {
  for (const char* command : {"add", "rotate", "revoke"}) {
    EXPECT_EQ(Parse({"clients", command}).faults,
              Lines{"clients " + std::string(command) + " needs the name of a client"});
    EXPECT_EQ(Parse({"clients", command, "a"}).clients.client, "a");
    EXPECT_EQ(Parse({"clients", command, "a", "b"}).faults.size(), 1U);
  }
  EXPECT_EQ(Parse({"clients", "list", "a"}).faults.size(), 1U);
}

TEST(CommandLine, FaultyClientsOptionsAreRejected) {
  EXPECT_EQ(Parse({"clients", "add", "a", "--grace=1h"}).faults, Lines{"--grace belongs to clients rotate"});
  EXPECT_EQ(Parse({"clients", "revoke", "a", "--expires=1h"}).faults,
            Lines{"--expires belongs to clients add and clients rotate"});
  EXPECT_EQ(Parse({"clients", "list", "--file="}).faults, Lines{"--file \"\" is empty"});
  EXPECT_EQ(Parse({"clients", "check", "--file=a", "--file=b"}).faults,
            Lines{"--file is given twice; give it once"});
  for (const char* text :
       {"", "soon", "0", "0d", "-1d", "d", "36501d", "99999999999999999d", "1.5", "2027-01-01"}) {
    const std::string expires = "--expires=" + std::string(text);
    const std::string grace = "--grace=" + std::string(text);
    EXPECT_EQ(Parse({"clients", "add", "a", expires}).faults.size(), 1U) << text;
    if (std::string_view(text).starts_with('0')) continue;
    EXPECT_EQ(Parse({"clients", "rotate", "a", grace}).faults.size(), 1U) << text;
  }
  EXPECT_EQ(Parse({"clients", "rotate", "a", "--grace=0"}).clients.grace, base::Duration::zero());
}

TEST(CommandLine, AKeyMayExpireAtATime) {
  const CommandLine line = Parse({"clients", "add", "a", "--expires=2027-01-01T00:00:00Z"});
  EXPECT_EQ(ExpiryOf(line.clients, base::WallTime()), ParseTimestamp("2027-01-01T00:00:00Z"));
  EXPECT_EQ(ExpiryOf(Parse({"clients", "add", "a"}).clients, base::WallTime()), std::nullopt);
}

TEST(HelpText, ListsCommandsAndSettingsWithin100Columns) {
  const std::string help = HelpText();
  for (const char* part : {"config print", "config check", "config docs", "metrics docs", "--http.port",
                           "HTTP_PORT", "Exit status: 0 clean"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part;
  }
  EXPECT_NE(help.find(Version()), std::string::npos);
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST(CommandLine, RedriveTakesItsOptionsAndTheSettings) {
  const CommandLine line = Parse({"redrive", "--code=a", "--dry-run", "--kafka.topic", "t", "--id", "1",
                                  "--again", "--no-transactions"});
  EXPECT_EQ(line.faults, Lines());
  EXPECT_EQ(line.subcommand, Subcommand::kRedrive);
  EXPECT_TRUE(line.dry_run && line.again && line.no_transactions);
  EXPECT_EQ(line.dead_letters.codes, Lines{"a"});
  EXPECT_EQ(line.dead_letters.ids, Lines{"1"});
  ASSERT_EQ(line.flags.size(), 1U);
  EXPECT_EQ(line.flags.front().key, "kafka.topic");
}

TEST(CommandLine, SwitchesBelongToTheirCommands) {
  EXPECT_TRUE(Parse({"dlq", "stats", "--json"}).json);
  EXPECT_EQ(Parse({"redrive", "--json"}).faults,
            Lines{"--json belongs to wal stats, dlq stats and clients list"});
  EXPECT_EQ(Parse({"dlq", "stats", "--again"}).faults, Lines{"--again belongs to redrive"});
  EXPECT_EQ(Parse({"dlq", "stats", "--rate=1"}).faults, Lines{"--rate belongs to redrive"});
}

}  // namespace
}  // namespace ei::service
