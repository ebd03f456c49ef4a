// Replaces glibc's C11 threads in test programs that are built with ThreadSanitizer. librdkafka uses C11
// threads, and ThreadSanitizer intercepts only POSIX threads: it sees neither the C11 threads (and crashes in
// them) nor their locks. These functions are made of POSIX threads and mutexes; glibc's types for both have
// the same layout.
#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace {

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t) && sizeof(cnd_t) == sizeof(pthread_cond_t));

pthread_mutex_t* Posix(mtx_t* mutex) { return reinterpret_cast<pthread_mutex_t*>(mutex); }
pthread_cond_t* Posix(cnd_t* condition) { return reinterpret_cast<pthread_cond_t*>(condition); }
int ThreadResult(int error) {
  return error == 0           ? thrd_success
         : error == ETIMEDOUT ? thrd_timedout
         : error == EBUSY     ? thrd_busy
                              : thrd_error;
}

}  // namespace

extern "C" {

int thrd_create(thrd_t* thread, thrd_start_t start, void* argument) {
  using Call = std::pair<thrd_start_t, void*>;
  const auto run = [](void* given) -> void* {
    const Call call = *static_cast<Call*>(given);
    delete static_cast<Call*>(given);
    return reinterpret_cast<void*>(static_cast<intptr_t>(call.first(call.second)));
  };
  return ThreadResult(pthread_create(thread, nullptr, run, new Call(start, argument)));
}
int thrd_join(thrd_t thread, int* result) {
  void* returned = nullptr;
  const int error = pthread_join(thread, &returned);
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<intptr_t>(returned));
  return ThreadResult(error);
}

int mtx_init(mtx_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes,
                            (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
  return ThreadResult(pthread_mutex_init(Posix(mutex), &attributes));
}
int mtx_lock(mtx_t* mutex) { return ThreadResult(pthread_mutex_lock(Posix(mutex))); }
int mtx_trylock(mtx_t* mutex) { return ThreadResult(pthread_mutex_trylock(Posix(mutex))); }
int mtx_unlock(mtx_t* mutex) { return ThreadResult(pthread_mutex_unlock(Posix(mutex))); }
void mtx_destroy(mtx_t* mutex) { pthread_mutex_destroy(Posix(mutex)); }

int cnd_init(cnd_t* condition) { return ThreadResult(pthread_cond_init(Posix(condition), nullptr)); }
int cnd_signal(cnd_t* condition) { return ThreadResult(pthread_cond_signal(Posix(condition))); }
int cnd_broadcast(cnd_t* condition) { return ThreadResult(pthread_cond_broadcast(Posix(condition))); }
int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return ThreadResult(pthread_cond_wait(Posix(condition), Posix(mutex)));
}
int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  return ThreadResult(pthread_cond_timedwait(Posix(condition), Posix(mutex), until));
}
void cnd_destroy(cnd_t* condition) { pthread_cond_destroy(Posix(condition)); }

// librdkafka counts references with atomics that the sanitizer doesn't see.
const char* __tsan_default_suppressions() { return "race:librdkafka.so"; }

}  // extern "C"
