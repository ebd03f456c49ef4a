#pragma once

// librdkafka uses C11 threads, which gcc's ThreadSanitizer doesn't know: it sees neither its threads (and
// falls over in them) nor its locks. Under that sanitizer a test program brings C11 threads of its own, made
// of the POSIX ones that the sanitizer knows; glibc's types for both have the same layout.
#if defined(__SANITIZE_THREAD__)

#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace ei::kafka {

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t) && sizeof(cnd_t) == sizeof(pthread_cond_t));

inline pthread_mutex_t* Posix(mtx_t* mutex) { return reinterpret_cast<pthread_mutex_t*>(mutex); }
inline pthread_cond_t* Posix(cnd_t* condition) { return reinterpret_cast<pthread_cond_t*>(condition); }
inline int ThreadResult(int error) {
  return error == 0           ? thrd_success
         : error == ETIMEDOUT ? thrd_timedout
         : error == EBUSY     ? thrd_busy
                              : thrd_error;
}

}  // namespace ei::kafka

#define EI_C11_THREADS extern "C" __attribute__((weak))

EI_C11_THREADS int thrd_create(thrd_t* thread, thrd_start_t start, void* argument) {
  using Call = std::pair<thrd_start_t, void*>;
  const auto run = [](void* given) -> void* {
    const Call call = *static_cast<Call*>(given);
    delete static_cast<Call*>(given);
    return reinterpret_cast<void*>(static_cast<intptr_t>(call.first(call.second)));
  };
  return ei::kafka::ThreadResult(pthread_create(thread, nullptr, run, new Call(start, argument)));
}
EI_C11_THREADS int thrd_join(thrd_t thread, int* result) {
  void* returned = nullptr;
  const int error = pthread_join(thread, &returned);
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<intptr_t>(returned));
  return ei::kafka::ThreadResult(error);
}

EI_C11_THREADS int mtx_init(mtx_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes,
                            (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
  return ei::kafka::ThreadResult(pthread_mutex_init(ei::kafka::Posix(mutex), &attributes));
}
EI_C11_THREADS int mtx_lock(mtx_t* mutex) {
  return ei::kafka::ThreadResult(pthread_mutex_lock(ei::kafka::Posix(mutex)));
}
EI_C11_THREADS int mtx_trylock(mtx_t* mutex) {
  return ei::kafka::ThreadResult(pthread_mutex_trylock(ei::kafka::Posix(mutex)));
}
EI_C11_THREADS int mtx_unlock(mtx_t* mutex) {
  return ei::kafka::ThreadResult(pthread_mutex_unlock(ei::kafka::Posix(mutex)));
}
EI_C11_THREADS void mtx_destroy(mtx_t* mutex) { pthread_mutex_destroy(ei::kafka::Posix(mutex)); }

EI_C11_THREADS int cnd_init(cnd_t* condition) {
  return ei::kafka::ThreadResult(pthread_cond_init(ei::kafka::Posix(condition), nullptr));
}
EI_C11_THREADS int cnd_signal(cnd_t* condition) {
  return ei::kafka::ThreadResult(pthread_cond_signal(ei::kafka::Posix(condition)));
}
EI_C11_THREADS int cnd_broadcast(cnd_t* condition) {
  return ei::kafka::ThreadResult(pthread_cond_broadcast(ei::kafka::Posix(condition)));
}
EI_C11_THREADS int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return ei::kafka::ThreadResult(pthread_cond_wait(ei::kafka::Posix(condition), ei::kafka::Posix(mutex)));
}
EI_C11_THREADS int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  return ei::kafka::ThreadResult(
      pthread_cond_timedwait(ei::kafka::Posix(condition), ei::kafka::Posix(mutex), until));
}
EI_C11_THREADS void cnd_destroy(cnd_t* condition) { pthread_cond_destroy(ei::kafka::Posix(condition)); }

// The library counts its references with atomics that the sanitizer doesn't see either.
EI_C11_THREADS const char* __tsan_default_suppressions() { return "race:librdkafka.so"; }

#undef EI_C11_THREADS

#endif
