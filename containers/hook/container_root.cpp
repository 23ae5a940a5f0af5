#include "hook/container_root.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "support/error.hpp"
#include "support/release_with.hpp"
#include "support/root.hpp"

namespace overdrive {

namespace {

using Directory = std::unique_ptr<DIR, ReleaseWith<closedir>>;

constexpr std::size_t kMostNames = 65536;
constexpr auto kInside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

[[noreturn]] void fail(int saved_errno, std::string_view verb, std::string_view path) {
    if (saved_errno == ENOSYS)
        throw Error{Errc::unsupported, "this kernel has no openat2(2); Linux 5.6 or newer is needed"};
    throw Error::from_errno(Errc::io, saved_errno, fmt::format("{} '{}' in the container", verb, path));
}

bool is_absent(int error) { return error == ENOENT || error == ENOTDIR; }

std::string relative(std::string_view path) {
    while (!path.empty() && path.front() == '/') path.remove_prefix(1);
    while (!path.empty() && path.back() == '/') path.remove_suffix(1);
    return path.empty() ? "." : std::string{path};
}

/// The directory that holds `path`, and the last component.
std::pair<std::string, std::string> split(std::string_view path) {
    std::string inside = relative(path);
    const std::size_t slash = inside.rfind('/');
    if (slash == std::string::npos) return {".", std::move(inside)};
    return {inside.substr(0, slash), inside.substr(slash + 1)};
}

std::string own_descriptor(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

/// Makes the file under its final name or a temporary one; -1 with errno when it cannot be.
UniqueFd make_file(int directory, const std::string& name, mode_t mode) {
    return UniqueFd{
        open_beneath(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode, RESOLVE_BENEATH)};
}

void fill(const UniqueFd& file, std::string_view content, mode_t mode, std::string_view path) {
    write_all(file.get(), content, path);
    if (fchmod(file.get(), mode) != 0) fail(errno, "set the mode of", path);  // whatever the umask said
}

/// Puts `temporary` in place of `name`, both in `directory`.
void take_place(int directory, const std::string& temporary, const std::string& name, std::string_view path) {
    if (renameat(directory, temporary.c_str(), directory, name.c_str()) == 0) return;
    const int saved_errno = errno;
    static_cast<void>(unlinkat(directory, temporary.c_str(), 0));
    fail(saved_errno, "replace", path);
}

}  // namespace

ContainerRoot ContainerRoot::open_path(const std::string& path) {
    if (path.empty() || path.front() != '/')
        throw Error{Errc::bad_root, fmt::format("the container root '{}' is no absolute path", path)};
    UniqueFd fd{openat(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!fd) throw Error::from_errno(Errc::bad_root, errno, fmt::format("open the container root '{}'", path));
    struct stat root {};
    struct stat host {};
    if (fstat(fd.get(), &root) != 0 || stat("/", &host) != 0)
        throw Error::from_errno(Errc::bad_root, errno, fmt::format("look at the container root '{}'", path));
    if (root.st_dev == host.st_dev && root.st_ino == host.st_ino)
        throw Error{Errc::bad_root,
                    fmt::format("the container root '{}' is the host's own root; nothing is changed there", path)};
    return ContainerRoot{std::move(fd)};
}

std::optional<UniqueFd> ContainerRoot::find(std::string_view path, int flags) const {
    UniqueFd fd{open_beneath(fd_.get(), relative(path).c_str(), static_cast<unsigned>(flags | O_PATH), 0, kInside)};
    if (fd) return fd;
    if (is_absent(errno)) return std::nullopt;
    fail(errno, "open", path);
}

UniqueFd ContainerRoot::directory(std::string_view path, mode_t mode) const {
    const std::string inside = relative(path);
    std::optional<UniqueFd> parent = find(".", O_DIRECTORY);
    for (std::size_t end = 0; end != std::string::npos;) {
        end = inside.find('/', end + 1);
        const std::string upto = inside.substr(0, end);
        std::optional<UniqueFd> next = find(upto, O_DIRECTORY);
        if (!next) {
            // The last component is made in the directory that was just opened; nothing is looked up by name again.
            const std::string name = split(upto).second;
            if (mkdirat(parent->get(), name.c_str(), mode) != 0) {
                if (errno != EEXIST) fail(errno, "make the directory", upto);
                throw Error{Errc::io, fmt::format("'/{}' in the container is there but leads to no directory", upto)};
            }
            next = UniqueFd{
                open_beneath(parent->get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_BENEATH)};
            if (!*next) fail(errno, "open the new directory", upto);
        }
        parent = std::move(next);
    }
    return std::move(*parent);
}

std::string ContainerRoot::place_of(const UniqueFd& directory) const {
    const auto path_of = [](int fd) {
        std::array<char, 4096> target{};
        const ssize_t length = readlink(own_descriptor(fd).c_str(), target.data(), target.size());
        if (length < 0) throw Error::from_errno(Errc::io, errno, "read '/proc/self/fd'");
        return std::string{target.data(), static_cast<std::size_t>(length)};
    };
    const std::string top = path_of(fd_.get());
    const std::string place = path_of(directory.get());
    if (place == top) return "/";
    if (!place.starts_with(top + "/"))
        throw Error{Errc::io, fmt::format("'{}' is no longer below the container root '{}'", place, top)};
    return place.substr(top.size());
}

std::optional<UniqueFd> ContainerRoot::open_regular(std::string_view path) const {
    const std::optional<UniqueFd> found = find(path);
    if (!found) return std::nullopt;
    struct stat status {};
    if (fstat(found->get(), &status) != 0) fail(errno, "look at", path);
    if (!S_ISREG(status.st_mode))
        throw Error{Errc::io, fmt::format("'{}' in the container is no regular file and is not opened", path)};
    // Opened again by descriptor: the very file that was looked at.
    UniqueFd file{openat(AT_FDCWD, own_descriptor(found->get()).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!file) fail(errno, "open", path);
    return file;
}

std::optional<std::string> ContainerRoot::read_file(std::string_view path, std::size_t most) const {
    const std::optional<UniqueFd> file = open_regular(path);
    if (!file) return std::nullopt;
    return read_all(file->get(), path, most);
}

std::vector<std::string> ContainerRoot::list(std::string_view path) const {
    UniqueFd fd{open_beneath(fd_.get(), relative(path).c_str(), O_RDONLY | O_DIRECTORY, 0, kInside)};
    if (!fd) {
        if (is_absent(errno)) return {};
        fail(errno, "list", path);
    }
    const Directory stream{fdopendir(fd.get())};
    if (!stream) fail(errno, "list", path);
    static_cast<void>(fd.release());
    std::vector<std::string> names;
    while (const dirent* entry = readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe): the stream is ours alone
        const std::string_view name{static_cast<const char*>(entry->d_name)};
        if (name != "." && name != "..") names.emplace_back(name);
        if (names.size() > kMostNames)
            throw Error{Errc::io, fmt::format("'{}' in the container has more than {} entries", path, kMostNames)};
    }
    std::sort(names.begin(), names.end());
    return names;
}

bool ContainerRoot::create_file(std::string_view path, std::string_view content, mode_t mode) const {
    const auto [folder, name] = split(path);
    const UniqueFd parent = directory(folder);
    const UniqueFd file = make_file(parent.get(), name, mode);
    if (!file && errno == EEXIST) return false;
    if (!file) fail(errno, "create", path);
    fill(file, content, mode, path);
    return true;
}

void ContainerRoot::replace_file(std::string_view path, std::string_view content, mode_t mode) const {
    const auto [folder, name] = split(path);
    const UniqueFd parent = directory(folder);
    const std::string temporary = fmt::format(".{}.{}", name, random_name());
    const UniqueFd file = make_file(parent.get(), temporary, mode);
    if (!file) fail(errno, "create", path);
    fill(file, content, mode, path);
    take_place(parent.get(), temporary, name, path);
}

void ContainerRoot::replace_link(std::string_view path, const std::string& target) const {
    const auto [folder, name] = split(path);
    const UniqueFd parent = directory(folder);
    const UniqueFd there{open_beneath(parent.get(), name.c_str(), O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH)};
    std::array<char, 4096> current{};
    const ssize_t length = there ? readlinkat(there.get(), "", current.data(), current.size()) : -1;
    if (length >= 0 && std::string_view{current.data(), static_cast<std::size_t>(length)} == target) return;
    const std::string temporary = fmt::format(".{}.{}", name, random_name());
    if (symlinkat(target.c_str(), parent.get(), temporary.c_str()) != 0) fail(errno, "make the link", path);
    take_place(parent.get(), temporary, name, path);
}

std::string checked_path(std::string_view path, std::string_view what) {
    std::string out;
    if (path.empty()) throw Error{Errc::usage, fmt::format("{} is empty", what)};
    for (const char c : path) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            throw Error{Errc::usage, fmt::format("{} holds a control character", what)};
    }
    for (std::size_t at = 0; at < path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        const std::string_view part = path.substr(at, end - at);
        at = end + 1;
        if (part.empty() || part == ".") continue;
        if (part == "..")
            throw Error{Errc::usage, fmt::format("{} '{}' has a '..'; write the path without", what, path)};
        out += '/';
        out += part;
    }
    return out.empty() ? "/" : out;
}

std::string random_name() {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz012345";  // 32: five bits each
    std::array<unsigned char, 10> bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        throw Error::from_errno(Errc::io, errno, "ask the kernel for random bytes");
    std::string name;
    for (const unsigned char byte : bytes) name += kLetters[byte % kLetters.size()];
    return name;
}

}  // namespace overdrive
