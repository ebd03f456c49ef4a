#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "system/file_calls.h"

namespace ei::system {

// A file that this process edits. Other processes that edit a file of the same folder with this class wait
// for as long as the object exists. Not thread-safe.
class EditedFile {
 public:
  // Symbolic links are followed. The file may be missing; its folder has to exist. `calls` must outlive the
  // result. Error messages are the end of a sentence that begins with the file.
  static base::Result<EditedFile> Open(const std::string& path, FileCalls& calls);

  const std::string& Path() const { return path_; }  // without symbolic links
  bool Exists() const { return exists_; }

  // Gives the file this content. A reader finds either the old content or the new one, also after a crash; on
  // return the new one is on the disk. Owner and mode stay; a new file has mode 0600. After an error the old
  // content is there, unless the message says otherwise.
  base::Result<void> Replace(std::string_view content);

 private:
  EditedFile(FileCalls& calls, std::string path) : calls_(&calls), path_(std::move(path)) {}

  base::Result<void> WriteNew(const char* name, std::string_view content);

  FileCalls* calls_;
  std::string path_;
  Descriptor folder_;  // locked
  bool exists_ = false;
  struct stat status_ = {};  // if exists_
};

}  // namespace ei::system
