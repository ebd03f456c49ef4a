#pragma once

#include <cerrno>

namespace ei::wal {

// The process, or the machine, has no descriptor left.
inline bool IsOutOfFiles(int error) { return error == EMFILE || error == ENFILE; }

// What an operator has to know of it.
inline constexpr const char* kOutOfFiles =
    "wal.dir (WAL_DIR): the log can't open a file, as this process or machine has too many open; trying again. "
    "Raise the limit (ulimit -n, LimitNOFILE), or lower http.connections_max (HTTP_CONNECTIONS_MAX)";

}  // namespace ei::wal
