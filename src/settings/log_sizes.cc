#include "settings/log_sizes.h"

#include <algorithm>

#include "adapters/wal/wal_format.h"
#include "event/event_batch.h"

namespace ei::service {
namespace {

constexpr std::string_view kSmallestEvent = R"({"type":"a"})";
constexpr std::uint64_t kFilesWanted = 32;
constexpr std::uint64_t kFilesMin = 2;
constexpr std::uint64_t kEnoughBytes = 32 << 20;  // larger files are not better

// The size of a file with only the largest request. The key of an event is at most as long as its JSON, or is
// the key of the request, which counts towards the body.
std::uint64_t LargestRequestBytes(const Settings& settings) {
  const std::uint64_t events = std::min<std::uint64_t>(settings.decoder.batch_events_max,
                                                       settings.http.body_bytes_max / kSmallestEvent.size());
  return wal::kSegmentHeaderBytes +
         wal::FrameBytes(2 * settings.http.body_bytes_max + events * EventBatch::kAddedBytesMax, events,
                         wal::kOriginBytes + kTopicNameBytesMax);
}

}  // namespace

std::uint64_t LogBytesMin(const Settings& settings) { return kFilesMin * 2 * settings.http.body_bytes_max; }

std::uint64_t SegmentBytes(const Settings& settings, std::uint64_t bytes_max) {
  const std::uint64_t wanted =
      std::max(LargestRequestBytes(settings), std::min(bytes_max / kFilesWanted, kEnoughBytes));
  const std::uint64_t files = std::max(kFilesMin, bytes_max / wanted);
  return std::min(bytes_max / files, wal::kSegmentBytesMax) / wal::kSectorBytes * wal::kSectorBytes;
}

}  // namespace ei::service
