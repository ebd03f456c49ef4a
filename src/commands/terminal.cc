#include "commands/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "settings/humanize.h"
#include "settings/settings_fault.h"

namespace ei::service {

namespace {

constexpr auto kRedrawInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(10);
constexpr auto kRepeatInterval = std::chrono::seconds(10);
constexpr int kBarCells = 30;

std::string TextOf(const LogField& field) {
  return std::visit(
      [](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
          return PrintableLong(value);
        } else {
          return fmt::format("{}", value);
        }
      },
      field.value);
}

}  // namespace

base::Duration Terminal::Interval() const {
  return is_terminal_ ? base::Duration(kRedrawInterval) : base::Duration(kLineInterval);
}

void Terminal::ShowProgress(std::string_view line) {
  const base::MutexLock lock(mutex_);
  const base::SteadyTime now = clock_.Now();
  if (now < next_progress_) return;
  next_progress_ = now + Interval();
  Clear();
  out_ << line;
  if (!is_terminal_) out_ << '\n';
  out_.flush();
  drawn_ = is_terminal_;
}

void Terminal::EndProgress() {
  const base::MutexLock lock(mutex_);
  Clear();
  out_.flush();
}

void Terminal::Clear() {
  constexpr std::string_view kToStartAndErase = "\r\x1b[K";
  if (drawn_) out_ << kToStartAndErase;
  drawn_ = false;
}

void Terminal::Write(ei::LogLevel level, std::string_view, std::string_view message,
                     std::initializer_list<LogField> fields) {
  if (level != LogLevel::kWarn && level != ei::LogLevel::kError) return;
  const base::MutexLock lock(mutex_);
  const base::SteadyTime now = clock_.Now();
  // Messages are constants, so the map stays small.
  const auto last = last_written_.find(message);
  if (last != last_written_.end() && now < last->second + kRepeatInterval) return;
  last_written_.insert_or_assign(std::string(message), now);
  Clear();
  out_ << "event-ingestor: " << message;
  std::string_view before = ": ";
  for (const LogField& field : fields) {
    const std::string text = TextOf(field);
    if (text.empty()) continue;
    out_ << before << field.name << ' ' << text;
    before = ", ";
  }
  out_ << '\n';
  out_.flush();
}

std::string ProgressText(uint64_t done, uint64_t total, uint64_t sent, base::Duration elapsed) {
  const double share = total == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const int cells = static_cast<int>(share * kBarCells);
  const double seconds = std::chrono::duration<double>(elapsed).count();
  std::string text = fmt::format("[{:#<{}}{:-<{}}] {:3} %, {} sent back", "", cells, "", kBarCells - cells,
                                 static_cast<int>(share * 100), NumberText(sent));
  if (seconds <= 0) return text;
  text += fmt::format(", {}/s", NumberText(static_cast<uint64_t>(static_cast<double>(sent) / seconds)));
  if (share <= 0 || share >= 1) return text;
  const auto left = std::chrono::duration<double>(seconds / share - seconds);
  return text + ", " + AgeText(std::chrono::duration_cast<base::Duration>(left)) + " left";
}

}  // namespace ei::service
