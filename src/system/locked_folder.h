#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/file_identity.h"
#include "base/result.h"
#include "system/file_calls.h"

namespace ei::system {

inline constexpr mode_t kFileMode = 0640;  // of new files

base::FileIdentity IdentityOf(const struct stat& status);

// The system's text for an errno.
std::string ErrorText(int error);

// A folder that only this process writes to: an flock on a file in it keeps others out for as long as the
// object exists.
struct LockedFolder {
  // Creates the folder (mode 0750) and its missing parents, and locks it. `setting` is the setting that names
  // the folder, for messages. `calls` must outlive the result. kUnavailable: the folder is locked already, by
  // this process or another.
  static base::Result<LockedFolder> Open(const std::string& path, const char* lock_file,
                                         std::string_view setting, FileCalls& calls);

  Descriptor folder;
  Descriptor lock;
  base::FileIdentity lock_identity;
};

}  // namespace ei::system
