#include "store/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>

#include "store/commit_name.hpp"
#include "store/install_root.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

/// A sync does nothing but wait for the disk, and a disk flushes once for all who wait.
constexpr std::size_t kSyncsInFlight = 8;

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

/// The regular files and the directories of a tree, `path` itself among them.
void collect(const Root& root, const std::string& path, std::vector<std::string>& files,
             std::vector<std::string>& directories) {
    directories.push_back(path);
    for (const std::string& name : root.list(path)) {
        std::string child = fmt::format("{}/{}", path, name);
        const auto status = root.link_status(child);
        if (status && S_ISDIR(status->st_mode)) collect(root, child, files, directories);
        if (status && S_ISREG(status->st_mode)) files.push_back(std::move(child));
    }
}

/// Does `work` for each path, several at a time: each thread takes every kSyncsInFlight-th, so that a run that is
/// repeated does the same. @throws what was thrown first
void for_each_in_flight(const std::vector<std::string>& paths, const std::function<void(const std::string&)>& work) {
    std::mutex mutex;
    std::exception_ptr failure;
    const auto take_from = [&](std::size_t first) noexcept {
        try {
            for (std::size_t i = first; i < paths.size(); i += kSyncsInFlight) work(paths[i]);
        } catch (...) {
            const std::lock_guard lock{mutex};
            if (!failure) failure = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> helpers;
        for (std::size_t i = 1; i < std::min(kSyncsInFlight, paths.size()); ++i) {
            try {
                helpers.emplace_back(take_from, i);
            } catch (const std::system_error&) {  // no more threads to be had: it takes longer
                take_from(i);
            }
        }
        take_from(0);
    }
    if (failure) std::rethrow_exception(failure);
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

/// The name of a file that was to take the place of another one, by rename. @see Root::beside
bool is_unfinished(const std::string& name) { return name.starts_with('.') && name.ends_with(".new"); }

/// Whether a commit record is sound and its generation is not there. There may be many, so one that has its tree is not
/// read.
bool has_lost_its_tree(const Store& store, const std::string& name) {
    const auto pair = pair_of_commit(name);
    if (!pair || store.root().link_status(store.generation_path(*pair))) return false;
    try {
        const auto text = store.root().read_file(store.state_path("generations/" + name));
        return text && parse_generation(*text, name).pair == *pair;
    } catch (const Error& error) {
        if (error.code() != Errc::bad_record) throw;
        return false;  // damaged: what it was for is not known
    }
}

}  // namespace

void sync_tree(const Root& root, const std::string& path) {
    std::vector<std::string> files;
    std::vector<std::string> directories;
    collect(root, path, files, directories);
    for_each_in_flight(files, [&](const std::string& file) { sync_file(root, file); });
    for_each_in_flight(directories, [&](const std::string& directory) { root.sync_directory(directory); });
}

Store::Store(const Root& root, std::string directory) : root_{root}, directory_{std::move(directory)} {
    while (directory_.size() > 1 && directory_.back() == '/') directory_.pop_back();
}

std::string Store::current_path() const { return directory_ + "/current"; }
std::string Store::generation_path(const Pair& pair) const { return directory_ + "/" + pair.path(); }
std::string Store::journal_path() const { return state_path("journal"); }
std::string Store::record_path() const { return state_path("record.json"); }
std::string Store::state_path(std::string_view name) const { return fmt::format("{}/.overdrive/{}", directory_, name); }

std::string Store::commit_path(const Pair& pair) const { return state_path("generations/" + commit_name(pair)); }

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
    remove(Root::beside(current_path()));
    // The record's, and those of what others keep there.
    for (const std::string& name : root_.list(fmt::format("{}/.overdrive", directory_))) {
        if (is_unfinished(name)) remove(state_path(name));
    }
    for (const std::string& name : root_.list(state_path("generations"))) {
        if (name.starts_with('.') || has_lost_its_tree(*this, name)) remove(state_path("generations/" + name));
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

std::optional<GenerationInfo> Store::read_commit(const std::string& name) const {
    const auto text = root_.read_file(state_path("generations/" + name));
    if (!text) return std::nullopt;
    try {
        GenerationInfo info = parse_generation(*text, name);
        if (commit_name(info.pair) != name || !root_.exists(generation_path(info.pair))) return std::nullopt;
        return info;
    } catch (const Error& error) {
        if (error.code() != Errc::bad_record) throw;  // a damaged commit record makes no generation
        return std::nullopt;
    }
}

std::vector<GenerationInfo> Store::list_generations() const {
    std::vector<GenerationInfo> out;
    for (const std::string& name : root_.list(state_path("generations"))) {
        if (!pair_of_commit(name)) continue;
        if (auto info = read_commit(name)) out.push_back(std::move(*info));
    }
    std::sort(out.begin(), out.end(), [](const GenerationInfo& left, const GenerationInfo& right) {
        return left.pair.path() < right.pair.path();
    });
    return out;
}

std::optional<GenerationInfo> Store::find_generation(const Pair& pair) const { return read_commit(commit_name(pair)); }

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

RecordLook Store::look_at_record() const {
    const auto text = root_.read_file(record_path());
    RecordLook look;
    if (!text) return look;
    try {
        look.record = attempting(record_path(), [&] { return Record::parse(*text); });
    } catch (const Error& error) {
        look.fault = error;
        look.is_newer = Record::is_newer(*text);
    }
    return look;
}

std::optional<Record> Store::load_record() const {
    RecordLook look = look_at_record();
    if (look.fault) throw Error{*look.fault};
    return std::move(look.record);
}

std::optional<Record> Store::load_usable_record() const {
    RecordLook look = look_at_record();
    if (look.is_newer) throw Error{*look.fault};
    return std::move(look.record);
}

bool Store::record_is_newer() const { return look_at_record().is_newer; }

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
