// What the generated mutants call. tools/mutate.py includes it in every source of its copy of the tree.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

namespace mutate {

inline constexpr int kIdsMax = 1'000'000;
inline constexpr int kReach = -1;

// The mutant that is switched on: MUTANT from the environment; 0: none; kReach: none, and those that are
// reached are noted.
inline const int active = [] {
  const char* const text = std::getenv("MUTANT");
  return text == nullptr ? 0 : std::atoi(text);
}();
inline std::atomic<bool> reached[kIdsMax];

// Not constexpr: a mutant in a constant expression doesn't compile, and is dropped.
inline bool Is(int id) {
  if (active == kReach) [[unlikely]] {
    reached[id].store(true, std::memory_order_relaxed);
  }
  return active == id;
}

// Each comparison has two mutants: `id` moves the bound, `id` + 1 negates.
template <class A, class B>
bool Less(int id, const A& a, const B& b) {
  if (Is(id)) return a <= b;
  if (Is(id + 1)) return a >= b;
  return a < b;
}

template <class A, class B>
bool LessEqual(int id, const A& a, const B& b) {
  if (Is(id)) return a < b;
  if (Is(id + 1)) return a > b;
  return a <= b;
}

template <class A, class B>
bool Greater(int id, const A& a, const B& b) {
  if (Is(id)) return a >= b;
  if (Is(id + 1)) return a <= b;
  return a > b;
}

template <class A, class B>
bool GreaterEqual(int id, const A& a, const B& b) {
  if (Is(id)) return a > b;
  if (Is(id + 1)) return a < b;
  return a >= b;
}

template <class A, class B>
bool Equal(int id, const A& a, const B& b) {
  return Is(id) ? !(a == b) : a == b;
}

template <class A, class B>
bool NotEqual(int id, const A& a, const B& b) {
  return Is(id) ? a == b : !(a == b);
}

template <class A, class B>
auto Plus(int id, const A& a, const B& b) -> std::decay_t<decltype(a + b)> {
  if (Is(id)) return static_cast<std::decay_t<decltype(a + b)>>(a - b);
  return a + b;
}

template <class A, class B>
auto Minus(int id, const A& a, const B& b) -> std::decay_t<decltype(a - b)> {
  if (Is(id)) return static_cast<std::decay_t<decltype(a - b)>>(a + b);
  return a - b;
}

}  // namespace mutate
