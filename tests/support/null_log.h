#pragma once

#include "app/ports/log.h"

namespace ei::support {

class NullLog final : public app::Log {
 public:
  void Write(app::LogLevel, std::string_view, std::string_view,
             std::initializer_list<app::LogField>) override {}
};

}  // namespace ei::support
