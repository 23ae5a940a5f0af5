#include "store/reuse.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "archive/member_rules.hpp"
#include "archive/tree_writer.hpp"
#include "store/space.hpp"
#include "support/interruption.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBlock = 256U << 10U;

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

class Cloner {
public:
    Cloner(const Store& store, UniqueFd source, const Staging& staging)
        : store_{store}, source_{std::move(source)}, writer_{staging.fd()} {}

    CloneResult run(const DriverManifest& manifest) {
        try {
            for (const FileSpec& spec : manifest.files) {
                if (spec.layer == LayerRole::user_space) take(spec);
            }
            result_.reused = true;
        } catch (const NotReusable& refused) {
            for (const std::string& path : made_) writer_.remove(path);
            result_ = {};
            result_.reason = refused.why;
        }
        return result_;
    }

private:
    void take(const FileSpec& spec) {
        if (spec.is_link()) {
            if (!link_stays_inside(spec.path, spec.link_target)) {
                throw NotReusable{fmt::format("the link '{}' leads out of the tree", spec.path)};
            }
            writer_.make_link(spec.path, spec.link_target);
            made_.push_back(spec.path);
            return;
        }
        const UniqueFd file{open_beneath(source_.get(), spec.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
                                         RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)};
        if (!file) throw NotReusable{fmt::format("'{}' is missing in it", spec.path)};
        check(file.get(), spec);
        made_.push_back(spec.path);
        const bool executable = (spec.mode & 0100U) != 0;
        if (can_clone_ && writer_.clone_file(file.get(), spec.path, executable)) {
            ++result_.cloned;
        } else {
            can_clone_ = false;
            if (writer_.link_file(file.get(), spec.path)) {
                ++result_.linked;
            } else {
                copy(file.get(), spec, executable);
            }
        }
        result_.bytes += spec.size;
    }

    /// Where this file can be neither shared nor linked: too many links, another mount, a file system without them.
    void copy(int file, const FileSpec& spec, bool executable) {
        const SpaceLeft left = space_left(store_);
        require_space(store_, left, {.bytes = spec.size, .inodes = 1});
        writer_.begin_file(spec.path, executable);
        static_cast<void>(
            read_through(file, buffer_, spec.path, [&](std::string_view piece) { writer_.write(piece); }));
        if (writer_.end_file() != spec.sha256)
            throw NotReusable{fmt::format("'{}' changed while it was copied", spec.path)};
        ++result_.copied;
    }

    void check(int file, const FileSpec& spec) {
        struct stat status {};
        if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
            throw NotReusable{fmt::format("'{}' is no regular file", spec.path)};
        }
        const bool foreign = geteuid() == 0 && (status.st_uid != 0 || status.st_gid != 0);
        if (static_cast<std::uint64_t>(status.st_size) != spec.size || (status.st_mode & 07777U) != spec.mode ||
            foreign) {
            throw NotReusable{fmt::format("'{}' has another size, mode or owner than driver.json says", spec.path)};
        }
        if (read_through(file, buffer_, spec.path, [](std::string_view) {}) != spec.sha256) {
            throw NotReusable{fmt::format("'{}' is damaged: it does not hash to what driver.json says", spec.path)};
        }
    }

    const Store& store_;
    UniqueFd source_;
    TreeWriter writer_;
    std::vector<char> buffer_ = std::vector<char>(kBlock);
    std::vector<std::string> made_;
    CloneResult result_;
    bool can_clone_ = true;
};

}  // namespace

CloneResult clone_user_space(const Store& store, const Pair& from, const Staging& staging,
                             const DriverManifest& manifest) {
    auto source = store.root().open_if_exists(store.generation_path(from), O_PATH | O_DIRECTORY);
    if (!source) return {.reason = fmt::format("generation {} is not there", from.path())};
    CloneResult result = Cloner{store, std::move(*source), staging}.run(manifest);
    if (!result.reused) result.reason = fmt::format("generation {}: {}", from.path(), result.reason);
    return result;
}

}  // namespace overdrive
