#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapters/kafka/secret_file.h"

namespace ei::kafka {

// Files that are replaced while the service runs, looked at from time to time.
//
// A change counts once two looks in a row have found the same contents, so that a file in the middle of being
// written, or a certificate whose key is still to come, is left alone. What can't be read or is empty is no
// change; it is told once. Not thread-safe.
class WatchedFiles {
 public:
  // What the files hold now is where changes are counted from. Files that aren't set are left out.
  explicit WatchedFiles(const std::vector<SecretFile>& files);

  // The contents after a change, in the order of the files; a fault that is new; or nullopt: nothing new.
  std::optional<base::Result<std::vector<std::string>>> Look();

 private:
  using Contents = std::vector<std::string>;
  base::Result<Contents> Read() const;

  std::vector<SecretFile> files_;
  Contents told_;
  std::optional<Contents> seen_;  // at the last look, when it differed from what was told
  std::string fault_;
};

}  // namespace ei::kafka
