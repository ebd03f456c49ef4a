#include "settings/clients_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "adapters/auth/api_key.h"
#include "event/timestamp.h"
#include "support/temp_folder.h"
#include "system/edited_file.h"

namespace ei::service {
namespace {

constexpr std::string_view kHash =
    "hmac-sha256$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

// The faults, each "line: message"; empty when there are none.
std::string Faults(std::string_view text) {
  const auto clients = ReadClients("clients.yaml", text);
  if (clients) return {};
  std::string all;
  for (const SettingFault& fault : clients.error()) {
    EXPECT_EQ(fault.key, "auth.clients_file");
    const size_t colon = fault.origin.rfind(':');
    all += (colon == std::string::npos ? "-" : fault.origin.substr(colon + 1)) + ": " + fault.message + "\n";
  }
  return all;
}

std::vector<ClientEntry> Read(std::string_view text) {
  auto clients = ReadClients("clients.yaml", text);
  EXPECT_TRUE(clients.has_value()) << Faults(text);
  return clients ? std::move(*clients) : std::vector<ClientEntry>();
}

std::string KeyLine(std::string_view id) {
  return "{id: " + std::string(id) + ", hash: " + std::string(kHash) + "}";
}

TEST(ClientsFile, WholeFile) {
  const auto clients = Read(R"(# who may send
clients:
  - name: orders
    keys:
      - id: 4gVx0q2ZbT7m
        hash: )" + std::string(kHash) +
                            R"(
        expires: 2027-01-01T00:00:00Z   # optional
      - )" + KeyLine("000000000001") +
                            R"(
    certificates: ["uri:spiffe://example.org/orders", "dns:orders.example.org", "subject:CN=orders,O=Example"]
    claims: [{sub: orders, iss: "https://issuer.example"}, {azp: 7}]
    types: ["order.*", refund]
    topics: ["orders*"]
    acks: [memory, broker]
    rate: 1000
    burst: 5000
    inflight_bytes: 8MiB
    journal_part: 0.25
    admin: true
  - name: other
)");
  ASSERT_EQ(clients.size(), 2U);
  const ClientEntry& orders = clients[0];
  EXPECT_EQ(orders.client.name, "orders");
  ASSERT_EQ(orders.keys.size(), 2U);
  EXPECT_EQ(orders.keys[0].id, "4gVx0q2ZbT7m");
  EXPECT_EQ(orders.keys[0].hash, KeyHash());
  EXPECT_EQ(orders.keys[0].expires_at, ParseTimestamp("2027-01-01T00:00:00Z"));
  EXPECT_EQ(orders.keys[1].expires_at, base::WallTime::max());
  EXPECT_EQ(orders.certificates.size(), 3U);
  EXPECT_EQ(orders.claims,
            (std::vector<ClaimSet>{{{"sub", "orders"}, {"iss", "https://issuer.example"}}, {{"azp", "7"}}}));
  const ClientRights& rights = orders.client.rights;
  EXPECT_TRUE(rights.types.Allows("order.paid"));
  EXPECT_TRUE(rights.types.Allows("refund"));
  EXPECT_FALSE(rights.types.Allows("audit"));
  EXPECT_TRUE(rights.topics.Allows("orders-eu"));
  EXPECT_FALSE(rights.topics.Allows("events"));
  EXPECT_EQ(rights.acks, (std::array<bool, 3>{true, false, true}));
  EXPECT_TRUE(rights.admin);
  const ClientLimits& limits = orders.client.limits;
  EXPECT_EQ(limits.rate, 1000);
  EXPECT_EQ(limits.burst, 5000);
  EXPECT_EQ(limits.inflight_bytes_max, uint64_t{8} << 20);
  EXPECT_EQ(limits.journal_part, 0.25);
}

TEST(ClientsFile, WhatIsLeftOutIsNotRestricted) {
  const auto clients = Read("clients:\n  - name: orders\n");
  ASSERT_EQ(clients.size(), 1U);
  const Client& client = clients[0].client;
  EXPECT_TRUE(client.rights.types.AllowsAll());
  EXPECT_TRUE(client.rights.topics.AllowsAll());
  EXPECT_EQ(client.rights.acks, (std::array<bool, 3>{true, true, true}));
  EXPECT_FALSE(client.rights.admin) << "but this right has to be given";
  EXPECT_FALSE(client.limits.rate || client.limits.burst || client.limits.inflight_bytes_max ||
               client.limits.journal_part);
}

TEST(ClientsFile, AnEmptyListOfTypesAllowsNone) {
  const auto clients = Read("clients:\n  - {name: a, types: [], topics: []}\n");
  ASSERT_EQ(clients.size(), 1U);
  EXPECT_FALSE(clients[0].client.rights.types.Allows("order"));
  EXPECT_FALSE(clients[0].client.rights.topics.Allows("orders"));
}

TEST(ClientsFile, AFileThatSaysThatThereAreNoClientsIsAllowed) {
  EXPECT_EQ(Read("clients: []\n").size(), 0U);
  EXPECT_EQ(Read("# nobody yet\nclients:\n  []\n").size(), 0U);
}

TEST(ClientsFile, AnEmptyFileIsAFaultAsItMayBeInTheMiddleOfBeingWritten) {
  for (const char* text : {"", "\n", "# nobody\n", "---\n", "{}\n", "~\n"}) {
    EXPECT_EQ(Faults(text), "-: is empty; write \"clients: []\" for none\n") << text;
  }
  EXPECT_EQ(Faults("clients:\n"), "2: expected \"clients:\" and a list\n");
}

TEST(ClientsFile, EveryFaultIsNamedWithItsLine) {
  const std::string faults = Faults(R"(clients:
  - {nmae: a}
  - {types: [a]}
  - name: "no spaces"
    keys: {}
    certificates: ["orders.example.org", "dns:", [a]]
    claims: [{}, a, {sub: }, {sub: a, sub: b}]
  - name: b
    types: ["a*b", ""]
    topics: ["no spaces", "..", "ok.*", "*"]
    acks: [sometimes, wal]
    rate: fast
    burst: 0
    inflight_bytes: 8 apples
    journal_part: 1.5
    admin: maybe
  - {name: c, acks: [], burst: 5}
  - a
)");
  EXPECT_EQ(
      faults,
      "2: \"nmae\" is not known here; did you mean name?\n"
      "3: clients: a client needs a name\n"
      "4: name: \"no spaces\" is not 1 to 64 characters of A-Z a-z 0-9 . _ -\n"
      "5: keys: has to be a list\n"
      "6: certificates: \"orders.example.org\" does not begin with subject:, dns:, uri: or email:\n"
      "6: certificates: \"dns:\" has no name after the colon\n"
      "6: certificates: each has to be a single value\n"
      "7: claims: each has to be a map such as {iss: https://issuer.example, sub: orders}\n"
      "7: claims: each has to be a map such as {iss: https://issuer.example, sub: orders}\n"
      "7: claims: \"sub\" needs a single value of at most 1024 bytes\n"
      "7: claims: \"sub\" is given twice\n"
      "9: types: \"a*b\" has a * that is not its last character\n"
      "9: types: \"\" is empty; write a name, or a prefix and *\n"
      "10: topics: \"no spaces\" is not a name that Kafka allows for a topic\n"
      "10: topics: \"..\" is not a name that Kafka allows for a topic\n"
      "11: acks: \"sometimes\" is not one of the allowed words; allowed: one of memory, wal, broker\n"
      "12: rate: \"fast\" is not a number; allowed: 0.001 to 1000000000 events per second\n"
      "13: burst: \"0\" is below the range; allowed: 1 to 1000000000 events\n"
      "14: inflight_bytes: \"8 apples\" is not a size: write bytes, or a number and its unit (KiB, MiB, GiB, TiB), "
      "as in 10MiB; allowed: 1KiB to 1TiB\n"
      "15: journal_part: \"1.5\" is above the range; allowed: 0.0001 to 1\n"
      "16: admin: \"maybe\" is not one of the allowed words; allowed: one of true, false\n"
      "17: acks: allows no level; leave it out to allow all\n"
      "17: burst: needs a rate too\n"
      "18: expected a map of name, keys, certificates, claims, types, topics, acks, rate, burst, "
      "inflight_bytes, journal_part, admin\n");
}

TEST(ClientsFile, AFaultyKeyIsNotShown) {
  const std::string key = auth::GenerateApiKey().value();
  const std::string faults = Faults(
      "clients:\n  - name: a\n    keys:\n"
      "      - {id: " +
      key + ", hash: " + std::string(kHash) +
      "}\n"
      "      - {id: 4gVx0q2ZbT7m, hash: " +
      key +
      "}\n"
      "      - {id: 4gVx0q2ZbT7m}\n"
      "      - {id: 4gVx0q2ZbT7m, hash: " +
      std::string(kHash) + ", expires: soon}\n");
  EXPECT_EQ(faults.find(key.substr(16)), std::string::npos);
  EXPECT_EQ(
      faults,
      "4: id: the value (not shown) is not the public part of a key, 12 characters between its first and "
      "its second _\n"
      "5: hash: the value (not shown) is not the hash of a key; `event-ingestor clients add` makes keys and "
      "their hashes\n"
      "6: keys: a key needs an id and a hash\n"
      "7: expires: \"soon\" is not a time such as 2027-01-31T00:00:00Z\n");
}

TEST(ClientsFile, WhatHasToBeUniqueIsCheckedOverAllClients) {
  const std::string faults = Faults(
      "clients:\n"
      "  - name: a\n"
      "    keys: [" +
      KeyLine("000000000001") +
      "]\n"
      "    certificates: [\"dns:A.example\"]\n"
      "    claims: [{iss: i, sub: s}]\n"
      "  - name: a\n"
      "    keys: [" +
      KeyLine("000000000001") +
      "]\n"
      "    certificates: [\"dns:a.example\"]\n"
      "    claims: [{sub: s, iss: i}]\n");
  EXPECT_EQ(faults,
            "6: name: \"a\" is given twice; the first is in line 2\n"
            "7: id: \"000000000001\" is given twice; the first is in line 3\n"
            "8: certificates: \"dns:a.example\" is given twice; the first is in line 4\n"
            "9: claims: \"s\" is given twice; the first is in line 5\n");
}

TEST(ClientsFile, WrongShapesAreRejected) {
  EXPECT_EQ(Faults("- a\n"), "1: expected \"clients:\" and a list\n");
  EXPECT_EQ(Faults("a\n"), "1: expected \"clients:\" and a list\n");
  EXPECT_EQ(Faults("clients: {a: b}\n"), "1: expected \"clients:\" and a list\n");
  EXPECT_EQ(Faults("clients: a\n"), "1: expected \"clients:\" and a list\n");
  EXPECT_EQ(Faults("client: []\n"), "1: \"client\" is not known here; allowed: clients\n");
  EXPECT_EQ(Faults("clients: []\nclients: []\n"), "2: clients is given twice\n");
  EXPECT_EQ(Faults("[a]: b\n"), "1: the name of a member has to be text\n");
  EXPECT_EQ(Faults("clients:\n  - {? [a] : b}\n"), "2: the name of a member has to be text\n");
  EXPECT_NE(Faults("clients: [\n").find("is not valid YAML"), std::string::npos);
  EXPECT_NE(Faults("clients: []\n---\nclients: []\n").find("a second YAML document"), std::string::npos);
}

TEST(ClientsFile, OtherTextThanUtf8IsRejected) {
  EXPECT_EQ(Faults("clients: [] # \xff\n"), "-: is not UTF-8 text\n");
  EXPECT_EQ(Read("clients: [] # \xc3\xa4\n").size(), 0U);
}

TEST(ClientsFile, WhatCanExpandIsRejected) {
  EXPECT_EQ(Faults("clients: [&a {name: a}, *a]\n"),
            "1: anchors (&name) are not supported; write the value out each time\n");
  EXPECT_EQ(Faults("clients: [!x {name: a}]\n"), "1: tags (!name) are not supported\n");
  EXPECT_EQ(Faults("clients: " + std::string(30, '[') + std::string(30, ']')), "1: is nested too deeply\n");
  EXPECT_NE(Faults("clients: [{a: " + std::string(2'000, '[')), "");
}

TEST(ClientsFile, ListsAndItemsAreBounded) {
  const auto many = [](size_t count) {
    std::string list = "clients: [{name: a, types: [";
    for (size_t i = 0; i < count; ++i) list += "a,";
    return list + "]}]";
  };
  EXPECT_EQ(Faults(many(1'000)), "");
  EXPECT_EQ(Faults(many(1'001)), "1: types: more than 1000 of them\n");
  EXPECT_EQ(Faults(many(20'000)), "1: an item of clients has more than 10000 values\n");
}

TEST(ClientsFile, WhatTheParserKeepsIsBounded) {
  std::string one_line = "clients: [";
  while (one_line.size() < 1'200'000) one_line += "{name: c" + std::to_string(one_line.size()) + "},";
  EXPECT_EQ(Faults(one_line + "]\n"), "") << "the parser keeps one client at a time";
  const std::string fault =
      "-: has more than 1048576 bytes in one text, one comment, or brackets that are not closed\n";
  for (const char* part : {"[", "{a: ", "[{a: \n", "a: 1,\n", "{? "}) {
    std::string text = "clients: [{";
    while (text.size() < 4'000'000) text += part;
    EXPECT_EQ(Faults(text), fault) << part;
  }
  EXPECT_EQ(Faults("clients:\n  - name: \"" + std::string(2'000'000, 'a') + "\"\n"), fault);
}

TEST(ClientsFile, AHundredThousandClientsAreReadAndNotOneMore) {
  std::string text = "clients:\n";
  for (size_t i = 0; i < kClientsMax; ++i) text += "- {name: c" + std::to_string(i) + "}\n";
  EXPECT_EQ(Read(text).size(), kClientsMax);
  text += "- {name: one-more}\n- {name: two-more}\n";
  const std::string fault = ": clients: more than 100000 of them\n";
  EXPECT_EQ(Faults(text), "100002" + fault + "100003" + fault);
}

TEST(ClientsFile, TheNumberOfFaultsIsBounded) {
  std::string text = "clients:\n";
  for (int i = 0; i < 1'000; ++i) text += "- a\n";
  EXPECT_EQ(ReadClients("x", text).error().size(), 50U);
}

TEST(ClientsFile, IsReadFromAFile) {
  const support::TempFolder folder;
  const std::string path = folder.Path() / "clients.yaml";
  support::WriteFile(path, "clients: [{name: a}]\n");
  const auto clients = LoadClients(path);
  ASSERT_TRUE(clients.has_value());
  EXPECT_EQ(clients->size(), 1U);
}

TEST(ClientsFile, AFileThatIsReplacedWhileItIsReadIsTheOldOrTheNewOne) {
  const support::TempFolder folder;
  const std::string path = folder.Path() / "clients.yaml";
  const auto text_of = [](const std::string& prefix, int count) {
    std::string text = "clients:\n";
    for (int i = 0; i < count; ++i) text += "- {name: " + prefix + std::to_string(i) + "}\n";
    return text;
  };
  const std::array<std::string, 2> texts = {text_of("old", 100), text_of("new", 200)};
  support::WriteFile(path, texts[0]);
  std::atomic<bool> done = false;
  std::thread editor([&] {
    for (size_t edit = 1; !done; ++edit) {
      auto file = system::EditedFile::Open(path, system::RealFileCalls());
      EXPECT_TRUE(file && file->Replace(texts[edit % 2]));
    }
  });
  for (int i = 0; i < 200; ++i) {
    const auto clients = LoadClients(path);
    EXPECT_TRUE(clients.has_value());
    if (!clients) break;
    const bool old = clients->front().client.name == "old0";
    EXPECT_EQ(clients->size(), old ? 100U : 200U);
    EXPECT_EQ(clients->back().client.name, old ? "old99" : "new199");
  }
  done = true;
  editor.join();
}

TEST(ClientsFile, AFileThatCannotBeReadIsAFault) {
  const support::TempFolder folder;
  const auto fault_of = [](const std::string& path) { return LoadClients(path).error().at(0).message; };
  EXPECT_EQ(fault_of(folder.Path() / "missing"), "can't be read: No such file or directory");
  EXPECT_EQ(fault_of(folder.Path()), "is not a regular file");
  const std::string pipe = folder.Path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(fault_of(pipe), "is not a regular file");
  const std::string large = folder.Path() / "large";
  support::WriteFile(large, "");
  std::filesystem::resize_file(large, kClientsFileBytesMax + 1);
  EXPECT_EQ(fault_of(large), "is larger than 33554432 bytes; is it the right file?");
}

}  // namespace
}  // namespace ei::service
