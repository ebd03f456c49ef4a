// Preloaded by tests: looking up a name never comes back, as with a name server that is gone and a resolver told to be patient.
// Addresses in digits are answered.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stddef.h>
#include <unistd.h>

typedef int Resolve(const char*, const char*, const struct addrinfo*, struct addrinfo**);

static int is_address(const char* host) {
  unsigned char address[sizeof(struct in6_addr)];
  return host == NULL || inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

int getaddrinfo(const char* host, const char* port, const struct addrinfo* hints, struct addrinfo** found) {
  while (!is_address(host)) pause();
  Resolve* const real = (Resolve*)dlsym(RTLD_NEXT, "getaddrinfo");
  return real(host, port, hints, found);
}
