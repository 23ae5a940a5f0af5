#include "builder-images/artifact/source_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "model/driver_manifest.hpp"
#include "support/sha256.hpp"
#include "support/verity_digest.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kPieceBytes = 1U << 20U;
constexpr int kMostDepth = 64;

bool is_printable_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// How many directories a link's target climbs; -1 when it climbs after it has gone down, which no link needs and
/// which means something else when a part on the way is a link itself.
int climbs_of(const std::string& target) {
    int climbs = 0;
    bool down = false;
    for (const auto& part : std::filesystem::path{target}) {
        if (part != "..") {
            down = true;
        } else if (down) {
            return -1;
        } else {
            ++climbs;
        }
    }
    return climbs;
}

class TreeReader {
public:
    TreeReader(const Root& tree, std::string_view name, Digests digests)
        : tree_{tree}, name_{name}, digests_{digests} {}

    std::vector<TreeEntry> read() {
        read_directory("", 0);
        std::sort(entries_.begin(), entries_.end(),
                  [](const TreeEntry& a, const TreeEntry& b) { return a.path < b.path; });
        return std::move(entries_);
    }

private:
    [[noreturn]] void refuse(const std::string& path, std::string_view what) const {
        throw Error{Errc::bad_archive, fmt::format("{}: '{}' {}", name_, path, what)};
    }

    /// @return whether the directory holds anything
    bool read_directory(const std::string& directory, int depth) {
        if (depth > kMostDepth) refuse(directory, "is nested too deeply");
        bool any = false;
        for (const std::string& entry : tree_.list(directory.empty() ? "." : directory)) {
            const std::string path = directory.empty() ? entry : fmt::format("{}/{}", directory, entry);
            if (!is_plain_relative_path(path) || !is_printable_ascii(path))
                refuse(path, "has a name that is not plain printable ASCII");
            any = read_entry(path, depth) || any;
        }
        if (any && !directory.empty()) entries_.push_back({directory, TreeEntry::Kind::directory, 0755, 0, "", ""});
        return any;
    }

    bool read_entry(const std::string& path, int depth) {
        const auto status = tree_.link_status(path);
        if (!status) refuse(path, "vanished while it was read");
        if (S_ISDIR(status->st_mode)) return read_directory(path, depth + 1);
        if (S_ISLNK(status->st_mode)) {
            read_link(path, depth);
        } else if (S_ISREG(status->st_mode)) {
            const auto size = static_cast<std::uint64_t>(status->st_size);
            read_file(path, (status->st_mode & S_IXUSR) != 0 ? 0755 : 0644,
                      digests_ == Digests::and_verity && size >= kLeastVerityBytes);
        } else {
            refuse(path, "is neither a file nor a directory nor a symbolic link; a layer holds nothing else");
        }
        return true;
    }

    void read_file(const std::string& path, unsigned mode, bool with_verity) {
        Sha256 hash;
        VerityDigest verity;
        std::uint64_t size = 0;
        read_pieces(tree_, path, [&](std::string_view piece) {
            hash.update(piece);
            if (with_verity) verity.update(piece);
            size += piece.size();
        });
        entries_.push_back({path, TreeEntry::Kind::file, mode, size, hash.finish(), ""});
        if (with_verity) entries_.back().verity = verity.finish();
    }

    void read_link(const std::string& path, int depth) {
        const std::string target = tree_.read_link(path).value_or("");
        if (target.empty() || target.front() == '/' || !is_printable_ascii(target))
            refuse(path, fmt::format("is a link to '{}'; only relative targets are accepted", target));
        const int climbs = climbs_of(target);
        if (climbs < 0 || climbs > depth)
            refuse(path, fmt::format("is a link to '{}', which leads out of the tree", target));
        if (!tree_.status(path)) refuse(path, fmt::format("is a link to '{}', which is not there", target));
        entries_.push_back({path, TreeEntry::Kind::link, 0777, 0, "", target});
    }

    const Root& tree_;
    std::string name_;
    Digests digests_;
    std::vector<TreeEntry> entries_;
};

}  // namespace

void read_pieces(const Root& tree, const std::string& path, const std::function<void(std::string_view)>& take) {
    const UniqueFd file = tree.open(path, O_RDONLY | O_NOFOLLOW);
    std::string buffer(kPieceBytes, '\0');
    while (true) {
        const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
        const int saved_errno = errno;
        if (count == 0) return;
        if (count > 0) {
            take({buffer.data(), static_cast<std::size_t>(count)});
        } else if (saved_errno != EINTR) {
            throw Error::from_errno(Errc::io, saved_errno, fmt::format("read '{}'", tree.host_path(path)));
        }
    }
}

std::vector<TreeEntry> read_tree(const Root& tree, std::string_view name, Digests digests) {
    return TreeReader{tree, name, digests}.read();
}

}  // namespace overdrive
