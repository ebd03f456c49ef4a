#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace ei {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

struct LogField {
  std::string_view name;
  std::variant<std::string_view, int64_t, uint64_t, double, bool> value;
};

// Writes structured log lines. `message` is a constant sentence that can be searched for; variable values go
// into `fields`. Never pass a payload or a secret. Thread-safe.
class Log {
 public:
  virtual ~Log() = default;
  virtual void Write(LogLevel level, std::string_view component, std::string_view message,
                     std::initializer_list<LogField> fields = {}) = 0;
};

}  // namespace ei
