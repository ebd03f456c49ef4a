#include "commands/clients_commands.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "adapters/auth/api_key.h"
#include "commands/clients_text.h"
#include "commands/settings_commands.h"
#include "settings/clients_file.h"
#include "support/temp_folder.h"
#include "support/virtual_clock.h"

namespace ei::service {
namespace {

using std::chrono::hours;

struct Ran {
  int status = -1;
  std::string out;
  std::string errors;
};

class ClientsCommandsTest : public testing::Test {
 protected:
  Ran Run(std::vector<std::string_view> arguments) {
    std::ostringstream out;
    const Ran ran = RunTo(out, std::move(arguments));
    return {ran.status, out.str(), ran.errors};
  }
  Ran RunTo(std::ostream& out, std::vector<std::string_view> arguments) {
    arguments.insert(arguments.begin(), "clients");
    const CommandLine line = ParseCommandLine(arguments);
    EXPECT_TRUE(line.faults.empty()) << line.faults.front();
    std::ostringstream errors;
    const int status = RunClientsCommand(line, path_, clock_, out, errors);
    return {status, "", errors.str()};
  }
  // Runs a command that prints a key, and returns it.
  std::string KeyOf(std::vector<std::string_view> arguments) {
    const Ran ran = Run(std::move(arguments));
    EXPECT_EQ(ran.status, kExitClean) << ran.errors;
    EXPECT_EQ(ran.out.size(), auth::kApiKeyBytes + 1);
    const std::string key = ran.out.substr(0, auth::kApiKeyBytes);
    EXPECT_TRUE(auth::IdOfApiKey(key).has_value());
    EXPECT_FALSE(ran.errors.contains(key.substr(16))) << "the secret is printed once";
    EXPECT_FALSE(Content().contains(key.substr(16)));
    return key;
  }
  // The name of the client whose key it is, if it is valid at this time.
  std::string OwnerOf(const std::string& key) {
    const auto clients = LoadClients(path_);
    EXPECT_TRUE(clients.has_value());
    const ClientDirectory directory(clients.value_or(std::vector<ClientEntry>()));
    const auto* const found = directory.FindKey(*auth::IdOfApiKey(key));
    if (found == nullptr || !auth::Matches(found->hash, key)) return "nobody";
    return clock_.WallNow() < found->expires_at ? found->client->name : "expired";
  }
  std::string Content() const { return support::ReadFile(path_); }
  static std::string IdOf(const std::string& key) { return std::string(*auth::IdOfApiKey(key)); }

  support::VirtualClock clock_;
  const support::TempFolder folder_;
  const std::string path_ = folder_.Path() / "clients.yaml";
};

TEST_F(ClientsCommandsTest, TheFirstAddMakesTheFile) {
  const std::string key = KeyOf({"add", "orders"});
  EXPECT_EQ(OwnerOf(key), "orders");
  struct stat status = {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(ClientsCommandsTest, AKeyExpiresWhenTheOptionSays) {
  const std::string key = KeyOf({"add", "orders", "--expires=2h"});
  clock_.Advance(hours(1));
  EXPECT_EQ(OwnerOf(key), "orders");
  clock_.Advance(hours(1));
  EXPECT_EQ(OwnerOf(key), "expired");
}

TEST_F(ClientsCommandsTest, AKeyThatHasExpiredAlreadyIsNotMade) {
  const Ran ran = Run({"add", "orders", "--expires=2020-01-01T00:00:00Z"});
  EXPECT_EQ(ran.status, kExitSettings);
  EXPECT_EQ(ran.errors, "event-ingestor: --expires 2020-01-01T00:00:00Z is not in the future\n");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ClientsCommandsTest, ARotationKeepsTheOldKeyForTheGracePeriod) {
  const std::string old_key = KeyOf({"add", "orders"});
  KeyOf({"add", "other"});
  const std::string new_key = KeyOf({"rotate", "orders", "--grace=2h"});
  clock_.Advance(hours(1));
  EXPECT_EQ(OwnerOf(old_key), "orders");
  EXPECT_EQ(OwnerOf(new_key), "orders");
  clock_.Advance(hours(1));
  EXPECT_EQ(OwnerOf(old_key), "expired");
  EXPECT_EQ(OwnerOf(new_key), "orders");
  KeyOf({"rotate", "orders"});
  EXPECT_EQ(OwnerOf(old_key), "nobody") << "the next rotation removes it";
}

TEST_F(ClientsCommandsTest, RevokeRemovesAKeyOrAClient) {
  const std::string first = KeyOf({"add", "orders"});
  const std::string second = KeyOf({"rotate", "orders"});
  const std::string other = KeyOf({"add", "other"});
  Ran ran = Run({"revoke", IdOf(first)});
  EXPECT_EQ(ran.status, kExitClean);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.errors, path_ + ": the key " + IdOf(first) + " was removed\n");
  EXPECT_EQ(OwnerOf(first), "nobody");
  EXPECT_EQ(OwnerOf(second), "orders");
  ran = Run({"revoke", "orders"});
  EXPECT_EQ(ran.errors, path_ + ": the client orders was removed\n");
  EXPECT_EQ(OwnerOf(second), "nobody");
  EXPECT_EQ(OwnerOf(other), "other");
  EXPECT_EQ(Run({"revoke", "other"}).status, kExitClean);
  EXPECT_EQ(Run({"check"}).out, "ok: 0 clients, 0 keys, 0 of them expired\n");
}

TEST_F(ClientsCommandsTest, RevokeWithoutAMatchOrWithTwoChangesNothing) {
  const std::string key = KeyOf({"add", "orders"});
  const std::string before = Content();
  Ran ran = Run({"revoke", "nobody"});
  EXPECT_EQ(ran.status, kExitFailure);
  EXPECT_EQ(ran.errors, "event-ingestor: " + path_ + " has neither a client nor a key \"nobody\"\n");
  EXPECT_EQ(Content(), before);
  KeyOf({"add", IdOf(key)});
  ran = Run({"revoke", IdOf(key)});
  EXPECT_EQ(ran.errors, "event-ingestor: " + path_ + " has both a client and a key \"" + IdOf(key) + "\"\n");
}

TEST_F(ClientsCommandsTest, ListShowsHowClientsAreKnownAndNoHash) {
  const std::string key = KeyOf({"add", "orders", "--expires=2h"});
  support::WriteFile(path_, Content() +
                                "  - name: billing\n    admin: true\n"
                                "    certificates: [\"dns:billing.example.org\"]\n"
                                "    claims: [{iss: \"https://a\\\"b\", sub: billing}]\n"
                                "  - name: empty\n");
  const std::string until = ToSeconds(clock_.WallNow() + hours(2));
  EXPECT_EQ(Run({"list"}).out,
            "client   known by                                  valid\n"
            "orders   key          " +
                IdOf(key) + "                 until " + until +
                "\n"
                "billing  certificate  dns:billing.example.org\n"
                "billing  claims       iss=https://a\"b sub=billing\n"
                "empty    nothing\n");
  const auto json = nlohmann::json::parse(Run({"list", "--json"}).out);
  ASSERT_EQ(json["clients"].size(), 3U);
  EXPECT_EQ(json["clients"][0]["keys"],
            nlohmann::json({{{"id", IdOf(key)}, {"expires", until}, {"expired", false}}}));
  EXPECT_EQ(json["clients"][1]["claims"][0]["iss"], "https://a\"b");
  EXPECT_EQ(json["clients"][1]["admin"], true);
  clock_.Advance(hours(2));
  EXPECT_TRUE(Run({"list"}).out.contains("expired " + until));
  EXPECT_EQ(Run({"check"}).out, "ok: 3 clients, 1 keys, 1 of them expired\n");
}

TEST_F(ClientsCommandsTest, AFaultyFileIsReportedAndNotChanged) {
  constexpr std::string_view kFaulty = "clients:\n  - nmae: a\n";
  support::WriteFile(path_, kFaulty);
  for (const std::vector<std::string_view>& arguments :
       {std::vector<std::string_view>{"add", "b"}, {"rotate", "a"}, {"revoke", "a"}, {"list"}, {"check"}}) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.status, kExitSettings);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.errors,
              "event-ingestor: auth.clients_file: \"nmae\" is not known here; did you mean name? "
              "(file " +
                  path_ + ":2)\n");
    EXPECT_EQ(Content(), kFaulty);
  }
}

TEST_F(ClientsCommandsTest, AMissingFileIsMadeByAddOnly) {
  for (const std::vector<std::string_view>& arguments :
       {std::vector<std::string_view>{"rotate", "a"}, {"revoke", "a"}, {"list"}, {"check"}}) {
    const Ran ran = Run(arguments);
    EXPECT_NE(ran.status, kExitClean);
    EXPECT_TRUE(ran.errors.contains("can't be read: No such file or directory")) << ran.errors;
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

TEST_F(ClientsCommandsTest, NamesOfClientsAreChecked) {
  for (const char* name : {"a b", "a/b", ""}) {
    const Ran ran = Run({"add", name});
    EXPECT_EQ(ran.status, kExitSettings);
    EXPECT_TRUE(ran.errors.contains("is not a name")) << ran.errors;
  }
  KeyOf({"add", "orders"});
  const Ran again = Run({"add", "orders"});
  EXPECT_EQ(again.status, kExitFailure);
  EXPECT_EQ(again.out, "");
  EXPECT_TRUE(again.errors.contains("has the client \"orders\" already")) << again.errors;
}

TEST_F(ClientsCommandsTest, AKeyThatCannotBePrintedIsNamed) {
  std::ostringstream broken;
  broken.setstate(std::ios::badbit);
  const Ran ran = RunTo(broken, {"add", "orders"});
  EXPECT_EQ(ran.status, kExitFailure);
  EXPECT_TRUE(ran.errors.contains("could not be printed; remove it with `event-ingestor clients revoke "));
}

TEST_F(ClientsCommandsTest, WithoutAFileThereIsNothingToDo) {
  const std::vector<std::string_view> arguments = {"clients", "list"};
  std::ostringstream out;
  std::ostringstream errors;
  EXPECT_EQ(RunClientsCommand(ParseCommandLine(arguments), "", clock_, out, errors), kExitSettings);
  EXPECT_EQ(
      errors.str(),
      "event-ingestor: which clients file? Give --file=PATH, or set auth.clients_file (AUTH_CLIENTS_FILE)\n");
}

}  // namespace
}  // namespace ei::service
