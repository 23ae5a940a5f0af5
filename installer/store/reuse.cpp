#include "store/reuse.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "archive/member_rules.hpp"
#include "archive/tree_writer.hpp"
#include "store/space.hpp"
#include "support/interruption.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBlock = 256U << 10U;
/// More would only wait for the memory.
constexpr std::size_t kMostWorkers = 4;

/// Why one file cannot be reused; carries words, never leaves this file.
struct NotReusable {
    std::string why;
};

/// Reads `file` from its beginning in pieces. @return the sha256 of all
template <typename Take>
std::string read_through(int file, std::vector<char>& buffer, const std::string& path, const Take& take) {
    Sha256 hash;
    static_cast<void>(posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL));
    for (off_t at = 0;;) {
        stop_if_interrupted();
        const ssize_t got = ::pread(file, buffer.data(), buffer.size(), at);
        if (got == 0) return hash.finish();
        if (got < 0 && errno != EINTR) throw NotReusable{fmt::format("'{}' cannot be read", path)};
        if (got <= 0) continue;
        const std::string_view piece{buffer.data(), static_cast<std::size_t>(got)};
        hash.update(piece);
        take(piece);
        at += got;
    }
}

/// Hashes several files at a time, for that is what reuse costs; links and clones them one at a time.
class Cloner {
public:
    Cloner(const Store& store, UniqueFd source, const Staging& staging, ContentGuard* guard)
        : store_{store}, source_{std::move(source)}, guard_{guard}, writer_{staging.fd()} {}

    CloneResult run(std::vector<FileToClone> files) {
        files_ = std::move(files);
        // A few files hold nearly all bytes: with one of them last, the others would wait for it.
        std::stable_sort(files_.begin(), files_.end(), [](const FileToClone& left, const FileToClone& right) {
            return left.wanted->size > right.wanted->size;
        });
        work();
        try {
            if (failure_) std::rethrow_exception(failure_);
            result_.reused = true;
        } catch (const NotReusable& refused) {
            for (const std::string& path : made_) writer_.remove(path);
            result_ = {};
            result_.reason = refused.why;
        }
        return result_;
    }

private:
    /// @post every file was taken, or `failure_` says why not
    void work() {
        std::vector<std::jthread> helpers;
        const std::size_t wanted = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMostWorkers);
        try {
            while (helpers.size() + 1 < wanted) helpers.emplace_back([this] { take_next_ones(); });
        } catch (const std::system_error&) {  // no more threads to be had: it takes longer
        }
        take_next_ones();
    }

    void take_next_ones() noexcept {
        try {
            std::vector<char> buffer(kBlock);
            for (std::size_t at = next_++; at < files_.size() && !failed_; at = next_++) take(files_[at], buffer);
        } catch (...) {
            const std::lock_guard lock{mutex_};
            if (!failure_) failure_ = std::current_exception();
            failed_ = true;
        }
    }

    void take(const FileToClone& taken, std::vector<char>& buffer) {
        const FileSpec& spec = *taken.wanted;
        if (spec.is_link()) {
            if (!link_stays_inside(spec.path, spec.link_target)) {
                throw NotReusable{fmt::format("the link '{}' leads out of the tree", spec.path)};
            }
            const std::lock_guard lock{mutex_};
            writer_.make_link(spec.path, spec.link_target);
            made_.push_back(spec.path);
            return;
        }
        const UniqueFd file{open_beneath(source_.get(), taken.from.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
                                         RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)};
        if (!file) throw NotReusable{fmt::format("'{}' is missing in it", taken.from)};
        check_status(file.get(), taken);
        if (is_vouched_for(file.get(), spec) && link_unread(file.get(), spec)) return;
        check_content(file.get(), taken, buffer);
        const std::lock_guard lock{mutex_};
        made_.push_back(spec.path);
        result_.hashed_bytes += spec.size;
        if (can_clone_ && writer_.clone_file(file.get(), spec.path, is_executable(spec))) {
            ++result_.cloned;
        } else {
            can_clone_ = false;
            if (writer_.link_file(file.get(), spec.path)) {
                ++result_.linked;
            } else {
                copy(file.get(), taken, buffer);
            }
        }
        result_.bytes += spec.size;
    }

    /// Whether the kernel guards exactly the content that driver.json, and who signed it, names. Both digests there are
    /// of the same bytes, so nothing about this needs to be remembered on the node.
    bool is_vouched_for(int file, const FileSpec& spec) {
        return guard_ != nullptr && !spec.verity.empty() && guard_->measure(file) == spec.verity;
    }

    /// @return false where no hard link can be made
    bool link_unread(int file, const FileSpec& spec) {
        const std::lock_guard lock{mutex_};
        if (!writer_.link_file(file, spec.path)) return false;
        made_.push_back(spec.path);
        ++result_.linked;
        result_.bytes += spec.size;
        result_.vouched_bytes += spec.size;
        return true;
    }

    /// Where this file can be neither shared nor linked: too many links, another mount, a file system without them.
    void copy(int file, const FileToClone& taken, std::vector<char>& buffer) {
        const FileSpec& spec = *taken.wanted;
        const SpaceLeft left = space_left(store_);
        require_space(store_, left, {.bytes = spec.size, .inodes = 1});
        writer_.begin_file(spec.path, is_executable(spec));
        static_cast<void>(
            read_through(file, buffer, taken.from, [&](std::string_view piece) { writer_.write(piece); }));
        if (writer_.end_file() != spec.sha256)
            throw NotReusable{fmt::format("'{}' changed while it was copied", taken.from)};
        ++result_.copied;
    }

    static bool is_executable(const FileSpec& spec) { return (spec.mode & 0100U) != 0; }

    static void check_status(int file, const FileToClone& taken) {
        const FileSpec& spec = *taken.wanted;
        struct stat status {};
        if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
            throw NotReusable{fmt::format("'{}' is no regular file", taken.from)};
        }
        const bool foreign = geteuid() == 0 && (status.st_uid != 0 || status.st_gid != 0);
        if (static_cast<std::uint64_t>(status.st_size) != spec.size || (status.st_mode & 07777U) != spec.mode ||
            foreign) {
            throw NotReusable{fmt::format("'{}' has another size, mode or owner than driver.json says", taken.from)};
        }
    }

    static void check_content(int file, const FileToClone& taken, std::vector<char>& buffer) {
        if (read_through(file, buffer, taken.from, [](std::string_view) {}) != taken.wanted->sha256) {
            throw NotReusable{fmt::format("'{}' is damaged: it does not hash to what driver.json says", taken.from)};
        }
    }

    const Store& store_;
    UniqueFd source_;
    ContentGuard* guard_;  ///< asked from several threads
    std::vector<FileToClone> files_;
    std::atomic<std::size_t> next_{0};
    std::atomic<bool> failed_{false};

    std::mutex mutex_;  ///< of all below
    TreeWriter writer_;
    std::vector<std::string> made_;
    CloneResult result_;
    std::exception_ptr failure_;
    bool can_clone_ = true;
};

}  // namespace

CloneResult clone_files(const Store& store, const Pair& from, const Staging& staging, std::vector<FileToClone> files,
                        ContentGuard* guard) {
    auto source = store.root().open_if_exists(store.generation_path(from), O_PATH | O_DIRECTORY);
    if (!source) return {.reason = fmt::format("generation {} is not there", from.path())};
    CloneResult result = Cloner{store, std::move(*source), staging, guard}.run(std::move(files));
    if (!result.reused) result.reason = fmt::format("generation {}: {}", from.path(), result.reason);
    return result;
}

CloneResult clone_user_space(const Store& store, const Pair& from, const Staging& staging,
                             const DriverManifest& manifest, ContentGuard* guard) {
    std::vector<FileToClone> files;
    for (const FileSpec& spec : manifest.files)
        if (spec.layer == LayerRole::user_space) files.push_back({&spec, spec.path});
    return clone_files(store, from, staging, std::move(files), guard);
}

}  // namespace overdrive
