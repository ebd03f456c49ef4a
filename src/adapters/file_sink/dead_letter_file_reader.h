#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "redrive/dead_letter_source.h"

namespace ei::file_sink {

// Reads the dead letters in the dead-letter file of a folder (also that of the file sink), from a given place
// (without one, from the oldest) to the ends that the segments had when this was opened. A part is the number
// of a segment, an offset is the byte at which a line begins. A line that is not a dead letter is returned as
// one without headers. Changes nothing, so it may run while a service writes to the folder.
class DeadLetterFileReader final : public DeadLetterSource {
 public:
  static base::Result<std::unique_ptr<DeadLetterFileReader>> Open(const std::string& folder,
                                                                  const DeadLetterOffsets& from);

  // Ignores `wait`: all lines are there already.
  base::Result<std::optional<DeadLetterRecord>> Next(base::Duration wait) override;
  bool AtEnd() const override { return current_ == segments_.size(); }
  DeadLetterOffsets Places() const override { return place_; }
  Distance Read() const override { return {done_, total_}; }

 private:
  struct Segment {
    std::string path;
    uint64_t number = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  DeadLetterFileReader() = default;
  base::Result<void> OpenCurrent();
  void CloseCurrent();

  std::vector<Segment> segments_;
  size_t current_ = 0;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr,
                                                        &std::fclose};  // the current one; null: not open
  uint64_t offset_ = 0;                                                 // in the current file
  DeadLetterOffsets place_;
  uint64_t done_ = 0;  // bytes
  uint64_t total_ = 0;
};

}  // namespace ei::file_sink
