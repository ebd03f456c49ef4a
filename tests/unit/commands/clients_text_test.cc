#include "commands/clients_text.h"

#include <gtest/gtest.h>

#include <string>

#include "event/timestamp.h"

namespace ei::service {
namespace {

using std::chrono::hours;

const base::WallTime kNow = ParseTimestamp("2026-06-01T00:00:00Z").value();
const WrittenKey kKey{"newkeynewkey", "hmac-new", std::nullopt};
const WrittenKey kKeyWithExpiry{"newkeynewkey", "hmac-new", ParseTimestamp("2027-01-01T00:00:00Z")};

// The edits only look at the layout; they don't check hashes.
constexpr std::string_view kFile = R"(# Who may send. Ask the platform team.
clients:
  # The shop.
  - name: orders   # since 2025
    keys:
      - id: aaaaaaaaaaaa
        hash: hmac-a
        expires: 2026-12-31T00:00:00Z   # half a year
      # The second key.
      - id: bbbbbbbbbbbb
        hash: hmac-b

    # Only these.
    types: ["order.*"]

  # Billing.
  - name: billing
    certificates: ["dns:billing.example.org"]

# The end.
)";

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string FaultOf(const base::Result<std::string>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? *result : result.error().message;
}

bool IsUneditable(const base::Result<std::string>& result) {
  return FaultOf(result).starts_with("has a layout that this command can't edit");
}

TEST(ClientsText, ANewClientComesAfterTheLast) {
  EXPECT_EQ(AddClient(kFile, "audit", kKeyWithExpiry), Replaced(std::string(kFile), "\n\n# The end.", R"(
  - name: "audit"
    keys:
      - id: newkeynewkey
        hash: hmac-new
        expires: 2027-01-01T00:00:00Z

# The end.)"));
}

TEST(ClientsText, TheFirstClientOfAFile) {
  constexpr std::string_view kAdded =
      "  - name: \"a\"\n    keys:\n      - id: newkeynewkey\n        hash: hmac-new\n";
  EXPECT_EQ(AddClient("clients: []\n", "a", kKey), "clients:\n" + std::string(kAdded));
  EXPECT_EQ(AddClient("# x\nclients: []  # nobody\n# y", "a", kKey),
            "# x\nclients:   # nobody\n" + std::string(kAdded) + "# y\n");
}

TEST(ClientsText, NamesThatYamlReadsDifferentlyAreText) {
  for (const char* name : {"null", "true", "-", "1", "...", "---"}) {
    EXPECT_TRUE(AddClient(kFile, name, kKey).has_value()) << name;
  }
}

TEST(ClientsText, AnExistingClientIsNotAddedAgain) {
  EXPECT_EQ(FaultOf(AddClient(kFile, "orders", kKey)),
            "has the client \"orders\" already; `event-ingestor clients rotate` gives it a new key");
}

TEST(ClientsText, ARotationEndsTheOtherKeys) {
  std::string wanted = Replaced(std::string(kFile), "2026-12-31T00:00:00Z", "2026-06-02T00:00:00Z");
  wanted = Replaced(wanted, "        hash: hmac-b\n", R"(        hash: hmac-b
        expires: 2026-06-02T00:00:00Z
      - id: newkeynewkey
        hash: hmac-new
)");
  EXPECT_EQ(AddKey(kFile, "orders", kKey, kNow + hours(24), kNow), wanted);
}

TEST(ClientsText, AKeyThatExpiresEarlierKeepsItsTime) {
  const auto text = AddKey(kFile, "orders", kKey, kNow + hours(24 * 365), kNow);
  ASSERT_TRUE(text.has_value());
  EXPECT_NE(text->find("        expires: 2026-12-31T00:00:00Z   # half a year\n"), std::string::npos);
  EXPECT_NE(text->find("        hash: hmac-b\n        expires: 2027-06-01T00:00:00Z\n"), std::string::npos);
}

TEST(ClientsText, ARotationRemovesExpiredKeys) {
  const base::WallTime later = kNow + hours(24 * 300);
  const auto text = AddKey(kFile, "orders", kKey, later + hours(24), later);
  ASSERT_TRUE(text.has_value()) << text.error().message;
  EXPECT_EQ(text->find("aaaaaaaaaaaa"), std::string::npos);
  EXPECT_NE(text->find(R"(    keys:
      # The second key.
      - id: bbbbbbbbbbbb
        hash: hmac-b
        expires: 2027-03-29T00:00:00Z
      - id: newkeynewkey
        hash: hmac-new

    # Only these.)"),
            std::string::npos)
      << *text;
}

TEST(ClientsText, AllKeysMayHaveExpired) {
  constexpr std::string_view kExpired = R"(clients:
- name: a
  keys:
  - {id: a1, hash: h, expires: 2026-01-01T00:00:00Z}
  - {id: a2, hash: h, expires: 2026-01-01T00:00:00Z}
  admin: true
)";
  EXPECT_EQ(AddKey(kExpired, "a", kKey, kNow, kNow), R"(clients:
- name: a
  keys:
  - id: newkeynewkey
    hash: hmac-new
  admin: true
)");
}

TEST(ClientsText, AClientWithoutKeysGetsItsFirst) {
  EXPECT_EQ(AddKey(kFile, "billing", kKey, kNow, kNow),
            Replaced(std::string(kFile), "  - name: billing\n", R"(  - name: billing
    keys:
      - id: newkeynewkey
        hash: hmac-new
)"));
  EXPECT_EQ(AddKey("clients:\n- name: a\n  keys: []\n", "a", kKey, kNow, kNow),
            "clients:\n- name: a\n  keys:\n    - id: newkeynewkey\n      hash: hmac-new\n");
}

TEST(ClientsText, KeysInOneLineEachAreEdited) {
  constexpr std::string_view kShort = R"(clients:
  - keys:
      - {id: a1, hash: h1}  # one
      - {id: a2, hash: h2, expires: "2030-01-01T00:00:00Z"}
    name: a
)";
  EXPECT_EQ(AddKey(kShort, "a", kKey, kNow, kNow), R"(clients:
  - keys:
      - {id: a1, hash: h1, expires: 2026-06-01T00:00:00Z}  # one
      - {id: a2, hash: h2, expires: "2026-06-01T00:00:00Z"}
      - id: newkeynewkey
        hash: hmac-new
    name: a
)");
  EXPECT_EQ(RemoveKey(kShort, "a1"),
            Replaced(std::string(kShort), "      - {id: a1, hash: h1}  # one\n", ""));
}

TEST(ClientsText, ARemovedClientTakesItsLinesAlong) {
  EXPECT_EQ(RemoveClient(kFile, "billing"), Replaced(std::string(kFile), R"(  - name: billing
    certificates: ["dns:billing.example.org"]
)",
                                                     ""));
  const auto text = RemoveClient(kFile, "orders");
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(*text, R"(# Who may send. Ask the platform team.
clients:
  # The shop.

  # Billing.
  - name: billing
    certificates: ["dns:billing.example.org"]

# The end.
)");
  EXPECT_EQ(RemoveClient(*text, "billing"), R"(# Who may send. Ask the platform team.
clients: []
  # The shop.

  # Billing.

# The end.
)");
}

TEST(ClientsText, ARemovedKeyTakesItsLinesAlong) {
  EXPECT_EQ(RemoveKey(kFile, "aaaaaaaaaaaa"), Replaced(std::string(kFile), R"(      - id: aaaaaaaaaaaa
        hash: hmac-a
        expires: 2026-12-31T00:00:00Z   # half a year
)",
                                                       ""));
  const auto text = RemoveKey(kFile, "bbbbbbbbbbbb");
  ASSERT_TRUE(text.has_value());
  const auto without_keys = RemoveKey(*text, "aaaaaaaaaaaa");
  ASSERT_TRUE(without_keys.has_value());
  EXPECT_NE(without_keys->find("    keys: []\n"), std::string::npos) << *without_keys;
}

TEST(ClientsText, WhatIsNotThereIsNamed) {
  EXPECT_EQ(FaultOf(AddKey(kFile, "nobody", kKey, kNow, kNow)), "has no client \"nobody\"");
  EXPECT_EQ(FaultOf(RemoveClient(kFile, "nobody")), "has no client \"nobody\"");
  EXPECT_EQ(FaultOf(RemoveKey(kFile, "hmac-a")), "has no key \"hmac-a\"");
}

TEST(ClientsText, LinesEndAsTheyDid) {
  const std::string text = "clients:\r\n  - name: a\r\n    admin: true\r\n";
  EXPECT_EQ(AddClient(text, "b", kKey),
            text + "  - name: \"b\"\n    keys:\n      - id: newkeynewkey\n        hash: hmac-new\n");
}

TEST(ClientsText, OtherLayoutsAreRefusedAndNeverMisread) {
  for (const char* text : {
           "clients: [{name: a, keys: [{id: a1, hash: h}]}]\n",
           "clients: [{name: a, keys: [{id: a1, hash: h}]},\n  {name: b}]\n",
           "clients:\n  - {name: a, keys: [{id: a1, hash: h}]}\n",
           "clients:\n  - name: a\n    keys: [{id: a1, hash: h}]\n",
           "clients:\n  - name: a\n    keys:\n      [{id: a1, hash: h}]\n",
           "clients:\n  -\n    name: a\n    keys:\n      -\n        id: a1\n        hash: h\n",
           "{clients: [{name: a, keys: [{id: a1, hash: h}]}]}\n",
           "\"clients\":\n  - name: a\n    keys: [{id: a1,\n      hash: h}]\n",
           "clients:\n  - name:\n      a\n    keys: [{id: a1, hash: h}]\n",
       }) {
    EXPECT_TRUE(IsUneditable(AddKey(text, "a", kKey, kNow, kNow))) << text;
    EXPECT_TRUE(IsUneditable(RemoveKey(text, "a1"))) << text;
  }
  EXPECT_TRUE(IsUneditable(AddClient("clients:\n  []\n", "b", kKey)));
  EXPECT_TRUE(IsUneditable(AddClient("{clients: []}\n", "b", kKey)));
  EXPECT_TRUE(IsUneditable(RemoveClient("clients: [{name: a}, {name: b}]\n", "a")));
  EXPECT_TRUE(IsUneditable(AddKey("clients:\n  - name: a\n    keys:\n      - {id: a1,\n         hash: h}\n",
                                  "a", kKey, kNow, kNow)));
}

}  // namespace
}  // namespace ei::service
