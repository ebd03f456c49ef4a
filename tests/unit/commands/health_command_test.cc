#include "commands/health_command.h"

#include <gtest/gtest.h>

#include <sstream>

#include "settings/load.h"
#include "support/settings_sources.h"
#include "unit/adapters/tokens/fake_http.h"

namespace ei::service {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;

struct Ran {
  int status = -1;
  std::string out;
  std::string errors;
  std::vector<tokens::HttpRequest> asked;
};

Ran Ask(Values environment, base::Result<tokens::HttpReply> reply, bool live = false) {
  const auto settings = LoadSettings(SourcesOf({.environment = std::move(environment)}));
  EXPECT_TRUE(settings);
  tokens::HttpScript script;
  script.replies.push_back(std::move(reply));
  tokens::FakeHttp http(script);
  std::ostringstream out;
  std::ostringstream errors;
  const int status = RunHealthCommand(*settings, live, http, out, errors);
  return {status, out.str(), errors.str(), script.asked};
}

const tokens::HttpReply kOk{200, "ok"};

std::string AskedUrl(Values environment, bool live = false) {
  const Ran ran = Ask(std::move(environment), kOk, live);
  return ran.asked.empty() ? "nothing was asked" : ran.asked.front().url;
}

TEST(HealthCommand, NoAnswerIsStatus1AndIsTold) {
  const Ran ran = Ask({}, base::Fail(base::ErrorKind::kUnavailable, "127.0.0.1 didn't answer in time"));
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.errors, "event-ingestor: http://127.0.0.1:8080/readyz: 127.0.0.1 didn't answer in time\n");
}

TEST(HealthCommand, UnreadyServiceIsStatus1WithItsReason) {
  const Ran ran = Ask({}, tokens::HttpReply{503, "the journal is full"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.errors, "event-ingestor: http://127.0.0.1:8080/readyz answered 503: the journal is full\n");
}

TEST(HealthCommand, AnyFreePortCantBeAsked) {
  for (const char* name : {"HTTP_PORT", "ADMIN_PORT"}) {
    const Ran ran = Ask({{name, "0"}}, kOk);
    EXPECT_EQ(ran.status, 2);
    EXPECT_TRUE(ran.asked.empty());
    EXPECT_TRUE(ran.errors.contains(name)) << ran.errors;
  }
}

TEST(HealthCommand, ReadyServiceIsStatus0) {
  const Ran ran = Ask({}, kOk);
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.out, "ready\n");
  EXPECT_EQ(ran.errors, "");
  EXPECT_EQ(Ask({}, kOk, true).out, "alive\n");
}

TEST(HealthCommand, AsksWhereTheServiceListens) {
  EXPECT_EQ(AskedUrl({}, true), "http://127.0.0.1:8080/livez");
  EXPECT_EQ(AskedUrl({{"HTTP_ADDRESS", "0.0.0.0"}, {"HTTP_PORT", "80"}}), "http://127.0.0.1:80/readyz");
  EXPECT_EQ(AskedUrl({{"HTTP_ADDRESS", "::"}}), "http://[::1]:8080/readyz");
  EXPECT_EQ(AskedUrl({{"HTTP_ADDRESS", "::2"}}), "http://[::2]:8080/readyz");
  EXPECT_EQ(AskedUrl({{"HTTP_ADDRESS", "127.0.0.2"}}), "http://127.0.0.2:8080/readyz");
  EXPECT_EQ(AskedUrl({{"ADMIN_PORT", "9090"}}), "http://127.0.0.1:9090/readyz");
}

}  // namespace
}  // namespace ei::service
