#include "settings/log_sizes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "adapters/wal/log_tail.h"
#include "settings/table.h"
#include "support/events.h"

namespace ei::service {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;

Settings Limits(std::uint64_t body_bytes_max, std::uint32_t batch_events_max) {
  Settings limits;
  limits.http.body_bytes_max = body_bytes_max;
  limits.decoder.batch_events_max = batch_events_max;
  return limits;
}

TEST(LogSizes, AFileIs32MiBByDefault) {
  const Settings settings = DefaultSettings();
  EXPECT_EQ(SegmentBytes(settings, settings.wal.bytes_max), 32 * kMiB);
  EXPECT_EQ(SegmentBytes(settings, 64 * kMiB), 32 * kMiB) << "the largest request needs more than 2 MiB";
  EXPECT_EQ(SegmentBytes(settings, 50 * kGiB), 32 * kMiB);
}

TEST(LogSizes, ASmallLogForSmallRequestsHas32Files) {
  EXPECT_EQ(SegmentBytes(Limits(512 << 10, 100), 64 * kMiB), 2 * kMiB);
  EXPECT_EQ(SegmentBytes(Limits(512 << 10, 100), 128 * kMiB), 4 * kMiB);
}

TEST(LogSizes, FilesUseTheWholeLog) {
  for (const std::uint64_t bytes_max : {64 * kMiB, 100 * kMiB, 1000 * kMiB, 7 * kGiB + 12345}) {
    for (const std::uint64_t body : {kMiB, 5 * kMiB, 10 * kMiB, 16 * kMiB}) {
      const std::uint64_t file = SegmentBytes(Limits(body, 10'000), bytes_max);
      EXPECT_EQ(file % wal::kSectorBytes, 0U);
      const std::uint64_t files = bytes_max / file;
      EXPECT_LE(bytes_max - files * file, files * wal::kSectorBytes) << bytes_max << " " << body;
    }
  }
}

TEST(LogSizes, ALogHasAtLeastTwoFiles) {
  const Settings limits = Limits(16 * kMiB, 1'000'000);
  EXPECT_EQ(LogBytesMin(limits), 64 * kMiB);
  EXPECT_EQ(SegmentBytes(limits, 64 * kMiB), 32 * kMiB);
  EXPECT_EQ(SegmentBytes(Limits(kLogBodyBytesMax, 1), LogBytesMin(Limits(kLogBodyBytesMax, 1))), kGiB);
  EXPECT_EQ(SegmentBytes(Limits(kLogBodyBytesMax, 1'000'000), 100 * kGiB), wal::kSegmentBytesMax);
}

// As many events of `size` as the limits allow, each with everything that the service may add.
EventBatch LargestRequest(const Settings& limits, size_t size, bool keyed) {
  static const std::string topic(kTopicNameBytesMax, 't');
  static const std::string trace(kTraceparentBytes, '0');
  const Route route{.topic = topic, .key_source = keyed ? KeySource::kPointer : KeySource::kNone};
  const std::string json(size, 'j');
  DecodedEvent event;
  event.json = json;
  event.key = json;
  event.has_key = true;
  event.route = &route;
  const std::string id(kUuidBytes, 'i');
  const std::string now(std::tuple_size_v<TimestampText>, '0');
  EventBatch batch;
  const std::uint64_t events =
      std::min<std::uint64_t>(limits.decoder.batch_events_max, (limits.http.body_bytes_max + 1) / (size + 1));
  for (std::uint64_t i = 0; i < events; ++i)
    batch.Add(event, id, now, {.context = {.client = {}, .traceparent = trace}});
  return batch;
}

TEST(LogSizes, AFileTakesTheEventsOfAnyRequest) {
  for (const std::uint64_t body : {std::uint64_t{1} << 10, 100 * kMiB / 1024, kMiB}) {
    for (const std::uint32_t events : {1U, 100U, 10'000U, 1'000'000U}) {
      const Settings limits = Limits(body, events);
      const std::uint64_t bytes_max = 128 * kMiB;
      const wal::LogTail log(SegmentBytes(limits, bytes_max), std::string(kTopicNameBytesMax, 't'));
      for (const size_t size : {size_t{12}, size_t{13}, size_t{1000}, static_cast<size_t>(body)}) {
        for (const bool keyed : {false, true}) {
          const EventBatch batch = LargestRequest(limits, size, keyed);
          EXPECT_TRUE(log.EverFits(batch.Bytes().size(), batch.Size()))
              << "body " << body << ", " << batch.Size() << " events of " << size;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ei::service
