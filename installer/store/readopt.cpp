#include "store/readopt.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "store/commit_name.hpp"
#include "store/fetch.hpp"
#include "store/tree_check.hpp"
#include "support/error.hpp"
#include "support/interruption.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBlock = 1U << 20U;
constexpr std::size_t kMostDriverJson = 16U << 20U;

bool is_damaged(const Root& root, const std::string& path, const std::string& name) {
    const auto text = root.read_file(path);
    if (!text) return false;
    try {
        static_cast<void>(parse_generation(*text, name));
        return false;
    } catch (const Error& error) {
        if (error.code() != Errc::bad_record) throw;
        return true;
    }
}

std::string hash_of(const Root& root, const std::string& path) {
    const UniqueFd file = root.open(path, O_RDONLY | O_NOFOLLOW);
    std::vector<char> buffer(kBlock);
    Sha256 hash;
    while (true) {
        stop_if_interrupted();
        const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
        if (got == 0) return hash.finish();
        if (got > 0) hash.update({buffer.data(), static_cast<std::size_t>(got)});
        const int saved_errno = errno;
        if (got < 0 && saved_errno != EINTR)
            throw Error::from_errno(Errc::io, saved_errno, fmt::format("read '{}'", path));
    }
}

/// @throws Error naming what is not as driver.json says
void readopt(Store& store, const Pair& pair, std::chrono::seconds now) {
    const std::string directory = store.generation_path(pair);
    auto json = store.root().read_file(directory + "/" + kDriverJson, kMostDriverJson);
    if (!json) throw Error{Errc::incomplete_artifact, fmt::format("'{}' has no driver.json", directory)};
    const FetchResult found{
        .manifest = DriverManifest::parse(*json), .driver_json = *json, .signature = {}, .not_reused = {}};
    if (found.manifest.pair() != pair)
        throw Error{Errc::bad_manifest, fmt::format("'{}' is of {}", directory, found.manifest.pair().path())};
    check_tree(store.root(), directory, found.manifest);
    for (const FileSpec& file : found.manifest.files) {
        if (!file.is_link() && hash_of(store.root(), directory + "/" + file.path) != file.sha256)
            throw Error{Errc::digest_mismatch, fmt::format("'{}' is damaged", file.path)};
    }
    const GenerationInfo generation = describe_generation(found, nullptr, "its own driver.json", now);
    store.root().write_file(store.commit_path(pair), to_json(generation));
}

}  // namespace

std::vector<std::string> readopt_damaged(Store& store, std::chrono::seconds now) {
    std::vector<std::string> done;
    const std::string directory = store.state_path("generations");
    for (const std::string& name : store.root().list(directory)) {
        const auto pair = pair_of_commit(name);
        if (!pair || !is_damaged(store.root(), fmt::format("{}/{}", directory, name), name)) continue;
        try {
            readopt(store, *pair, now);
            done.push_back(fmt::format("wrote the damaged commit record of {} anew", pair->path()));
        } catch (const Error& error) {
            if (error.code() == Errc::interrupted) throw;
            done.push_back(
                fmt::format("{} has a damaged commit record and is not used: {}", pair->path(), error.what()));
        }
    }
    return done;
}

}  // namespace overdrive
