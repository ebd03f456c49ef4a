#pragma once

#include <cerrno>

namespace ei::wal {

// Whether the process or the machine has no file descriptor left.
inline bool IsOutOfFiles(int error) { return error == EMFILE || error == ENFILE; }

// The log message for IsOutOfFiles().
inline constexpr const char* kOutOfFiles =
    "wal.dir (WAL_DIR): the log can't open a file because this process or machine has too many open "
    "files; retrying. Raise the limit (ulimit -n, LimitNOFILE), or lower http.connections_max (HTTP_CONNECTIONS_MAX)";

}  // namespace ei::wal
