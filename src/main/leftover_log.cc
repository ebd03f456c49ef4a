#include "main/leftover_log.h"

#include <sys/stat.h>

#include <cerrno>

#include "adapters/wal/log_survey.h"
#include "adapters/wal/posix_disk.h"

namespace ei::service {

base::Result<uint64_t> EventsLeftInLog(const std::string& folder) {
  struct stat status = {};
  if (::stat(folder.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR)) return 0;
  const auto directory = wal::PosixDirectory::OpenReadOnly(folder);
  if (!directory) return std::unexpected(directory.error());
  const auto survey = wal::SurveyLog(**directory);
  if (!survey) return std::unexpected(survey.error());
  return survey->settled.Unsettled(0, survey->end);
}

}  // namespace ei::service
