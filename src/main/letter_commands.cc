#include "main/letter_commands.h"

#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>

#include "adapters/file_sink/letter_files.h"
#include "adapters/json/event_decoder.h"
#include "adapters/kafka/client_pool.h"
#include "adapters/kafka/credential_keeper.h"
#include "adapters/kafka/letter_sender.h"
#include "adapters/kafka/letter_topic.h"
#include "adapters/kafka/redrive_job.h"
#include "app/letter_groups.h"
#include "app/redrive.h"
#include "main/adapter_options.h"
#include "main/exit_deadline.h"
#include "main/letter_report.h"
#include "main/process_signals.h"
#include "main/routing.h"
#include "main/settings_commands.h"
#include "main/settings_fault.h"
#include "main/terminal.h"

namespace ei::service {

namespace {

using Source = std::unique_ptr<app::LetterSource>;

constexpr const char* kStatsGroup = "event-ingestor-dlq-stats";
constexpr base::Duration kStopMax = std::chrono::seconds(15);  // from a signal to the end
constexpr base::Duration kCloseMax = std::chrono::seconds(8);  // from the outcome to the end
constexpr const char* kHangs = "event-ingestor: the Kafka client hangs (a name server?); ending without it\n";
constexpr base::Duration kReadTime = std::chrono::milliseconds(100);
constexpr uint64_t kReadsBetweenLooks = 64;  // for a signal

// Asked for by a signal.
class Stop {
 public:
  bool Asked() {
    Wait(base::Duration(0));
    return asked_;
  }
  void Wait(base::Duration time) {
    const auto signal = signals_.Wait(std::chrono::ceil<std::chrono::milliseconds>(time));
    if (!signal || *signal == SIGHUP) return;
    if (asked_) ::_exit(kExitFailure);
    asked_ = true;
    end_.emplace(kStopMax, kExitStopped, kHangs);  // a job goes on where it was, as after a kill
  }

 private:
  ProcessSignals signals_;
  bool asked_ = false;
  std::optional<ExitDeadline> end_;
};

class LetterCommand {
 public:
  LetterCommand(const CommandLine& line, const Settings& settings, const app::Clock& clock, std::ostream& out,
                Terminal& terminal)
      : line_(line),
        options_(line.letters),
        settings_(settings),
        clock_(clock),
        out_(out),
        terminal_(terminal),
        pool_(KafkaOptionsOf(settings, 1, {}, clock), terminal),
        decoder_(json::MakeEventDecoder(DecoderOptionsOf(settings))),
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
    return settings_.sink.kind == SinkKind::kFile ? settings_.file.dir : settings_.dead_letter.dir;
  }

  base::Result<void> OpenJob(std::string name, std::string note) {
    kafka::RedriveJob::Options job;
    if (options_.from_file) job.letters = kafka::RedriveJob::Letters::kInFiles;
    job.topic = options_.from_file ? settings_.kafka.topic : settings_.kafka.dlq_topic;
    job.name = std::move(name);
    job.note = std::move(note);
    auto opened = kafka::RedriveJob::Open(pool_, std::move(job), clock_, [this] { return stop_.Asked(); });
    if (!opened) return std::unexpected(opened.error());
    job_ = std::move(*opened);
    return {};
  }

  base::Result<void> OpenSource(const app::LetterPlaces& from) {
    if (options_.from_file) {
      auto files = file_sink::LetterFiles::Open(Folder(), from);
      if (!files) return std::unexpected(files.error());
      source_ = std::move(*files);
      return {};
    }
    auto topic = kafka::LetterTopic::Open(*job_, from);
    if (!topic) return std::unexpected(topic.error());
    source_ = std::move(*topic);
    return {};
  }

  // Of what the filter lets pass, up to the end of the source; nullopt: stopped before.
  base::Result<std::optional<app::LetterGroups>> CountLetters() {
    app::LetterGroups groups;
    for (uint64_t read = 0; !source_->AtEnd(); ++read) {
      if (read % kReadsBetweenLooks == 0 && stop_.Asked()) return std::nullopt;
      const auto next = source_->Next(kReadTime);
      if (!next) return std::unexpected(next.error());
      const std::optional<app::StoredLetter>& letter = *next;
      if (letter && filter_.Matches(*letter, *decoder_)) groups.Add(*letter);
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
    const auto counted = CountLetters();
    if (!counted) return std::unexpected(counted.error());
    const std::optional<app::LetterGroups>& groups = *counted;
    if (!groups) return kExitStopped;
    out_ << (line_.json ? GroupsAsJson(*groups) : GroupTable(*groups, clock_.WallNow()));
    return kExitClean;
  }

  // Where letters may go: to where events go, and to what the operator names.
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
      if (auto opened = OpenSource(line_.again ? app::LetterPlaces() : *saved); !opened) {
        return std::unexpected(opened.error());
      }
      return PrintGroups();
    }
    auto sender = kafka::LetterSender::Open(
        *job_, {!line_.no_transactions, [this](base::Duration time) { stop_.Wait(time); }});
    if (!sender) return std::unexpected(sender.error());
    const app::LetterPlaces from = line_.again ? app::LetterPlaces() : (*sender)->Saved();
    if (auto opened = OpenSource(from); !opened) return std::unexpected(opened.error());
    out_ << "redrive of " << scope.source << ", job " << name
         << (from.empty() ? ", from the oldest letter\n" : ", from where it stopped last\n");
    out_.flush();
    return Send(**sender, scope);
  }

  // So that other redrives know what this one has dealt with.
  std::string NoteOf(const RedriveScope& scope) {
    std::string note = ToText(scope);
    if (note.size() <= kafka::RedriveJob::kNoteBytesMax) return note;
    terminal_.Write(app::LogLevel::kWarn, {},
                    "so much is asked for that no other redrive will know of this one, and may send the same "
                    "letters again",
                    {});
    return {};
  }

  // The other redrives of the same letters, as far as the brokers remember them.
  std::vector<app::Redrive::Earlier> Earlier(const RedriveScope& scope) {
    std::vector<app::Redrive::Earlier> earlier;
    if (line_.again) return earlier;
    auto jobs = job_->All(kJobPrefix);
    if (!jobs) {
      terminal_.Write(app::LogLevel::kWarn, {},
                      "it can't be seen what other redrives have sent, so that it may be sent again",
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

  base::Result<int> Send(app::LetterTarget& target, const RedriveScope& scope) {
    const base::SteadyTime began = clock_.Now();
    app::Redrive redrive(
        {filter_,
         {settings_.kafka.topic, settings_.kafka.dlq_topic, options_.redrives_max, Targets()},
         Earlier(scope),
         options_.rate},
        {*source_, target, *decoder_, clock_, [this](base::Duration time) { stop_.Wait(time); },
         [this] { return stop_.Asked(); },
         [this, began](const app::Redrive::Counts& counts) {
           const auto read = source_->Read();
           terminal_.ShowProgress(ProgressText(read.done, read.total, counts.sent, clock_.Now() - began));
         }});
    const auto end = redrive.Run();
    terminal_.EndProgress();
    out_ << RedriveSummary(redrive.Count(), clock_.Now() - began, settings_.kafka.dlq_topic);
    if (!end) return std::unexpected(end.error());
    if (*end == app::Redrive::End::kStopped) {
      out_ << "stopped; the same command goes on from here\n";
      return kExitStopped;
    }
    return redrive.Count().left.empty() ? kExitClean : kExitFailure;
  }

  const CommandLine& line_;
  const LetterOptions& options_;
  const Settings& settings_;
  const app::Clock& clock_;
  std::ostream& out_;
  Terminal& terminal_;
  Stop stop_;  // before any thread
  kafka::ClientPool pool_;
  std::optional<kafka::CredentialKeeper> credentials_;
  std::unique_ptr<app::EventDecoder> decoder_;
  const app::LetterFilter filter_;
  std::unique_ptr<kafka::RedriveJob> job_;
  Source source_;
};

}  // namespace

bool IsLetterCommand(Subcommand subcommand) {
  return subcommand == Subcommand::kDlqStats || subcommand == Subcommand::kRedrive;
}

int RunLetterCommand(const CommandLine& line, const Settings& settings, const app::Clock& clock,
                     std::ostream& out, std::ostream& errors, bool errors_is_terminal) {
  Terminal terminal(errors, errors_is_terminal, clock);
  std::optional<LetterCommand> command(std::in_place, line, settings, clock, out, terminal);
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
