// Preloaded by tests. Once the file named by SYNC_FAULT_WHEN exists, every fdatasync of a file below
// SYNC_FAULT_DIR fails with EIO and syncs nothing, as on a broken disk.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_below(int fd, const char* folder) {
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path);
  const size_t prefix = strlen(folder);
  return size > (ssize_t)prefix && strncmp(path, folder, prefix) == 0 && path[prefix] == '/';
}

int fdatasync(int fd) {
  const char* when = getenv("SYNC_FAULT_WHEN");
  const char* folder = getenv("SYNC_FAULT_DIR");
  if (when != NULL && folder != NULL && access(when, F_OK) == 0 && is_below(fd, folder)) {
    errno = EIO;
    return -1;
  }
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return real(fd);
}
