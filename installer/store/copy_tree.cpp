#include "store/copy_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "archive/member_rules.hpp"
#include "store/tree_check.hpp"
#include "support/error.hpp"
#include "support/interruption.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBlock = 256U << 10U;
constexpr const char* kDriver = "/driver";

std::string in_image(const std::string& path) { return fmt::format("{}/{}", kDriver, path); }

bool is_listed(const DriverManifest& manifest, const std::string& path) {
    if (path == kDriverJson || path == kDriverJsonSignature) return true;
    const auto spec = std::lower_bound(manifest.files.begin(), manifest.files.end(), path,
                                       [](const FileSpec& file, const std::string& name) { return file.path < name; });
    return spec != manifest.files.end() && spec->path == path;
}

void refuse_unlisted_below(const Root& image, const DriverManifest& manifest, const std::string& below) {
    for (const std::string& name : image.list(below.empty() ? std::string{kDriver} : in_image(below))) {
        const std::string path = below.empty() ? name : fmt::format("{}/{}", below, name);
        const auto status = image.link_status(in_image(path));
        if (status && S_ISDIR(status->st_mode)) {
            refuse_unlisted_below(image, manifest, path);
        } else if (!is_listed(manifest, path)) {
            throw Error{Errc::bad_archive,
                        fmt::format("'{}' is in the image, but driver.json does not list it", printable(path))};
        }
    }
}

}  // namespace

TreeCopier::TreeCopier(const Root& image, const Staging& staging, Progress& progress)
    : image_{image}, progress_{progress}, writer_{staging.fd()}, buffer_(kBlock) {}

UniqueFd TreeCopier::open_source(const std::string& path, std::uint64_t& size) const {
    auto file = image_.open_if_exists(in_image(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file) throw Error{Errc::incomplete_artifact, fmt::format("'{}' is missing in the image", path)};
    struct stat status {};
    if (fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        throw Error{Errc::incomplete_artifact, fmt::format("'{}' is no regular file", path)};
    }
    size = static_cast<std::uint64_t>(status.st_size);
    static_cast<void>(posix_fadvise(file->get(), 0, 0, POSIX_FADV_SEQUENTIAL));
    return std::move(*file);
}

std::string TreeCopier::copy_content(int source, const std::string& path, std::uint64_t most, bool executable) {
    writer_.begin_file(path, executable);
    std::uint64_t copied = 0;
    while (true) {
        stop_if_interrupted();
        const ssize_t got = ::read(source, buffer_.data(), buffer_.size());
        if (got == 0) break;
        if (got < 0) {
            const int saved_errno = errno;
            if (saved_errno == EINTR) continue;
            throw Error::from_errno(Errc::io, saved_errno, fmt::format("read '{}'", path));
        }
        copied += static_cast<std::uint64_t>(got);
        if (copied > most) throw Error{Errc::digest_mismatch, fmt::format("'{}' is larger than {} bytes", path, most)};
        writer_.write({buffer_.data(), static_cast<std::size_t>(got)});
        progress_.advance(static_cast<std::uint64_t>(got));
    }
    return writer_.end_file();
}

void TreeCopier::copy_small(const std::string& path, std::uint64_t most) {
    std::uint64_t size = 0;
    const UniqueFd source = open_source(path, size);
    static_cast<void>(copy_content(source.get(), path, most, false));
}

void TreeCopier::refuse_unlisted(const DriverManifest& manifest) const { refuse_unlisted_below(image_, manifest, ""); }

void TreeCopier::copy_file(const FileSpec& spec) {
    std::uint64_t size = 0;
    const UniqueFd source = open_source(spec.path, size);
    if (size != spec.size) {
        throw Error{Errc::digest_mismatch,
                    fmt::format("'{}' has {} bytes, driver.json says {}", spec.path, size, spec.size)};
    }
    const std::string sha256 = copy_content(source.get(), spec.path, spec.size, (spec.mode & 0100U) != 0);
    if (sha256 != spec.sha256) {
        throw Error{Errc::digest_mismatch,
                    fmt::format("'{}' hashes to {}, driver.json says {}", spec.path, sha256, spec.sha256)};
    }
}

void TreeCopier::copy_link(const FileSpec& spec) {
    const auto target = image_.read_link(in_image(spec.path));
    if (target != spec.link_target || !link_stays_inside(spec.path, spec.link_target)) {
        throw Error{Errc::digest_mismatch,
                    fmt::format("'{}' links to '{}', driver.json says '{}', and it must stay inside", spec.path,
                                printable(target.value_or("")), printable(spec.link_target))};
    }
    writer_.make_link(spec.path, spec.link_target);
}

void TreeCopier::copy_files(const DriverManifest& manifest, bool with_user_space) {
    const auto wanted = [&](const FileSpec& spec) { return with_user_space || spec.layer == LayerRole::modules; };
    std::uint64_t total = 0;
    for (const FileSpec& spec : manifest.files) total += wanted(spec) ? spec.size : 0;
    progress_.begin("copying the driver", total);
    for (const FileSpec& spec : manifest.files) {
        if (!wanted(spec)) continue;
        if (spec.is_link())
            copy_link(spec);
        else
            copy_file(spec);
    }
    progress_.end();
}

}  // namespace overdrive
