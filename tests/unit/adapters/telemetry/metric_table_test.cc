#include "adapters/telemetry/metric_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "ingest/problems.h"

namespace ei::telemetry {
namespace {

TEST(MetricTable, NamesFollowTheConventions) {
  std::set<std::string_view> names;
  for (const Metric& row : MetricTable()) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second) << "declared twice";
    EXPECT_TRUE(row.name.starts_with("event_ingestor_") || row.name.starts_with("process_"));
    EXPECT_EQ(row.name.ends_with("_total"), row.kind == MetricKind::kCounter);
    if (row.unit == "seconds" || row.unit == "bytes") {
      std::string_view stem = row.name;
      if (row.kind == MetricKind::kCounter) stem.remove_suffix(std::string_view("_total").size());
      EXPECT_TRUE(stem.ends_with(std::string(1, '_').append(row.unit)));
    }
  }
}

// The exposition writes the help text without escapes, and the document writes it into a table.
TEST(MetricTable, HelpIsOneSentenceThatNeedsNoEscaping) {
  for (const Metric& row : MetricTable()) {
    EXPECT_EQ(row.help.find_first_of("\"\\\n|`"), std::string_view::npos) << row.name;
    EXPECT_TRUE(row.help.ends_with('.')) << row.name;
  }
}

TEST(MetricTable, OnlyHistogramsHaveBucketsAndTheirBoundsAscend) {
  for (const Metric& row : MetricTable()) {
    EXPECT_EQ(row.buckets.empty(), row.kind != MetricKind::kHistogram) << row.name;
    EXPECT_EQ(std::adjacent_find(row.buckets.begin(), row.buckets.end(), std::greater_equal<>()),
              row.buckets.end())
        << row.name;
  }
}

TEST(MetricTable, KnownLabelValuesDiffer) {
  const std::set<std::string_view> codes(kRejectionCodes.begin(), kRejectionCodes.end());
  EXPECT_EQ(codes.size(), kRejectionCodes.size());
  const std::set<std::string_view> request_codes(kRequestCodes.begin(), kRequestCodes.end());
  EXPECT_EQ(request_codes.size(), kRequestCodes.size());
  const std::set<std::string_view> routes(kRoutes.begin(), kRoutes.end());
  EXPECT_EQ(routes.size(), kRoutes.size());
}

// Events are counted under these codes; kAckUnavailable is found before any event is read.
TEST(MetricTable, HasTheCodesThatIngestRejectsEventsWith) {
  for (const auto status : {IngestStatus::kRateLimited, IngestStatus::kJournalFull, IngestStatus::kOverShare,
                            IngestStatus::kBatchTooLarge, IngestStatus::kKeyTooLarge,
                            IngestStatus::kShuttingDown, IngestStatus::kStorageFailed}) {
    EXPECT_NE(std::ranges::find(kRejectionCodes, Code(status)), kRejectionCodes.end()) << Code(status);
  }
}

}  // namespace
}  // namespace ei::telemetry
