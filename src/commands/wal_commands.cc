#include "commands/wal_commands.h"

#include "adapters/wal/posix_disk.h"
#include "commands/settings_commands.h"
#include "commands/wal_dump.h"
#include "commands/wal_repair.h"
#include "commands/wal_stats.h"
#include "commands/wal_verify.h"

namespace ei::service {

bool IsWalCommand(Subcommand subcommand) {
  return subcommand == Subcommand::kWalVerify || subcommand == Subcommand::kWalDump ||
         subcommand == Subcommand::kWalStats || subcommand == Subcommand::kWalRepair;
}

int RunWalCommand(const CommandLine& line, const Settings& settings, const Clock& clock, std::ostream& out,
                  std::ostream& errors) {
  const std::string& folder = settings.wal_dir;
  // Opened read-only also before a repair, because opening for writing would create a missing folder.
  auto directory = wal::PosixDirectory::OpenReadOnly(folder);
  base::Result<int> status = kExitClean;
  if (directory && line.subcommand == Subcommand::kWalRepair) {
    directory = wal::PosixDirectory::OpenForWriting(folder);
    if (!directory && directory.error().kind == base::ErrorKind::kUnavailable) {
      directory =
          base::Fail(base::ErrorKind::kUnavailable,
                     "wal.dir (WAL_DIR) " + folder + ": a service uses this log; stop it before a repair");
    }
  }
  if (!directory) {
    status = std::unexpected(std::move(directory.error()));
  } else if (line.subcommand == Subcommand::kWalVerify) {
    status = VerifyWal(**directory, folder, clock.WallNow(), out);
  } else if (line.subcommand == Subcommand::kWalDump) {
    status = DumpWal(**directory, {line.all, line.values, line.positions}, out, errors);
  } else if (line.subcommand == Subcommand::kWalStats) {
    status = PrintWalStats(**directory, folder, clock.WallNow(), line.json, out);
  } else {
    status = RepairWal(**directory, line.dry_run, out);
  }
  out.flush();
  if (status) return *status;
  errors << "event-ingestor: " << status.error().message << '\n';
  return kExitFailure;
}

}  // namespace ei::service
