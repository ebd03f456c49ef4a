#include "support/sim_disk.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

namespace ei::support {

using wal::DiskResult;
using wal::File;

namespace {

constexpr uint64_t kSector = SimContent::kSectorBytes;
constexpr uint64_t kUnbounded = std::numeric_limits<uint64_t>::max();

int ErrnoOf(DiskFault fault) {
  if (fault == DiskFault::kNoFiles) return EMFILE;
  return fault == DiskFault::kNoSpace ? ENOSPC : EIO;
}

uint64_t WholeSectors(uint64_t bytes) { return (bytes + kSector - 1) / kSector * kSector; }

std::vector<std::string> NamesIn(const SimNames::Table& table) {
  std::vector<std::string> names;
  for (const auto& [name, content] : table) names.push_back(name);
  return names;
}

}  // namespace

class SimDisk::OpenFile final : public File {
 public:
  OpenFile(SimDisk& disk, std::shared_ptr<SimContent> content)
      : disk_(disk), open_files_(disk.open_files_), content_(std::move(content)), process_(disk.process_) {
    ++*open_files_;
  }
  ~OpenFile() override { --*open_files_; }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  DiskResult<size_t> Write(uint64_t offset, std::span<const char> bytes) override {
    if (!disk_.Begin(process_, DiskCall::kWrite)) return std::unexpected(EIO);
    return disk_.Write(*content_, offset, bytes);
  }

  DiskResult<size_t> Read(uint64_t offset, std::span<char> bytes) override {
    if (const int error = disk_.Refusal(process_, DiskCall::kRead)) return std::unexpected(error);
    if (!content_->CanBeRead(offset, bytes.size())) {
      ++disk_.counts_.unreadable;
      return std::unexpected(EIO);
    }
    const std::string& seen = content_->Seen();
    return offset < seen.size() ? seen.copy(bytes.data(), bytes.size(), offset) : 0;
  }

  DiskResult<void> Sync() override {
    if (!disk_.Begin(process_, DiskCall::kSync)) return std::unexpected(EIO);
    return disk_.Sync(*content_);
  }

  const SimContent* Content() const { return content_.get(); }

  DiskResult<uint64_t> Size() override {
    if (const int error = disk_.Refusal(process_, DiskCall::kSize)) return std::unexpected(error);
    return content_->Seen().size();
  }

 private:
  SimDisk& disk_;
  const std::shared_ptr<uint64_t> open_files_;  // shared: a file may be closed after its disk is destroyed
  const std::shared_ptr<SimContent> content_;
  const uint64_t process_;
};

// A name change that fails with EIO may or may not have been made, by chance.
class SimDisk::Folder final : public wal::Directory {
 public:
  explicit Folder(SimDisk& disk) : disk_(disk), process_(disk.process_) {}

  DiskResult<std::unique_ptr<File>> Create(const std::string& name) override {
    if (!disk_.Begin(process_, DiskCall::kCreate)) return std::unexpected(EIO);
    const auto fault = disk_.NextFault(DiskCall::kCreate);
    const bool taken = names_.Find(name) != nullptr;
    if (!taken && Happens(fault)) names_.Add(name, std::make_shared<SimContent>());
    if (fault || taken) return std::unexpected(fault ? ErrnoOf(*fault) : EEXIST);
    return std::make_unique<OpenFile>(disk_, names_.Find(name));
  }

  DiskResult<std::unique_ptr<File>> Open(const std::string& name) override {
    if (const int error = disk_.Refusal(process_, DiskCall::kOpen)) return std::unexpected(error);
    auto content = names_.Find(name);
    if (content == nullptr) return std::unexpected(ENOENT);
    return std::make_unique<OpenFile>(disk_, std::move(content));
  }

  DiskResult<void> Rename(const std::string& from, const std::string& to) override {
    if (!disk_.Begin(process_, DiskCall::kRename)) return std::unexpected(EIO);
    const auto fault = disk_.NextFault(DiskCall::kRename);
    const bool missing = names_.Find(from) == nullptr;
    if (!missing && Happens(fault)) names_.Rename(from, to);
    if (fault || missing) return std::unexpected(fault ? ErrnoOf(*fault) : ENOENT);
    return {};
  }

  DiskResult<void> Remove(const std::string& name) override {
    if (!disk_.Begin(process_, DiskCall::kRemove)) return std::unexpected(EIO);
    const auto fault = disk_.NextFault(DiskCall::kRemove);
    const bool missing = names_.Find(name) == nullptr;
    if (!missing && Happens(fault)) names_.Remove(name);
    if (fault || missing) return std::unexpected(fault ? ErrnoOf(*fault) : ENOENT);
    return {};
  }

  DiskResult<void> Sync() override {
    if (!disk_.Begin(process_, DiskCall::kSyncNames)) return std::unexpected(EIO);
    return disk_.SyncNames();
  }

  DiskResult<std::vector<std::string>> List() override {
    if (const int error = disk_.Refusal(process_, DiskCall::kList)) return std::unexpected(error);
    std::vector<std::string> names = disk_.SeenNames();
    for (size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[disk_.random_.Below(i)]);
    return names;
  }

  DiskResult<void> Confirm(const std::string& name, const File& file) override {
    if (process_ != disk_.process_ || disk_.Stopped()) return std::unexpected(EIO);
    const auto content = names_.Find(name);
    if (content == nullptr || content.get() != static_cast<const OpenFile&>(file).Content()) {
      return std::unexpected(ENOENT);
    }
    return {};
  }

 private:
  bool Happens(std::optional<DiskFault> fault) {
    return !fault || (fault == DiskFault::kEio && disk_.random_.OneIn(2));
  }

  SimDisk& disk_;
  SimNames& names_ = disk_.names_;
  const uint64_t process_;
};

std::unique_ptr<wal::Directory> SimDisk::Mount() { return std::make_unique<Folder>(*this); }

bool SimDisk::Begin(uint64_t process, DiskCall call) {
  if (process != process_ || Stopped()) return false;
  if (operations_left_ && --*operations_left_ == 0) ++counts_.stops;
  ++counts_.calls[static_cast<size_t>(call)];
  return true;
}

std::optional<DiskFault> SimDisk::NextFault(DiskCall call) {
  const auto fault = plan_.Next(call, random_);
  if (fault == DiskFault::kEio || fault == DiskFault::kLost) ++counts_.eio[static_cast<size_t>(call)];
  if (fault == DiskFault::kLost) ++counts_.lost_syncs;
  if (fault == DiskFault::kNoSpace) ++counts_.no_space[static_cast<size_t>(call)];
  return fault;
}

int SimDisk::Refusal(uint64_t process, DiskCall call) {
  if (!Begin(process, call)) return EIO;
  const auto fault = NextFault(call);
  return fault ? ErrnoOf(*fault) : 0;
}

// How many bytes a write at `offset` can store.
uint64_t SimDisk::Room(const SimContent& content, uint64_t offset) const {
  const uint64_t capacity = options_.capacity_bytes;
  if (capacity == kUnbounded) return kUnbounded;
  const uint64_t used = UsedBytes();
  const uint64_t free = used < capacity ? (capacity - used) / kSector * kSector : 0;
  const uint64_t end = WholeSectors(content.Seen().size()) + free;
  return offset < end ? end - offset : 0;
}

DiskResult<size_t> SimDisk::Write(SimContent& content, uint64_t offset, std::span<const char> bytes) {
  const auto fault = NextFault(DiskCall::kWrite);
  if (fault == DiskFault::kNoSpace) return std::unexpected(ENOSPC);
  uint64_t takes = std::min<uint64_t>(bytes.size(), Room(content, offset));
  if (takes < bytes.size()) {
    ++counts_.disk_full;
    if (takes == 0 && fault != DiskFault::kEio) return std::unexpected(ENOSPC);
  }
  if (fault == DiskFault::kShort && takes > 1) {
    ++counts_.short_writes;
    takes = random_.Between(1, takes - 1);
  }
  if (fault == DiskFault::kEio) takes = random_.Between(0, takes);
  content.Write(offset, bytes.first(takes), ++writes_);
  if (fault == DiskFault::kEio) return std::unexpected(EIO);
  return takes;
}

DiskResult<void> SimDisk::Sync(SimContent& content) {
  const auto fault = NextFault(DiskCall::kSync);
  if (fault == DiskFault::kLost) content.LoseUnsynced(random_, Tearing::kNone);
  if (fault) return std::unexpected(ErrnoOf(*fault));
  content.Sync();
  return {};
}

DiskResult<void> SimDisk::SyncNames() {
  const auto fault = NextFault(DiskCall::kSyncNames);
  if (fault == DiskFault::kLost) names_.LoseUnsynced(random_, options_.name_loss);
  if (fault) return std::unexpected(ErrnoOf(*fault));
  names_.Sync();
  return {};
}

void SimDisk::EndProcess() {
  ++process_;
  operations_left_.reset();
}

void SimDisk::KillProcess() {
  EndProcess();
  ++counts_.process_kills;
}

void SimDisk::Crash() {
  EndProcess();
  ++counts_.crashes;
  const SimNames::Losses names = names_.LoseUnsynced(random_, options_.name_loss);
  names_.Reread();
  counts_.names_lost += names.lost;
  counts_.names_reordered += names.reordered;
  bool loses = names.lost > 0;
  SimContent::Losses all;
  for (const auto& [name, content] : names_.Durable()) {
    const SimContent::Losses losses = content->LoseUnsynced(random_, options_.tearing);
    content->Reread();
    counts_.sectors_kept += losses.sectors_kept;
    counts_.sectors_lost += losses.sectors_lost;
    counts_.sectors_torn += losses.sectors_torn;
    counts_.sizes_cut += losses.size_cut ? 1 : 0;
    loses = loses || losses.sectors_lost > 0 || losses.size_cut;
    all.first_lost = std::min(all.first_lost, losses.first_lost);
    all.last_kept = std::max(all.last_kept, losses.last_kept);
  }
  counts_.crashes_losing += loses ? 1 : 0;
  counts_.crashes_reordering += all.first_lost < all.last_kept ? 1 : 0;
}

void SimDisk::EvictCleanPages() {
  for (const auto& [name, content] : names_.Seen()) content->Reread();
}

void SimDisk::FlipBit(const std::string& name, uint64_t byte, int bit) {
  ++counts_.damages;
  names_.Seen().at(name)->Flip(byte, bit);
}

void SimDisk::ZeroRange(const std::string& name, uint64_t offset, uint64_t bytes) {
  ++counts_.damages;
  names_.Seen().at(name)->Zero(offset, bytes);
}

void SimDisk::Truncate(const std::string& name, uint64_t bytes) {
  ++counts_.damages;
  names_.Seen().at(name)->Resize(bytes);
}

void SimDisk::MakeUnreadable(const std::string& name, uint64_t offset, uint64_t bytes) {
  names_.Seen().at(name)->MakeUnreadable(offset, bytes);
}

void SimDisk::Heal(const std::string& name) { names_.Seen().at(name)->Heal(); }

void SimDisk::Heal() {
  for (const auto* table : {&names_.Seen(), &names_.Durable()}) {
    for (const auto& [name, content] : *table) content->Heal();
  }
}

void SimDisk::RemoveFile(const std::string& name) {
  ++counts_.damages;
  names_.Remove(name);
  names_.Sync();
}

void SimDisk::PutFile(const std::string& name, const std::string& bytes) {
  const auto content = std::make_shared<SimContent>();
  content->Write(0, bytes, ++writes_);
  content->Sync();
  names_.Add(name, content);
  names_.Sync();
}

std::vector<std::string> SimDisk::SeenNames() const { return NamesIn(names_.Seen()); }
std::vector<std::string> SimDisk::DurableNames() const { return NamesIn(names_.Durable()); }

uint64_t SimDisk::UsedBytes() const {
  uint64_t used = 0;
  for (const auto& [name, content] : names_.Seen()) used += WholeSectors(content->Seen().size());
  return used;
}

}  // namespace ei::support
