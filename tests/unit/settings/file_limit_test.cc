#include "settings/file_limit.h"

#include <gtest/gtest.h>

#include <string>

#include "settings/table.h"

namespace ei::service {
namespace {

Settings WithThreads() {
  Settings settings = DefaultSettings();
  settings.http.threads = 2;
  return settings;
}

TEST(FileBudget, ALimitThatIsHighEnoughChangesNothing) {
  const Settings settings = WithThreads();
  const auto budget = BudgetFiles(settings, 1 << 20);
  ASSERT_TRUE(budget);
  EXPECT_EQ(budget->connections_max, settings.http.connections_max);
  const auto exact = BudgetFiles(settings, budget->wanted);
  ASSERT_TRUE(exact);
  EXPECT_EQ(exact->connections_max, settings.http.connections_max);
  EXPECT_LT(BudgetFiles(settings, budget->wanted - 1)->connections_max, settings.http.connections_max);
}

TEST(FileBudget, ConnectionsGiveWayToTheLogAndTheSink) {
  Settings settings = WithThreads();
  for (const bool admin : {false, true}) {
    if (admin) settings.http.admin_port = 9090;
    const uint64_t others = BudgetFiles(settings, 1 << 20)->wanted - settings.http.connections_max -
                            (admin ? 2 : 1) * RefusedConnectionsMax(settings.http.connections_max);
    uint64_t last = 0;
    for (uint64_t limit = others + (admin ? 40 : 24); limit < 12'000; limit += 97) {
      const auto budget = BudgetFiles(settings, limit);
      ASSERT_TRUE(budget) << limit;
      EXPECT_LE(
          others + budget->connections_max + (admin ? 2 : 1) * RefusedConnectionsMax(budget->connections_max),
          limit);
      EXPECT_GE(budget->connections_max, last) << "more room, more connections";
      last = budget->connections_max;
    }
    EXPECT_EQ(last, settings.http.connections_max);
  }
}

TEST(FileBudget, ALimitWithoutRoomForConnectionsIsAFaultThatNamesTheNumbers) {
  const auto budget = BudgetFiles(WithThreads(), 100);
  ASSERT_FALSE(budget);
  EXPECT_EQ(budget.error().kind, base::ErrorKind::kInvalid);
  for (const char* part : {"open files is 100", "LimitNOFILE", "HTTP_CONNECTIONS_MAX", "10000"}) {
    EXPECT_NE(budget.error().message.find(part), std::string::npos) << budget.error().message;
  }
}

TEST(FileBudget, WithoutALimitAllIsWell) {
  EXPECT_EQ(BudgetFiles(WithThreads(), ~uint64_t{0})->connections_max, 10'000U);
}

}  // namespace
}  // namespace ei::service
