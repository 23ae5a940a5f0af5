#include "store/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "store/install_root.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kSuffix = ".json";

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// Puts `from` in the place of `to` and `to` in the place of `from`, in one step.
void exchange(const Root& root, const std::string& from, const std::string& to) {
    const UniqueFd source = root.open(parent_of(from), O_PATH | O_DIRECTORY);
    const UniqueFd target = root.open(parent_of(to), O_PATH | O_DIRECTORY);
    const std::string from_name = from.substr(from.rfind('/') + 1);
    const std::string to_name = to.substr(to.rfind('/') + 1);
    if (renameat2(source.get(), from_name.c_str(), target.get(), to_name.c_str(), RENAME_EXCHANGE) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::io, saved_errno, fmt::format("exchange '{}' with '{}'", from, to));
    }
}

void sync_file(const Root& root, const std::string& path) {
    const UniqueFd file = root.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fsync(file.get()) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::io, saved_errno, fmt::format("sync '{}'", path));
    }
}

bool is_driver_id(const std::string& name) {
    try {
        static_cast<void>(DriverId::parse(name));
        return true;
    } catch (const Error&) {
        return false;
    }
}

bool is_empty_directory(const Root& root, const std::string& path) {
    const auto status = root.link_status(path);
    return status && S_ISDIR(status->st_mode) && root.list(path).empty();
}

}  // namespace

void sync_tree(const Root& root, const std::string& path) {
    for (const std::string& name : root.list(path)) {
        const std::string child = fmt::format("{}/{}", path, name);
        const auto status = root.link_status(child);
        if (status && S_ISDIR(status->st_mode)) sync_tree(root, child);
        if (status && S_ISREG(status->st_mode)) sync_file(root, child);
    }
    root.sync_directory(path);
}

Store::Store(const Root& root, std::string directory) : root_{root}, directory_{std::move(directory)} {
    while (directory_.size() > 1 && directory_.back() == '/') directory_.pop_back();
}

std::string Store::current_path() const { return directory_ + "/current"; }
std::string Store::generation_path(const Pair& pair) const { return directory_ + "/" + pair.path(); }
std::string Store::journal_path() const { return state_path("journal"); }
std::string Store::record_path() const { return state_path("record.json"); }
std::string Store::state_path(std::string_view name) const { return fmt::format("{}/.overdrive/{}", directory_, name); }

std::string Store::commit_path(const Pair& pair) const {
    return state_path(fmt::format("generations/{}@{}{}", pair.driver.text(), pair.os_key, kSuffix));
}

void Store::prepare() {
    require_sound_install_root(root_, directory_);
    root_.make_directories(state_path("generations"));
    root_.make_directories(state_path("staging"), 0700);
}

Lock Store::lock(std::string_view verb, std::chrono::milliseconds timeout, Clock& clock) {
    return Lock::acquire(root_, state_path("lock"), verb, timeout, clock);
}

std::optional<std::string> Store::lock_holder() const { return Lock::holder(root_, state_path("lock")); }

std::string Store::new_staging_path() {
    static std::atomic<unsigned> counter{0};
    while (true) {
        std::string path = state_path(fmt::format("staging/{}-{}", getpid(), counter++));
        if (!root_.link_status(path)) return path;
    }
}

Staging Store::make_staging() {
    const std::string path = new_staging_path();
    root_.make_directories(path);
    Staging staging{root_, path};
    // Once published it is read by everyone, whatever umask we were started with.
    if (fchmod(staging.fd(), 0755) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::io, saved_errno, fmt::format("set the mode of '{}'", path));
    }
    return staging;
}

Staging Store::adopt_staging(std::string_view id) {
    if (id.empty() || id.find('/') != std::string_view::npos || id.front() == '.') {
        throw Error{Errc::usage, fmt::format("'{}' is no staging id", id)};
    }
    return {root_, state_path(fmt::format("staging/{}", id))};
}

std::vector<std::string> Store::remove_stale_staging() {
    std::vector<std::string> removed;
    for (const std::string& name : root_.list(state_path("staging"))) {
        const std::string path = state_path("staging/" + name);
        if (Staging::is_in_use(root_, path)) continue;
        root_.remove_tree(path);
        removed.push_back(name);
    }
    return removed;
}

std::vector<std::string> Store::remove_leftovers() {
    std::vector<std::string> removed;
    const auto remove = [&](const std::string& path) {
        if (root_.remove(path)) removed.push_back(path);
    };
    for (const std::string& path : {record_path(), journal_path(), current_path()}) remove(Root::beside(path));
    for (const std::string& name : root_.list(state_path("generations"))) {
        const std::string path = state_path("generations/" + name);
        if (name.starts_with('.')) {
            remove(path);
            continue;
        }
        try {
            const auto text = root_.read_file(path);
            if (text && !root_.link_status(generation_path(parse_generation(*text, name).pair))) remove(path);
        } catch (const Error& error) {
            if (error.code() != Errc::bad_record) throw;  // damaged: what it was for is not known
        }
    }
    for (const std::string& name : root_.list(directory_)) {
        const std::string path = fmt::format("{}/{}", directory_, name);
        if (!is_driver_id(name) || !is_empty_directory(root_, path)) continue;
        try {
            remove(path);
        } catch (const Error&) {
            continue;  // a mount point, which is not ours to remove; an install that needs the place says so
        }
    }
    return removed;
}

bool Store::discard_unpublished(const Pair& pair) {
    if (root_.link_status(commit_path(pair)) || !root_.link_status(generation_path(pair))) return false;
    remove_aside(generation_path(pair));
    remove_if_empty(parent_of(generation_path(pair)));
    return true;
}

void Store::remove_if_empty(const std::string& directory) {
    if (root_.list(directory).empty()) root_.remove(directory);
}

void Store::remove_aside(const std::string& path) {
    const std::string aside = new_staging_path();
    root_.rename(path, aside, false);
    root_.sync_directory(parent_of(path));
    root_.remove_tree(aside);
}

void Store::publish(Staging staging, const GenerationInfo& generation) {
    const std::string target = generation_path(generation.pair);
    attempting(fmt::format("publish '{}'", target), [&] {
        sync_tree(root_, staging.path());
        root_.make_directories(parent_of(target));
        if (root_.link_status(target)) {
            // From here to the new commit record the pair is no generation: the old record tells of another tree.
            if (root_.remove(commit_path(generation.pair))) root_.sync_directory(state_path("generations"));
            exchange(root_, staging.path(), target);  // what was there is removed with the staging
        } else {
            root_.rename(staging.path(), target, false);
            staging.release();
        }
        root_.sync_directory(parent_of(target));
        root_.sync_directory(directory_);
        root_.write_file(commit_path(generation.pair), to_json(generation));
    });
}

std::vector<GenerationInfo> Store::list_generations() const {
    std::vector<GenerationInfo> out;
    for (const std::string& name : root_.list(state_path("generations"))) {
        if (!name.ends_with(kSuffix) || name.starts_with('.')) continue;
        try {
            const auto text = root_.read_file(state_path("generations/" + name));
            if (!text) continue;
            GenerationInfo info = parse_generation(*text, name);
            if (commit_path(info.pair).ends_with("/" + name) && root_.exists(generation_path(info.pair))) {
                out.push_back(std::move(info));
            }
        } catch (const Error& error) {
            if (error.code() != Errc::bad_record) throw;  // a damaged commit record makes no generation
        }
    }
    std::sort(out.begin(), out.end(), [](const GenerationInfo& left, const GenerationInfo& right) {
        return left.pair.path() < right.pair.path();
    });
    return out;
}

std::optional<GenerationInfo> Store::find_generation(const Pair& pair) const {
    for (GenerationInfo& info : list_generations()) {
        if (info.pair == pair) return std::move(info);
    }
    return std::nullopt;
}

DriverManifest Store::read_manifest(const Pair& pair) const {
    const auto info = find_generation(pair);
    if (!info) throw Error{Errc::incomplete_artifact, fmt::format("generation {} is not installed", pair.path())};
    const std::string path = generation_path(pair) + "/driver.json";
    const auto text = root_.read_file(path);
    if (!text) throw Error{Errc::incomplete_artifact, fmt::format("'{}' is missing", path)};
    if (sha256_hex(*text) != info->driver_json_digest.hex()) {
        throw Error{Errc::digest_mismatch, fmt::format("'{}' is not the file that was installed", path)};
    }
    return DriverManifest::parse(*text);
}

void Store::remove_generation(const Pair& pair) {
    const std::string path = generation_path(pair);
    attempting(fmt::format("remove generation {}", pair.path()), [&] {
        // The tree goes whole, by rename, and only then its commit record: neither alone is a generation.
        std::string aside;
        if (root_.link_status(path)) {
            aside = new_staging_path();
            root_.rename(path, aside, false);
        }
        try {
            if (!aside.empty()) root_.sync_directory(parent_of(path));
            if (root_.remove(commit_path(pair))) root_.sync_directory(state_path("generations"));
        } catch (const Error&) {
            // Back where its commit record says it is, unless that is gone already.
            if (!aside.empty() && root_.link_status(commit_path(pair))) root_.rename(aside, path, false);
            throw;
        }
        if (aside.empty()) return;
        remove_if_empty(parent_of(path));
        root_.remove_tree(aside);
    });
}

std::optional<Record> Store::load_record() const {
    const auto text = root_.read_file(record_path());
    if (!text) return std::nullopt;
    return attempting(record_path(), [&] { return Record::parse(*text); });
}

std::optional<Record> Store::load_usable_record() const {
    try {
        return load_record();
    } catch (const Error& error) {
        if (error.code() != Errc::bad_record || record_is_newer()) throw;
        return std::nullopt;
    }
}

bool Store::record_is_newer() const {
    const auto text = root_.read_file(record_path());
    return text && Record::is_newer(*text);
}

void Store::save_record(const Record& record) { root_.write_file(record_path(), record.to_json()); }

std::optional<Pair> Store::read_current() const {
    const auto target = root_.read_link(current_path());
    if (!target) return std::nullopt;
    return attempting(current_path(), [&] { return parse_pair_path(*target); });
}

void Store::point_current(const Pair& pair) { root_.replace_link(current_path(), pair.path()); }

bool Store::set_damaged_record_aside() {
    if (!root_.link_status(record_path()) || load_usable_record()) return false;
    root_.rename(record_path(), record_path() + ".damaged");
    root_.sync_directory(state_path(""));
    return true;
}

void Store::remove_record() {
    if (root_.remove(record_path())) root_.sync_directory(state_path(""));
}

bool Store::remove_current() {
    if (!root_.remove(current_path())) return false;
    root_.sync_directory(directory_);
    return true;
}

}  // namespace overdrive
