#pragma once

#include "base/log.h"

namespace ei::support {

class NullLog final : public ei::Log {
 public:
  void Write(LogLevel, std::string_view, std::string_view, std::initializer_list<LogField>) override {}
};

}  // namespace ei::support
