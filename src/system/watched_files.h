#pragma once

#include <optional>
#include <string>
#include <vector>

#include "system/confirmed_change.h"
#include "system/secret_file.h"

namespace ei::system {

// Files that may be replaced while the service runs. The owner polls them.
//
// A change is reported once two checks in a row have read the same contents, so that a half-written file, or
// a certificate whose key is still to be written, is not used. A file that can't be read or is empty is no
// change; such a fault is returned once. Not thread-safe.
class WatchedFiles {
 public:
  // The current contents are the baseline for changes. Files that aren't set are left out.
  explicit WatchedFiles(const std::vector<SecretFile>& files);

  // Returns the contents after a change, in the order of the files; an error if there is a new fault; nullopt
  // if there is nothing new.
  std::optional<base::Result<std::vector<std::string>>> Check();

 private:
  using Contents = std::vector<std::string>;
  base::Result<Contents> Read() const;

  const std::vector<SecretFile> files_;
  ConfirmedChange<Contents> contents_;
  std::string fault_;
};

}  // namespace ei::system
