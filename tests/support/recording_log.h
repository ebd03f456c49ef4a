#pragma once

#include <algorithm>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/log.h"

namespace ei::support {

// Records each line as "LEVEL message name=value ...".
class RecordingLog final : public ei::Log {
 public:
  void Write(LogLevel level, std::string_view, std::string_view message,
             std::initializer_list<LogField> fields) override {
    std::ostringstream line;
    constexpr const char* kNames[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    line << kNames[static_cast<size_t>(level)] << ' ' << message;
    for (const LogField& field : fields) {
      line << ' ' << field.name << '=';
      std::visit([&](const auto& value) { line << value; }, field.value);
    }
    const std::lock_guard lock(mutex_);
    lines_.push_back(line.str());
  }
  std::vector<std::string> Lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  size_t Count(std::string_view text) const {
    const auto lines = Lines();
    return static_cast<size_t>(std::count_if(lines.begin(), lines.end(),
                                             [&](const std::string& line) { return line.contains(text); }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace ei::support
