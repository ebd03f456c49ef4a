#include "settings/size_checks.h"

#include <algorithm>

#include <fmt/format.h>

#include "clients/client_shares.h"
#include "settings/log_sizes.h"
#include "settings/units.h"

namespace ei::service {

namespace {

// Returns the part of a resource that one client may use while there are other clients.
std::uint64_t ShareOf(const Settings& settings, std::uint64_t capacity) {
  return settings.shares.clients_max == 0 ? capacity : capacity - capacity / ClientShares::kReserveFraction;
}

// Returns the smallest capacity of which one client may use `part`.
std::uint64_t CapacityFor(const Settings& settings, std::uint64_t part) {
  return settings.shares.clients_max == 0
             ? part
             : (part * ClientShares::kReserveFraction + ClientShares::kReserveFraction - 2) /
                   (ClientShares::kReserveFraction - 1);
}

// Rounds up to whole MiB, as an operator would set it.
std::string Rounded(std::uint64_t bytes) {
  constexpr std::uint64_t kMiB = 1 << 20;
  return FormatBytes((bytes + kMiB - 1) / kMiB * kMiB);
}

std::string SevenEighths(const Settings& settings) {
  return settings.shares.clients_max == 0 ? "" : ", of which one client may use 7/8";
}

void CheckBody(const Settings& settings, std::vector<SettingConflict>& conflicts) {
  const std::uint64_t body = settings.http.body_bytes_max;
  if (body < settings.decoder.event_bytes_max) {
    conflicts.push_back(
        {"ingest.body_bytes_max", "ingest.event_bytes_max",
         fmt::format("{} is less than ingest.event_bytes_max ({}), so the largest event would not fit "
                     "into a request; raise ingest.body_bytes_max or lower ingest.event_bytes_max",
                     FormatBytes(body), FormatBytes(settings.decoder.event_bytes_max))});
  }
  const std::uint64_t buffers = body + settings.http.header_bytes_max;
  if (ShareOf(settings, settings.http.inflight_bytes_max) < buffers) {
    conflicts.push_back(
        {"http.inflight_bytes_max", "ingest.body_bytes_max",
         fmt::format(
             "{} is too little for the largest body and header ({} and {}){}, so such a request would be "
             "rejected on every retry; raise it to {} or lower ingest.body_bytes_max",
             FormatBytes(settings.http.inflight_bytes_max), FormatBytes(body),
             FormatBytes(settings.http.header_bytes_max), SevenEighths(settings),
             Rounded(CapacityFor(settings, buffers)))});
  }
}

void CheckWal(const Settings& settings, std::vector<SettingConflict>& conflicts) {
  const std::uint64_t body = settings.http.body_bytes_max;
  if (body > kLogBodyBytesMax) {
    conflicts.push_back(
        {"ingest.body_bytes_max", "ingest.ack",
         fmt::format("{} is more than the write-ahead log takes ({}); lower ingest.body_bytes_max, or use no "
                     "log: set ingest.ack and ingest.ack_min to other levels than wal",
                     FormatBytes(body), FormatBytes(kLogBodyBytesMax))});
  } else if (settings.wal.bytes_max < LogBytesMin(settings)) {
    conflicts.push_back(
        {"wal.bytes_max", "ingest.body_bytes_max",
         fmt::format("{} is less than four times ingest.body_bytes_max ({}), so the log would be full before "
                     "it could free any disk space; raise wal.bytes_max or lower ingest.body_bytes_max",
                     FormatBytes(settings.wal.bytes_max), FormatBytes(body))});
  }
}

}  // namespace

void FindSizeConflicts(const Settings& settings, std::vector<SettingConflict>& conflicts) {
  CheckBody(settings, conflicts);
  if (JournalIsWal(settings)) CheckWal(settings, conflicts);
  const std::uint64_t event = settings.decoder.event_bytes_max;
  // The range of event_bytes_max keeps the products far below 2^64.
  if (settings.journal.bytes_max < 2 * event) {
    conflicts.push_back(
        {"journal.bytes_max", "ingest.event_bytes_max",
         fmt::format("{} is less than twice ingest.event_bytes_max ({}), so one large event could fill "
                     "the journal; raise journal.bytes_max or lower ingest.event_bytes_max",
                     FormatBytes(settings.journal.bytes_max), FormatBytes(event))});
  }
  if (settings.dead_letter.bytes_max < 4 * event) {
    conflicts.push_back(
        {"dead_letter.bytes_max", "ingest.event_bytes_max",
         fmt::format(
             "{} is less than four times ingest.event_bytes_max ({}), so a line of the largest event, "
             "with its key and perhaps in base64, might not fit; raise dead_letter.bytes_max or lower "
             "ingest.event_bytes_max",
             FormatBytes(settings.dead_letter.bytes_max), FormatBytes(event))});
  }
}

}  // namespace ei::service
