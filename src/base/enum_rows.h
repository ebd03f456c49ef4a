#pragma once

#include <cstddef>

namespace ei::base {

// Whether a table has one row for each enumerator from 0 to `last`, in their order, so that its rows can be
// found by index. `key` is the member of a row that has the enumerator.
template <typename Rows, typename Row, typename Enum>
consteval bool HasRowForEach(const Rows& rows, Enum Row::* key, Enum last) {
  size_t index = 0;
  for (const Row& row : rows) {
    if (static_cast<size_t>(row.*key) != index++) return false;
  }
  return index == static_cast<size_t>(last) + 1;
}

}  // namespace ei::base
