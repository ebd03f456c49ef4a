#include "commands/dead_letter_commands.h"

#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>

#include "adapters/file_sink/dead_letter_file_reader.h"
#include "adapters/json/event_decoder.h"
#include "adapters/kafka/client_factory.h"
#include "adapters/kafka/credential_refresher.h"
#include "adapters/kafka/dead_letter_topic_reader.h"
#include "adapters/kafka/redrive_job.h"
#include "adapters/kafka/redrive_producer.h"
#include "commands/dead_letter_report.h"
#include "commands/exit_deadline.h"
#include "commands/process_signals.h"
#include "commands/settings_commands.h"
#include "commands/terminal.h"
#include "redrive/dead_letter_stats.h"
#include "redrive/redrive.h"
#include "settings/kafka_tokens.h"
#include "settings/routing_file.h"
#include "settings/settings_fault.h"

namespace ei::service {

namespace {

using Source = std::unique_ptr<DeadLetterSource>;

constexpr const char* kStatsGroup = "event-ingestor-dlq-stats";
constexpr base::Duration kStopMax = std::chrono::seconds(15);  // from a signal to the exit
constexpr base::Duration kCloseMax = std::chrono::seconds(8);  // from the result to the exit
constexpr const char* kHangs = "event-ingestor: the Kafka client hangs (a name server?); exiting anyway\n";
constexpr base::Duration kReadTime = std::chrono::milliseconds(100);
constexpr uint64_t kReadsBetweenSignalChecks = 64;

// Whether SIGINT or SIGTERM has requested a stop. After the first one the process has kStopMax to end; the
// second ends it at once.
class Stop {
 public:
  bool Requested() {
    Wait(base::Duration(0));
    return requested_;
  }
  void Wait(base::Duration time) {
    const auto signal = signals_.Wait(std::chrono::ceil<std::chrono::milliseconds>(time));
    if (!signal || *signal == SIGHUP) return;
    if (requested_) ::_exit(kExitFailure);
    requested_ = true;
    deadline_.emplace(kStopMax, kExitStopped, kHangs);  // safe: the job can be resumed, as after a kill
  }

 private:
  ProcessSignals signals_;
  bool requested_ = false;
  std::optional<ExitDeadline> deadline_;
};

class DeadLetterCommand {
 public:
  DeadLetterCommand(const CommandLine& line, const Settings& settings, const Clock& clock, std::ostream& out,
                    Terminal& terminal)
      : line_(line),
        options_(line.dead_letters),
        settings_(settings),
        clock_(clock),
        out_(out),
        terminal_(terminal),
        pool_(KafkaOptionsOf(settings, clock), terminal),
        decoder_(json::MakeEventDecoder(settings.decoder)),
        filter_(FilterOf(options_, clock.WallNow())) {
    if (!pool_.Options().security.Secured()) return;
    credentials_.emplace(pool_.Options().security, clock_, terminal_, pool_);
    credentials_->Start();
  }

  base::Result<int> Run() {
    if (line_.subcommand == Subcommand::kDlqStats) return PrintStats();
    return Redrive();
  }

 private:
  std::string Folder() const {
    if (!options_.folder.empty()) return options_.folder;
    return settings_.sink == SinkKind::kFile ? settings_.file.directory : settings_.dead_letter.directory;
  }

  base::Result<void> OpenJob(std::string name, std::string note) {
    kafka::RedriveJob::Options job;
    if (options_.from_file) job.dead_letters = kafka::RedriveJob::DeadLetters::kInFiles;
    job.topic = options_.from_file ? settings_.kafka.topic : settings_.kafka.dlq_topic;
    job.name = std::move(name);
    job.note = std::move(note);
    auto opened =
        kafka::RedriveJob::Open(pool_, std::move(job), clock_, [this] { return stop_.Requested(); });
    if (!opened) return std::unexpected(opened.error());
    job_ = std::move(*opened);
    return {};
  }

  base::Result<void> OpenSource(const DeadLetterOffsets& from) {
    if (options_.from_file) {
      auto files = file_sink::DeadLetterFileReader::Open(Folder(), from);
      if (!files) return std::unexpected(files.error());
      source_ = std::move(*files);
      return {};
    }
    auto topic = kafka::DeadLetterTopicReader::Open(*job_, from);
    if (!topic) return std::unexpected(topic.error());
    source_ = std::move(*topic);
    return {};
  }

  // Counts the dead letters that match the filter, up to the end of the source; nullopt if it was stopped.
  base::Result<std::optional<DeadLetterStats>> CountDeadLetters() {
    DeadLetterStats groups;
    for (uint64_t read = 0; !source_->AtEnd(); ++read) {
      if (read % kReadsBetweenSignalChecks == 0 && stop_.Requested()) return std::nullopt;
      const auto next = source_->Next(kReadTime);
      if (!next) return std::unexpected(next.error());
      const std::optional<DeadLetterRecord>& dead_letter = *next;
      if (dead_letter && filter_.Matches(*dead_letter, *decoder_)) groups.Add(*dead_letter);
    }
    return groups;
  }

  base::Result<int> PrintStats() {
    if (!options_.from_file) {
      if (auto opened = OpenJob(kStatsGroup, {}); !opened) return std::unexpected(opened.error());
    }
    if (auto opened = OpenSource({}); !opened) return std::unexpected(opened.error());
    return PrintGroups();
  }

  base::Result<int> PrintGroups() {
    const auto counted = CountDeadLetters();
    if (!counted) return std::unexpected(counted.error());
    const std::optional<DeadLetterStats>& groups = *counted;
    if (!groups) return kExitStopped;
    out_ << (line_.json ? GroupsAsJson(*groups) : GroupTable(*groups, clock_.WallNow()));
    return kExitClean;
  }

  // Topics to which dead letters may be sent: the topics of the settings and routes, and those of --topic.
  std::vector<std::string> Targets() const {
    std::vector<std::string> targets = options_.topics;
    if (const auto routing = LoadRouting(settings_)) {
      targets.insert(targets.end(), routing->destinations.begin(), routing->destinations.end());
    }
    return targets;
  }

  base::Result<int> Redrive() {
    if (const auto routing = LoadRouting(settings_); !routing) {
      return base::Fail(base::ErrorKind::kInvalid, ToLine(routing.error().front()));
    }
    const RedriveScope scope{options_.from_file ? "file " + Folder() : "topic " + settings_.kafka.dlq_topic,
                             filter_, options_.redrives_max};
    const std::string name = JobNameOf(options_, scope);
    if (auto opened = OpenJob(name, NoteOf(scope)); !opened) return std::unexpected(opened.error());
    if (line_.dry_run) {
      const auto saved = job_->Saved();
      if (!saved) return std::unexpected(saved.error());
      if (auto opened = OpenSource(line_.again ? DeadLetterOffsets() : *saved); !opened) {
        return std::unexpected(opened.error());
      }
      return PrintGroups();
    }
    auto sender = kafka::RedriveProducer::Open(
        *job_, {!line_.no_transactions, [this](base::Duration time) { stop_.Wait(time); }});
    if (!sender) return std::unexpected(sender.error());
    const DeadLetterOffsets from = line_.again ? DeadLetterOffsets() : (*sender)->Saved();
    if (auto opened = OpenSource(from); !opened) return std::unexpected(opened.error());
    out_ << "redrive of " << scope.source << ", job " << name
         << (from.empty() ? ", from the oldest dead letter\n" : ", from where it stopped last\n");
    out_.flush();
    return Send(**sender, scope);
  }

  // The scope as text, saved with the job, so that other redrives know which dead letters this one has
  // handled.
  std::string NoteOf(const RedriveScope& scope) {
    std::string note = ToText(scope);
    if (note.size() <= kafka::RedriveJob::kNoteBytesMax) return note;
    terminal_.Write(LogLevel::kWarn, {},
                    "the filters are too long to be saved, so another redrive may send the same dead letters "
                    "again",
                    {});
    return {};
  }

  // Other redrives of the same source, as far as the brokers remember them.
  std::vector<ei::Redrive::Earlier> Earlier(const RedriveScope& scope) {
    std::vector<ei::Redrive::Earlier> earlier;
    if (line_.again) return earlier;
    auto jobs = job_->All(kJobPrefix);
    if (!jobs) {
      terminal_.Write(
          LogLevel::kWarn, {},
          "the progress of other redrives can't be read, so dead letters that they have sent may be "
          "sent again",
          {{"detail", std::string_view(jobs.error().message)}});
      return earlier;
    }
    for (auto& job : *jobs) {
      auto other = ReadScope(job.note);
      if (!other || other->source != scope.source) continue;
      earlier.push_back(
          {std::move(other->filter), other->redrives_max, std::move(job.places), options_.from_file});
    }
    return earlier;
  }

  base::Result<int> Send(RedriveTarget& target, const RedriveScope& scope) {
    const base::SteadyTime began = clock_.Now();
    ei::Redrive redrive(
        {filter_,
         {settings_.kafka.topic, settings_.kafka.dlq_topic, options_.redrives_max, Targets()},
         Earlier(scope),
         options_.rate},
        {*source_, target, *decoder_, clock_, [this](base::Duration time) { stop_.Wait(time); },
         [this] { return stop_.Requested(); },
         [this, began](const ei::Redrive::Counts& counts) {
           const auto read = source_->Read();
           terminal_.ShowProgress(ProgressText(read.done, read.total, counts.sent, clock_.Now() - began));
         }});
    const auto end = redrive.Run();
    terminal_.EndProgress();
    out_ << RedriveSummary(redrive.Count(), clock_.Now() - began, settings_.kafka.dlq_topic);
    if (!end) return std::unexpected(end.error());
    if (*end == ei::Redrive::End::kStopped) {
      out_ << "stopped; the same command continues from here\n";
      return kExitStopped;
    }
    return redrive.Count().left.empty() ? kExitClean : kExitFailure;
  }

  const CommandLine& line_;
  const DeadLetterOptions& options_;
  const Settings& settings_;
  const Clock& clock_;
  std::ostream& out_;
  Terminal& terminal_;
  Stop stop_;  // constructed before any thread: it blocks signals
  kafka::ClientFactory pool_;
  std::optional<kafka::CredentialRefresher> credentials_;
  std::unique_ptr<EventDecoder> decoder_;
  const DeadLetterFilter filter_;
  std::unique_ptr<kafka::RedriveJob> job_;
  Source source_;
};

}  // namespace

bool IsDeadLetterCommand(Subcommand subcommand) {
  return subcommand == Subcommand::kDlqStats || subcommand == Subcommand::kRedrive;
}

int RunDeadLetterCommand(const CommandLine& line, const Settings& settings, const Clock& clock,
                         std::ostream& out, std::ostream& errors, bool errors_is_terminal) {
  Terminal terminal(errors, errors_is_terminal, clock);
  std::optional<DeadLetterCommand> command(std::in_place, line, settings, clock, out, terminal);
  const auto outcome = command->Run();
  out.flush();
  if (!outcome) errors << "event-ingestor: " << outcome.error().message << '\n';
  const int status = outcome                                             ? *outcome
                     : outcome.error().kind == base::ErrorKind::kStorage ? kExitStorage
                                                                         : kExitFailure;
  const ExitDeadline deadline(kCloseMax, status, kHangs);
  command.reset();
  return status;
}

}  // namespace ei::service
