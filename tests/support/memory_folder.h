#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/wal/disk.h"

namespace ei::support {

// A folder in memory. Many instances can share their initial files, so that a test can start a hundred
// thousand times from the same files. Never loses data and never fails. Not thread-safe.
class MemoryFolder final : public wal::Directory {
 public:
  using Files = std::map<std::string, std::shared_ptr<const std::string>>;

  explicit MemoryFolder(const Files& files) {
    for (const auto& [name, bytes] : files) nodes_[name] = std::make_shared<Node>(Node{bytes, {}});
  }

  wal::DiskResult<std::unique_ptr<wal::File>> Create(const std::string& name) override {
    if (nodes_.contains(name)) return std::unexpected(EEXIST);
    nodes_[name] = std::make_shared<Node>();
    return Open(name);
  }
  wal::DiskResult<std::unique_ptr<wal::File>> Open(const std::string& name) override {
    const auto found = nodes_.find(name);
    if (found == nodes_.end()) return std::unexpected(ENOENT);
    return std::make_unique<OpenFile>(found->second, largest_read_);
  }
  wal::DiskResult<void> Rename(const std::string& from, const std::string& to) override {
    auto moved = nodes_.extract(from);
    if (moved.empty()) return std::unexpected(ENOENT);
    nodes_[to] = std::move(moved.mapped());
    return {};
  }
  wal::DiskResult<void> Remove(const std::string& name) override {
    if (nodes_.erase(name) == 0) return std::unexpected(ENOENT);
    return {};
  }
  wal::DiskResult<void> Sync() override { return {}; }
  wal::DiskResult<std::vector<std::string>> List() override { return Names(); }

  wal::DiskResult<void> Confirm(const std::string& name, const wal::File& file) override {
    const auto found = nodes_.find(name);
    if (found == nodes_.end() || !static_cast<const OpenFile&>(file).Is(*found->second)) {
      return std::unexpected(ENOENT);
    }
    return {};
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, node] : nodes_) names.push_back(name);
    return names;
  }
  // The largest size of a single read request: the caller has allocated a buffer of that size.
  uint64_t LargestRead() const { return *largest_read_; }

 private:
  struct Node {
    const std::string& Bytes() const { return shared != nullptr ? *shared : own; }

    std::shared_ptr<const std::string> shared;  // until the first write
    std::string own;
  };

  class OpenFile final : public wal::File {
   public:
    OpenFile(std::shared_ptr<Node> node, std::shared_ptr<uint64_t> largest_read)
        : node_(std::move(node)), largest_read_(std::move(largest_read)) {}

    wal::DiskResult<size_t> Write(uint64_t offset, std::span<const char> bytes) override {
      if (node_->shared != nullptr) node_->own = *std::exchange(node_->shared, nullptr);
      std::string& own = node_->own;
      if (own.size() < offset + bytes.size()) own.resize(offset + bytes.size());
      std::copy(bytes.begin(), bytes.end(), own.begin() + static_cast<std::ptrdiff_t>(offset));
      return bytes.size();
    }
    wal::DiskResult<size_t> Read(uint64_t offset, std::span<char> bytes) override {
      *largest_read_ = std::max<uint64_t>(*largest_read_, bytes.size());
      const std::string& all = node_->Bytes();
      return offset < all.size() ? all.copy(bytes.data(), bytes.size(), offset) : 0;
    }
    wal::DiskResult<void> Sync() override { return {}; }
    bool Is(const Node& node) const { return node_.get() == &node; }
    wal::DiskResult<uint64_t> Size() override { return node_->Bytes().size(); }

   private:
    const std::shared_ptr<Node> node_;
    const std::shared_ptr<uint64_t> largest_read_;
  };

  std::map<std::string, std::shared_ptr<Node>> nodes_;
  std::shared_ptr<uint64_t> largest_read_ = std::make_shared<uint64_t>(0);
};

}  // namespace ei::support
