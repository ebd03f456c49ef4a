#pragma once

#include "base/current.h"
#include "event/routes.h"

namespace ei {

using CurrentRoutes = base::Current<Routes>;

}  // namespace ei
