#include "support/verity_digest.hpp"

#include <algorithm>

#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBlock = 4096;
constexpr char kLogBlock = 12;
constexpr char kVersion = 1;
constexpr char kSha256 = 1;
constexpr std::size_t kDescriptorBytes = 256;
constexpr std::size_t kSizeAt = 8;   ///< of `data_size` in the descriptor, little endian
constexpr std::size_t kRootAt = 16;  ///< of `root_hash`

}  // namespace

void VerityDigest::update(std::string_view bytes) {
    size_ += bytes.size();
    if (!partial_.empty()) {
        const std::size_t taken = std::min(kBlock - partial_.size(), bytes.size());
        partial_ += bytes.substr(0, taken);
        bytes.remove_prefix(taken);
        if (partial_.size() < kBlock) return;
        add_hash(0, partial_);
        partial_.clear();
    }
    for (; bytes.size() >= kBlock; bytes.remove_prefix(kBlock)) add_hash(0, bytes.substr(0, kBlock));
    partial_ = bytes;
}

void VerityDigest::add_hash(std::size_t level, std::string_view block) {
    if (levels_.size() == level) levels_.emplace_back();
    hash_.update(block);
    const auto raw = hash_.finish_raw();
    levels_[level].pending.append(raw.begin(), raw.end());
    ++levels_[level].hashes;
    if (levels_[level].pending.size() < kBlock) return;
    const std::string full = std::move(levels_[level].pending);
    levels_[level].pending.clear();
    add_hash(level + 1, full);
}

std::string VerityDigest::finish() {
    if (!partial_.empty()) {
        partial_.resize(kBlock, '\0');
        add_hash(0, partial_);
    }
    std::string root;  // of nothing it is zeros
    for (std::size_t level = 0; level < levels_.size(); ++level) {
        std::string pending = std::move(levels_[level].pending);
        if (levels_[level].hashes == 1) {
            root = std::move(pending);
        } else if (!pending.empty()) {
            pending.resize(kBlock, '\0');
            add_hash(level + 1, pending);
        }
    }
    std::string descriptor(kDescriptorBytes, '\0');
    descriptor[0] = kVersion;
    descriptor[1] = kSha256;
    descriptor[2] = kLogBlock;
    for (std::size_t i = 0; i < sizeof size_; ++i) descriptor[kSizeAt + i] = static_cast<char>(size_ >> (8 * i));
    std::copy(root.begin(), root.end(), descriptor.begin() + kRootAt);
    *this = {};
    return sha256_hex(descriptor);
}

}  // namespace overdrive
