#pragma once

// Annotations for clang's thread-safety analysis (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html). The
// `debug` and `tsan` presets check them. For other compilers the macros are empty.
#if defined(__clang__)
#define EI_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define EI_THREAD_ANNOTATION(x)
#endif

#define CAPABILITY(x) EI_THREAD_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY EI_THREAD_ANNOTATION(scoped_lockable)
#define GUARDED_BY(x) EI_THREAD_ANNOTATION(guarded_by(x))
#define REQUIRES(...) EI_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) EI_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) EI_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) EI_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
