#include "settings/yaml.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <string>

#include "settings/report.h"
#include "support/settings_sources.h"

namespace ei::service {
namespace {

using Lines = std::vector<std::string>;

FileContent Read(std::string_view text) { return ReadSettingsYaml("x.yaml", text, ServiceSettings()); }
Lines Faults(std::string_view text) { return LinesOf(Read(text).faults); }

std::string Repeated(std::string_view part, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += part;
  return text;
}

TEST(SettingsYaml, BrokenSyntaxNamesTheLine) {
  EXPECT_EQ(Faults("http:\n  port: [1\n"),
            Lines({"http.port: needs a single value, not a list; allowed: 0 to 65535 (file x.yaml:2)",
                   "is not valid YAML: end of sequence flow not found (file x.yaml:3)"}));
  EXPECT_EQ(Faults("http:\n  port: 80\n threads: 1\n"),
            Lines{"is not valid YAML: end of map not found (file x.yaml:3)"});
  EXPECT_EQ(Faults("log: {level: \"INFO}\n"),
            Lines{"is not valid YAML: end of map flow not found (file x.yaml:2)"});
  EXPECT_EQ(Faults("\thttp: 1\n").back(), "is not valid YAML: illegal map value (file x.yaml:1)");
}

TEST(SettingsYaml, AliasesEndTheReading) {
  EXPECT_EQ(Faults("http: &a\n  port: 1\nadmin: *a\n"),
            (Lines{"anchors (&name) are not supported; write the value where it is needed (file x.yaml:1)",
                   "aliases (*name) are not supported; write the value out (file x.yaml:3)"}));
}

TEST(SettingsYaml, MergeBombIsRejected) {
  std::ostringstream bomb;
  bomb << "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) bomb << 'a' << i << ": &a" << i << " [*a" << i - 1 << ",*a" << i - 1 << "]\n";
  bomb << "<<: *a9\n";
  const Lines faults = Faults(bomb.str());
  ASSERT_FALSE(faults.empty());
  EXPECT_EQ(faults.back(), "aliases (*name) are not supported; write the value out (file x.yaml:2)");
}

TEST(SettingsYaml, ValuesOfRemovedSettingsAreNotRead) {
  for (const char* value : {"1", "null", "[1, 2]", "{a: {b: 1}}", ""}) {
    const FileContent content = Read("wal:\n  segment_bytes: " + std::string(value) + "\n  dir: x\n");
    EXPECT_TRUE(content.faults.empty()) << value;
    ASSERT_EQ(content.removed.size(), 1u) << value;
    EXPECT_EQ(content.removed[0].setting->key, "wal.segment_bytes");
    EXPECT_EQ(content.removed[0].line, 2);
    ASSERT_EQ(content.values.size(), 1u) << value;
    EXPECT_EQ(content.values[0].key, "wal.dir");
  }
  EXPECT_EQ(Read("wal.segment_bytes: 1\n").removed.size(), 1u);
}

TEST(SettingsYaml, TagsAreRejected) {
  EXPECT_EQ(
      Faults("http:\n  port: !!int 80\n"),
      Lines{"the tag \"tag:yaml.org,2002:int\" is not supported; write the value alone (file x.yaml:2)"});
  EXPECT_EQ(Faults("http: !python/object:os.system {port: 1}\n").size(), 1u);
}

TEST(SettingsYaml, ListWhereAValueBelongsIsRejected) {
  EXPECT_EQ(Faults("kafka:\n  brokers:\n    - a:1\n    - b:2\n  topic: t\n"),
            Lines{"kafka.brokers: needs a single value, not a list; allowed: host:port, separated by commas "
                  "(file x.yaml:2)"});
  EXPECT_EQ(Faults("kafka: [1]\n"), Lines{"kafka: is a group of settings, not a list (file x.yaml:1)"});
  EXPECT_EQ(
      Faults("- http\n"),
      Lines{"the file is a list; write settings as \"group:\" and indented \"name: value\" (file x.yaml:1)"});
}

TEST(SettingsYaml, GroupWhereAValueBelongsIsRejected) {
  EXPECT_EQ(Faults("http:\n  port:\n    number: 80\n"),
            Lines{"http.port: needs a single value, not a group; allowed: 0 to 65535 (file x.yaml:2)"});
}

TEST(SettingsYaml, ValueWhereAGroupBelongsIsRejected) {
  EXPECT_EQ(Faults("http: 8080\n"),
            Lines{"http: is a group of settings, but \"8080\" is a single value (file x.yaml:1)"});
  EXPECT_EQ(Faults("8080\n"), Lines{"the file is a single value; write settings as \"group:\" and indented "
                                    "\"name: value\" (file x.yaml:1)"});
}

TEST(SettingsYaml, MissingValueIsRejectedUnlessTheSettingMayBeUnset) {
  EXPECT_EQ(Faults("http:\n  port:\n"),
            Lines{"http.port: has no value; allowed: 0 to 65535 (file x.yaml:2)"});
  EXPECT_EQ(Faults("http:\n  port: ~\n"),
            Lines{"http.port: has no value; allowed: 0 to 65535 (file x.yaml:2)"});
  const FileContent unset = Read("admin:\n  port: null\n");
  ASSERT_EQ(LinesOf(unset.faults), Lines{});
  ASSERT_EQ(unset.values.size(), 1u);
  EXPECT_EQ(unset.values[0].text, "");
}

TEST(SettingsYaml, DuplicatesAreRejectedWithBothLines) {
  EXPECT_EQ(Faults("http:\n  port: 1\n  port: 2\n"),
            Lines{"http.port: is given twice; the first is in line 2 (file x.yaml:3)"});
  EXPECT_EQ(Faults("http:\n  port: 1\nhttp:\n  threads: 2\n"),
            Lines{"http: is given twice; the first is in line 1 (file x.yaml:3)"});
  EXPECT_EQ(Faults("http:\n  port: 1\nhttp.port: 2\n"),
            Lines{"http.port: is given twice; the first is in line 2 (file x.yaml:3)"});
}

TEST(SettingsYaml, KeysThatAreNotNamesAreRejected) {
  constexpr const char* kFault = "a key has to be the name of a setting or of a group (file x.yaml:1)";
  EXPECT_EQ(Faults("{[a]: 1}"), Lines{kFault});
  EXPECT_EQ(Faults("? {a: b}\n: 1\n"), Lines{kFault});
  EXPECT_EQ(Faults("~: 1\n"), Lines{kFault});
}

TEST(SettingsYaml, UnknownGroupIsOneFaultForAnyContent) {
  EXPECT_EQ(Faults("htpp:\n  port: 1\n  deep: {a: [1, {b: c}]}\nlog:\n  level: INFO\n"),
            Lines{"htpp: is not a setting; did you mean http? (file x.yaml:1)"});
}

TEST(SettingsYaml, EnvironmentNameAsAKeyIsAnsweredWithTheKey) {
  EXPECT_EQ(Faults("KAFKA_BROKERS: a:1\n"),
            Lines{"KAFKA_BROKERS: is not a setting; did you mean kafka.brokers? (file x.yaml:1)"});
}

TEST(SettingsYaml, SecondDocumentIsRejected) {
  EXPECT_EQ(Faults("http:\n  port: 1\n---\nhttp:\n  port: 2\n"),
            Lines{"a second YAML document; write all settings into one (file x.yaml:3)"});
}

TEST(SettingsYaml, FileAboveTheLimitIsRejectedUnread) {
  EXPECT_EQ(Faults(std::string(kSettingsFileBytesMax + 1, '\n')),
            Lines{"is larger than 1048576 bytes; is it the right file? (file x.yaml)"});
  EXPECT_EQ(Faults(std::string(kSettingsFileBytesMax, '\n')), Lines{});
}

TEST(SettingsYaml, FaultsAreBounded) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "zzzzzzzz" + std::to_string(i) + ": 1\n";
  const Lines faults = Faults(text);
  ASSERT_EQ(faults.size(), kFileFaultsMax + 1);
  EXPECT_EQ(faults.back(), "too many faults; the rest was not read (file x.yaml:50)");
}

TEST(SettingsYaml, DeepNestingEndsTheReading) {
  const Lines faults = Faults("http:\n  port: " + Repeated("[", 100'000));
  ASSERT_EQ(faults.size(), 2u);
  EXPECT_EQ(faults[1], "nested more than 16 levels deep (file x.yaml:2)");
}

// Each fills the whole file with content that costs a parser most: stack, look-ahead, or memory.
TEST(SettingsYaml, FilesMadeToBreakTheParserAreRejectedInBoundedTime) {
  for (const std::string_view part : {"{",        "[",
                                      "- ",       "? ",
                                      "{a: ",     "[a, ",
                                      "&a ",      "!a ",
                                      "*a ",      "\"",
                                      "'",        "|\n",
                                      ">\n ",     "%",
                                      "% A\n",    "---\n",
                                      "...\n",    "a: ",
                                      ": ",       "\t",
                                      "}",        "]",
                                      ",",        "&",
                                      "!",        "@",
                                      "`",        "-\n",
                                      "\\",       "#\n",
                                      "\r",       "\xff",
                                      "\xfe\xff", "\xef\xbb\xbf",
                                      "{{}: ",    "a:\n ",
                                      "? a\n: "}) {
    const std::string text = Repeated(part, kSettingsFileBytesMax / part.size());
    const Lines faults = Faults(text);
    const Lines nested = Faults("http: {port: " + text.substr(0, text.size() / 2));
    EXPECT_LE(faults.size(), kFileFaultsMax + 1) << Printable(part);
    EXPECT_GE(nested.size(), 1u) << Printable(part);
  }
}

TEST(SettingsYaml, NulBytesAreNoValue) {
  using namespace std::string_literals;
  EXPECT_NE(FaultLines({.yaml = "file:\n  dir: \"a\\0b\"\n"s}), Lines{});
  EXPECT_NE(FaultLines({.yaml = "http:\n  port: 8\0000\n"s}), Lines{});
}

// A valid file with random bytes changed, removed and duplicated: the reader has to return, with any result.
TEST(SettingsYaml, DamagedFilesAreReadOrRejected) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RecordProperty("seed", std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const ResolvedSettings defaults = ResolveSettings(SourcesOf({})).value();
  const std::string valid = PrintSettings(defaults, true);
  const std::string_view marks = "{}[]:,&*!|>'\"%@`#?-~\n\t \\<\xff";
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string text = valid;
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      switch (below(3)) {
        case 0: text[at] = marks[below(marks.size())]; break;
        case 1: text.erase(at, below(20)); break;
        default: text.insert(at, text.substr(below(text.size()), below(40)));
      }
      if (text.empty()) text.push_back(marks.front());
    }
    const Lines faults = FaultLines({.yaml = text});
    if (!faults.empty()) ++refused;
    ASSERT_LE(faults.size(), kFileFaultsMax + 20) << text;
  }
  EXPECT_GT(refused, 1000);
}

TEST(SettingsYaml, EmptyFilesAndGroupsSayNothing) {
  for (const char* text : {"", "\n", "# a comment\n", "---\n", "~\n", "http:\n", "http: {}\n", "{}"}) {
    const FileContent content = Read(text);
    EXPECT_EQ(LinesOf(content.faults), Lines{}) << text;
    EXPECT_TRUE(content.values.empty()) << text;
  }
}

TEST(SettingsYaml, NestedFlowAndDottedFormsAreTheSame) {
  for (const char* text :
       {"http:\n  port: 80\n", "http: {port: 80}", "{\"http\": {\"port\": \"80\"}}", "http.port: 80\n",
        "\xef\xbb\xbfhttp:\r\n  port: 80\r\n", "? http\n: port: 80\n"}) {
    const FileContent content = Read(text);
    EXPECT_EQ(LinesOf(content.faults), Lines{}) << text;
    ASSERT_EQ(content.values.size(), 1u) << text;
    EXPECT_EQ(content.values[0].key, "http.port");
    EXPECT_EQ(content.values[0].text, "80");
  }
}

}  // namespace
}  // namespace ei::service
