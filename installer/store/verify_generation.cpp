#include "store/verify_generation.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "store/tree_check.hpp"
#include "support/interruption.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

using Kind = Difference::Kind;
using Entries = std::map<std::string, struct stat>;

constexpr std::size_t kBlock = 256U << 10U;
constexpr std::size_t kMostDriverJson = 16U << 20U;
constexpr std::size_t kMostCommitRecord = 1U << 20U;

/// Everything below `directory` by its path there; links are not followed.
void collect(const Root& root, const std::string& directory, const std::string& below, Entries& out) {
    for (const std::string& name : root.list(directory)) {
        const std::string path = below.empty() ? name : fmt::format("{}/{}", below, name);
        const std::string place = fmt::format("{}/{}", directory, name);
        const auto status = root.link_status(place);
        if (!status) continue;
        out.emplace(path, *status);
        if (S_ISDIR(status->st_mode)) collect(root, place, path, out);
    }
}

std::string_view kind_of(mode_t mode) {
    if (S_ISREG(mode)) return "a file";
    if (S_ISDIR(mode)) return "a directory";
    return S_ISLNK(mode) ? "a link" : "a special file";
}

/// Names, types, sizes, modes, owners and targets of one tree, against its driver.json.
class TreeComparison {
public:
    TreeComparison(const Root& root, std::string directory, std::vector<Difference>& out)
        : root_{root}, directory_{std::move(directory)}, out_{out} {
        collect(root_, directory_, "", entries_);
    }

    void run(const DriverManifest& manifest) {
        for (const FileSpec& spec : manifest.files) compare(spec);
        listed_.insert({kDriverJson, kDriverJsonSignature});
        std::string below_extra;
        for (const auto& [path, status] : entries_) {
            if (!below_extra.empty() && path.starts_with(below_extra)) continue;
            if (directories_.contains(path)) {
                compare_directory(path, status);
            } else if (!listed_.contains(path)) {
                add(path, Kind::extra, fmt::format("is {} that was not installed", kind_of(status.st_mode)));
                if (S_ISDIR(status.st_mode)) below_extra = path + "/";
            } else {
                compare_owner(path, status);
            }
        }
    }

    /// The status of a file that is there as it should be, but for its content; nullptr for others.
    [[nodiscard]] const struct stat* hashable(const FileSpec& spec) const {
        const auto found = entries_.find(spec.path);
        if (spec.is_link() || found == entries_.end() || !S_ISREG(found->second.st_mode)) return nullptr;
        return static_cast<std::uint64_t>(found->second.st_size) == spec.size ? &found->second : nullptr;
    }

private:
    void add(const std::string& path, Kind kind, std::string what) { out_.push_back({path, kind, std::move(what)}); }

    void compare(const FileSpec& spec) {
        listed_.insert(spec.path);
        for (std::size_t slash = spec.path.find('/'); slash != std::string::npos;
             slash = spec.path.find('/', slash + 1)) {
            directories_.insert(spec.path.substr(0, slash));
        }
        const auto found = entries_.find(spec.path);
        if (found == entries_.end()) return add(spec.path, Kind::missing, "is missing");
        const struct stat& status = found->second;
        if (spec.is_link() ? !S_ISLNK(status.st_mode) : !S_ISREG(status.st_mode)) {
            add(spec.path, Kind::type,
                fmt::format("is {}, {} was installed", kind_of(status.st_mode), spec.is_link() ? "a link" : "a file"));
        } else if (spec.is_link()) {
            const std::string target = root_.read_link(directory_ + "/" + spec.path).value_or("");
            if (target != spec.link_target)
                add(spec.path, Kind::target,
                    fmt::format("leads to '{}', installed was '{}'", target, spec.link_target));
        } else {
            compare_file(spec, status);
        }
    }

    void compare_file(const FileSpec& spec, const struct stat& status) {
        if (static_cast<std::uint64_t>(status.st_size) != spec.size)
            add(spec.path, Kind::size, fmt::format("has {} bytes, {} were installed", status.st_size, spec.size));
        if ((status.st_mode & 07777U) != spec.mode)
            add(spec.path, Kind::mode,
                fmt::format("has mode {:04o}, installed was {:04o}", status.st_mode & 07777U, spec.mode));
    }

    void compare_directory(const std::string& path, const struct stat& status) {
        constexpr unsigned kMode = 0755;
        if (!S_ISDIR(status.st_mode))
            return add(path, Kind::type, fmt::format("is {}, a directory was installed", kind_of(status.st_mode)));
        if ((status.st_mode & 07777U) != kMode)
            add(path, Kind::mode, fmt::format("has mode {:04o}, installed was {:04o}", status.st_mode & 07777U, kMode));
        compare_owner(path, status);
    }

    void compare_owner(const std::string& path, const struct stat& status) {
        const bool roots = status.st_uid == 0 && status.st_gid == 0;
        const bool own = geteuid() != 0 && status.st_uid == geteuid();  // installed by whoever we are, in a test
        if (!roots && !own)
            add(path, Kind::owner, fmt::format("belongs to {}:{}, not to root", status.st_uid, status.st_gid));
    }

    const Root& root_;
    std::string directory_;
    std::vector<Difference>& out_;
    Entries entries_;
    std::set<std::string> listed_;
    std::set<std::string> directories_;
};

/// Spreads the files over the numbers by seed and path. @see splitmix64
std::uint64_t rank(std::uint64_t seed, std::string_view path) {
    std::uint64_t hash = seed;
    for (const char c : path) {
        hash += static_cast<unsigned char>(c) + 0x9e3779b97f4a7c15U;
        hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9U;
        hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebU;
        hash ^= hash >> 31U;
    }
    return hash;
}

/// nullopt, with the difference told, when driver.json is not the one that was installed.
std::optional<DriverManifest> read_driver_json(const Store& store, const GenerationInfo& info,
                                               std::vector<Difference>& out) {
    const auto refuse = [&](std::string what) { out.push_back({kDriverJson, Kind::driver_json, std::move(what)}); };
    try {
        const auto text = store.root().read_file(store.generation_path(info.pair) + "/" + kDriverJson, kMostDriverJson);
        if (!text) {
            refuse("is missing");
        } else if (sha256_hex(*text) != info.driver_json_digest.hex()) {
            refuse("is not the file that was installed");
        } else {
            return DriverManifest::parse(*text);
        }
    } catch (const Error& error) {
        refuse(fmt::format("cannot be read: {}", error.what()));
    }
    return std::nullopt;
}

std::optional<GenerationInfo> read_commit_record(const Store& store, const Pair& pair, std::vector<Difference>& out) {
    const std::string path = store.commit_path(pair);
    const auto refuse = [&](std::string what) { out.push_back({path, Kind::commit_record, std::move(what)}); };
    try {
        const auto text = store.root().read_file(path, kMostCommitRecord);
        if (!text) {
            refuse("is missing: the generation is not whole");
            return std::nullopt;
        }
        GenerationInfo info = parse_generation(*text, "commit record");
        if (info.pair == pair) return info;
        refuse(fmt::format("is that of {}", info.pair.path()));
    } catch (const Error& error) {
        refuse(fmt::format("is damaged: {}", error.what()));
    }
    return std::nullopt;
}

}  // namespace

/// A file to hash, and what came of it.
struct GenerationVerifier::Work {
    const FileSpec* spec;
    Inode inode;
    bool has_other_names;
    std::string digest;
    std::string failure;
};

namespace {

/// Hashes a file below `directory`, telling `advance` of every block. @throws Error io
template <typename Advance>
std::string hash_file(int directory, const std::string& path, std::vector<char>& buffer, const Advance& advance) {
    const UniqueFd file{open_beneath(directory, path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0,
                                     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)};
    if (!file) throw Error{Errc::io, std::generic_category().message(errno)};
    static_cast<void>(posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL));
    Sha256 hash;
    while (true) {
        const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
        if (got == 0) return hash.finish();
        if (got < 0) {
            const int saved_errno = errno;
            if (saved_errno == EINTR) continue;
            throw Error{Errc::io, std::generic_category().message(saved_errno)};
        }
        hash.update({buffer.data(), static_cast<std::size_t>(got)});
        advance(static_cast<std::uint64_t>(got));
    }
}

/// Whether this process may use more than one processor: std::thread::hardware_concurrency counts those of the machine.
bool may_use_two_processors() {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) > 1;
}

/// Runs `body` in this thread and, where there is a second processor for it and the kernel gives one, in a second.
template <typename Body>
void run_twofold(const Body& body) {
    std::jthread second;
    try {
        if (may_use_two_processors()) second = std::jthread{body};
    } catch (const std::system_error&) {  // alone it takes longer
    }
    body();
}

}  // namespace

void GenerationVerifier::hash(const std::string& directory, std::vector<Work>& work) {
    const UniqueFd top = store_.root().open(directory, O_PATH | O_DIRECTORY);
    std::atomic<std::size_t> next{0};
    std::mutex telling;
    run_twofold([&] {
        std::vector<char> buffer(kBlock);
        for (std::size_t i = next++; i < work.size(); i = next++) {
            if (!work[i].digest.empty()) continue;
            if (is_interrupted()) return;
            try {
                work[i].digest = hash_file(top.get(), work[i].spec->path, buffer, [&](std::uint64_t bytes) {
                    stop_if_interrupted();  // leaves this file; what remains is left by the other thread too
                    const std::lock_guard held{telling};
                    progress_.advance(bytes);
                });
            } catch (const std::exception& error) {
                work[i].failure = error.what();
            }
        }
    });
    stop_if_interrupted();
}

/// Leaves of `work` what the sampling chooses.
void GenerationVerifier::sample(std::vector<Work>& work) const {
    if (sampling_.percent >= 100) return;
    if (sampling_.percent == 0) work.clear();
    std::sort(work.begin(), work.end(), [&](const Work& a, const Work& b) {
        return rank(sampling_.seed, a.spec->path) < rank(sampling_.seed, b.spec->path);
    });
    const std::size_t share = (work.size() * sampling_.percent + 99) / 100;  // not 0 unless the percentage is
    if (share < work.size()) work.erase(work.begin() + static_cast<std::ptrdiff_t>(share), work.end());
}

Verified GenerationVerifier::verify(const Pair& pair) {
    Verified out;
    const auto info = read_commit_record(store_, pair, out.differences);
    if (!info) return out;
    const auto manifest = read_driver_json(store_, *info, out.differences);
    if (!manifest) return out;
    const std::string directory = store_.generation_path(pair);
    TreeComparison tree{store_.root(), directory, out.differences};
    tree.run(*manifest);
    out.files = manifest->files.size();

    std::vector<Work> work;
    for (const FileSpec& spec : manifest->files) {
        if (const struct stat* status = tree.hashable(spec))
            work.push_back({&spec, {status->st_dev, status->st_ino}, status->st_nlink > 1, {}, {}});
    }
    sample(work);
    std::uint64_t bytes = 0;
    for (Work& each : work) {
        const auto known = known_.find(each.inode);
        if (known != known_.end()) each.digest = known->second;
        if (each.digest.empty()) bytes += each.spec->size;
    }
    if (!work.empty()) {
        progress_.begin(fmt::format("verifying {}", pair.path()), bytes);
        hash(directory, work);
        progress_.end();
    }
    conclude(work, out);
    out.hashed_bytes = bytes;
    return out;
}

void GenerationVerifier::conclude(const std::vector<Work>& work, Verified& out) {
    for (const Work& each : work) {
        if (!each.failure.empty()) {
            out.differences.push_back(
                {each.spec->path, Kind::unreadable, fmt::format("cannot be read: {}", each.failure)});
            continue;
        }
        ++out.hashed_files;
        if (each.has_other_names) known_.insert_or_assign(each.inode, each.digest);
        if (each.digest != each.spec->sha256)
            out.differences.push_back({each.spec->path, Kind::digest, "has another content than was installed"});
    }
    std::stable_sort(out.differences.begin(), out.differences.end(),
                     [](const Difference& a, const Difference& b) { return a.path < b.path; });
}

std::vector<Difference> verify_generation(const Store& store, const Pair& pair, Sampling sampling, Progress& progress) {
    return GenerationVerifier{store, sampling, progress}.verify(pair).differences;
}

std::string_view to_string(Difference::Kind kind) noexcept {
    switch (kind) {
        case Kind::missing:
            return "missing";
        case Kind::extra:
            return "extra";
        case Kind::type:
            return "type";
        case Kind::size:
            return "size";
        case Kind::mode:
            return "mode";
        case Kind::owner:
            return "owner";
        case Kind::digest:
            return "digest";
        case Kind::target:
            return "target";
        case Kind::unreadable:
            return "unreadable";
        case Kind::driver_json:
            return "driver-json";
        case Kind::commit_record:
            return "commit-record";
    }
    return "missing";
}

std::vector<Pair> expected_generations(const Store& store) {
    std::set<std::string> paths;
    for (const std::string& name : store.root().list(store.state_path("generations"))) {
        constexpr std::string_view kSuffix = ".json";
        const std::size_t at = name.find('@');
        if (name.starts_with('.') || at == std::string::npos || !name.ends_with(kSuffix)) continue;
        const std::string path = name.substr(0, at) + "/" + name.substr(at + 1, name.size() - at - 1 - kSuffix.size());
        // Without its tree it is what a removal that was cut off left.
        if (store.root().link_status(store.directory() + "/" + path)) paths.insert(path);
    }
    const auto expect = [&](const std::optional<Pair>& pair) {
        if (pair) paths.insert(pair->path());
    };
    try {
        const Record record = store.load_record().value_or(Record{});
        expect(record.desired);
        expect(record.pending);
        if (record.staged) expect(record.staged->pair);
        for (const auto& [kernel, pair] : record.last_good) paths.insert(pair.path());
        expect(store.read_current());
    } catch (const Error& error) {
        if (error.code() != Errc::bad_record) throw;  // a damaged record names nothing
    }
    std::vector<Pair> out;
    for (const std::string& path : paths) {
        try {
            out.push_back(parse_pair_path(path));
        } catch (const Error&) {  // NOLINT(bugprone-empty-catch): a foreign file; it names no pair
        }
    }
    return out;
}

}  // namespace overdrive
