#include "cli/program_facts.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "version.hpp"

namespace overdrive {

namespace {

namespace fs = std::filesystem;

constexpr const char* kContainerRoot = "/rootfs";
constexpr const char* kImageDirectory = "/driver";

/// A mount point is on another device than its parent, or is its own parent.
bool is_mount_point(const char* path) {
    struct stat self {};
    struct stat parent {};
    if (lstat(path, &self) != 0 || lstat((std::string{path} + "/..").c_str(), &parent) != 0) return false;
    return self.st_dev != parent.st_dev || self.st_ino == parent.st_ino;
}

bool has_os_release(const std::string& root) {
    std::error_code ignored;
    return fs::exists(root + "/etc/os-release", ignored) || fs::is_symlink(root + "/etc/os-release", ignored) ||
           fs::exists(root + "/usr/lib/os-release", ignored);
}

/// Whether PID 1 is the host's and shares its mount namespace with us.
bool in_host_namespaces() {
    // The initial PID namespace has a fixed number: PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h.
    constexpr const char* kInitialPidNamespace = "pid:[4026531836]";
    std::error_code error;
    if (fs::read_symlink("/proc/self/ns/pid", error) != kInitialPidNamespace || error) return false;
    return fs::read_symlink("/proc/self/ns/mnt", error) == fs::read_symlink("/proc/1/ns/mnt", error) && !error;
}

/// The bundle is `<directory>/bin/overdrive` with `<directory>/VERSION`; a development build lies anywhere else.
std::string bundle_directory() {
    std::error_code error;
    const fs::path self = fs::read_symlink("/proc/self/exe", error);
    if (error) return {};
    const fs::path directory = self.parent_path();
    const fs::path bundle = directory.parent_path();
    const bool complete = directory.filename() == "bin" && fs::exists(bundle / "VERSION", error);
    return complete ? bundle.string() : std::string{};
}

}  // namespace

std::string choose_root(const std::optional<std::string>& wished) {
    if (wished) return *wished;
    return !in_host_namespaces() && is_mount_point(kContainerRoot) && has_os_release(kContainerRoot) ? kContainerRoot
                                                                                                     : "/";
}

ProgramFacts read_program_facts(const std::string& root) {
    std::error_code ignored;
    ProgramFacts facts;
    facts.version = kVersion;
    facts.is_root = geteuid() == 0;
    facts.in_container = root != "/";
    if (facts.in_container && fs::exists(std::string{kImageDirectory} + "/driver.json", ignored))
        facts.image_directory = kImageDirectory;
    facts.program_directory = bundle_directory();
    facts.interactive = isatty(STDERR_FILENO) == 1;
    return facts;
}

}  // namespace overdrive
