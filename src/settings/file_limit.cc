#include "settings/file_limit.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <sys/resource.h>

#include "settings/cores.h"

namespace ei::service {

namespace {

constexpr std::uint64_t kLoopFiles = 4;  // listening socket, epoll, eventfd, timerfd
constexpr std::uint64_t kLogFiles = 64;  // segments, checkpoints, folders
constexpr std::uint64_t kSinkFiles =
    96;  // broker sockets and the descriptors that wake their threads; files, dead letters
constexpr std::uint64_t kOtherFiles = 48;  // standard streams, signals, tokens, secrets, /proc for metrics
constexpr std::uint64_t kAdminConnections = 64;
constexpr std::uint64_t kConnectionsMin = 8;
constexpr std::uint64_t kRefusedMin = 16;
constexpr std::uint64_t kRefusedMax = 256;

std::uint64_t FilesForOtherUses(const Settings& settings) {
  const std::uint64_t loops = ThreadsOrCores(settings.http.threads) + (settings.http.admin_port ? 1 : 0);
  return loops * kLoopFiles + (JournalIsWal(settings) ? kLogFiles : 0) + kSinkFiles + kOtherFiles +
         (settings.http.admin_port ? kAdminConnections : 0);
}

}  // namespace

std::uint64_t RefusedConnectionsMax(std::uint64_t connections_max) {
  return std::clamp(connections_max / 8, kRefusedMin, kRefusedMax);
}

base::Result<FileBudget> BudgetFiles(const Settings& settings, std::uint64_t limit) {
  const std::uint64_t asked = settings.http.connections_max;
  const std::uint64_t listeners = settings.http.admin_port ? 2 : 1;
  const std::uint64_t other = FilesForOtherUses(settings);
  FileBudget budget{limit, other + asked + listeners * RefusedConnectionsMax(asked), asked};
  if (budget.wanted <= limit) return budget;
  // Computes the reserve for connections that are answered with 503 as if the whole rest of the limit were
  // used for connections; fewer connections need no larger reserve.
  const std::uint64_t room = limit > other ? limit - other : 0;
  const std::uint64_t refused = listeners * RefusedConnectionsMax(room);
  if (room < refused + kConnectionsMin) {
    return base::Fail(
        base::ErrorKind::kInvalid,
        fmt::format("the limit of open files is {}, and {} are needed in addition to the connections; "
                    "raise the hard limit (ulimit -Hn, LimitNOFILE, ulimits of the container) to {} for an "
                    "http.connections_max (HTTP_CONNECTIONS_MAX) of {}",
                    limit, other + refused, budget.wanted, asked));
  }
  budget.connections_max = std::min(asked, room - refused);
  return budget;
}

std::uint64_t RaiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<std::uint64_t>::max();
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : limit.rlim_max;
}

}  // namespace ei::service
