#include "commands/process_signals.h"

#include <array>
#include <csignal>
#include <cstdint>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace ei::service {

namespace {

int Checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

}  // namespace

void IgnoreDeadlySignals() {
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
}

ProcessSignals::ProcessSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  Checked(pthread_sigmask(SIG_BLOCK, &set, nullptr), "pthread_sigmask");
  signals_ = Checked(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
  interrupt_ = Checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
}

ProcessSignals::~ProcessSignals() {
  close(signals_);
  close(interrupt_);
}

std::optional<int> ProcessSignals::Wait(std::chrono::milliseconds timeout) {
  std::array<pollfd, 2> watched = {pollfd{signals_, POLLIN, 0}, pollfd{interrupt_, POLLIN, 0}};
  if (poll(watched.data(), watched.size(), static_cast<int>(timeout.count())) <= 0) return std::nullopt;
  // The counter must be emptied, otherwise every later Wait would return at once.
  uint64_t interrupts = 0;
  if (watched[1].revents != 0) {
    [[maybe_unused]] const ssize_t taken = read(interrupt_, &interrupts, sizeof interrupts);
  }
  signalfd_siginfo info{};
  if (read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    return static_cast<int>(info.ssi_signo);
  return std::nullopt;
}

void ProcessSignals::Interrupt() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(interrupt_, &one, sizeof one);
}

}  // namespace ei::service
