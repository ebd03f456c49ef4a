#include "settings/removed_settings.h"

namespace ei::service {
namespace {

constexpr RemovedSetting kRemovedSettings[] = {
    {"http.header_timeout", "HTTP_HEADER_TIMEOUT",
     "Set http.request_timeout; a header may take at most 10 s of it."},
    {"http.body_timeout", "HTTP_BODY_TIMEOUT", "Set http.request_timeout, for the whole request."},
    {"http.write_timeout", "HTTP_WRITE_TIMEOUT", "Set http.request_timeout, which is also for the reply."},
    {"ingest.id_bytes_max", "EVENT_ID_BYTES_MAX", "An id may have up to 256 bytes."},
    {"ingest.type_bytes_max", "EVENT_TYPE_BYTES_MAX", "A type may have up to 256 bytes."},
    {"wal.segment_bytes", "WAL_SEGMENT_BYTES",
     "The size of the log's files follows from wal.bytes_max, ingest.body_bytes_max and "
     "ingest.batch_events_max."},
    {"wal.commit_interval", "WAL_COMMIT_INTERVAL", "A busy log is synced at most every 500 us."},
    {"file.segment_bytes", "FILE_SEGMENT_BYTES", "The file sink starts a new file after 128 MiB."},
};

}  // namespace

std::span<const RemovedSetting> RemovedSettings() { return kRemovedSettings; }

}  // namespace ei::service
