#include "host_tree.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "overlay/libmount_table.hpp"

namespace overdrive {

namespace {

namespace fs = std::filesystem;

/// Leaves the machine's mount namespace before the first test, so that no test can touch it.
class PrivateMounts : public testing::Environment {
public:
    void SetUp() override {
        if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0) return;
        entered = mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    }
    static inline bool entered = false;
};

// GoogleTest owns it.
const auto* const kPrivateMounts = testing::AddGlobalTestEnvironment(new PrivateMounts);  // NOLINT

}  // namespace

bool may_mount() { return kPrivateMounts != nullptr && PrivateMounts::entered; }

void mount_or_fail(const char* source, const std::string& target, const char* type, unsigned long flags,
                   const std::string& options) {
    if (::mount(source, target.c_str(), type, flags, options.empty() ? nullptr : options.c_str()) == 0) return;
    throw std::runtime_error{fmt::format("mount on {}: {}", target, strerror(errno))};  // NOLINT(concurrency-mt-unsafe)
}

HostTree::~HostTree() {
    if (!may_mount()) return;
    root_.reset();
    while (umount2(path().c_str(), MNT_DETACH) == 0) {
    }
}

void HostTree::SetUp() {
    if (!may_mount()) GTEST_SKIP() << "needs root and a mount namespace";
    // One mount for the whole host, shared, as the root of a systemd host is.
    mount_tmpfs("");
    mount_or_fail(nullptr, path(), nullptr, MS_SHARED, "");
    root_.emplace(path());
    exposure_.emplace(*root_, processes_);
    for (const char* directory : {"/etc", "/run", "/opt"}) fs::create_directories(path(directory));
    mount_tmpfs("/usr");
    write("/usr/lib64/libc.so.6", "the host's own");
    write("/usr/lib64/modules/kept", "");
    for (const int driver : {1, 2}) {
        const std::string generation = fmt::format("/opt/nvidia/900.{}.0/12-6.1/", driver);
        write(generation + "bin/nvidia-smi", "");
        fs::create_directories(path(generation + "lib64"));
        const std::string name = fmt::format("libcuda.so.900.{}.0", driver);
        fs::copy_file(driver == 1 ? DRIVER_LIBRARY_1 : DRIVER_LIBRARY_2, path(generation + "lib64/" + name));
        fs::create_symlink(name, path(generation + "lib64/libcuda.so.1"));
    }
    make_usr_read_only();
}

void HostTree::mount_tmpfs(const std::string& inside, unsigned long flags) const {
    fs::create_directories(path(inside));
    mount_or_fail("test", path(inside), "tmpfs", flags, "");
}

void HostTree::make_usr_read_only() const {
    mount_or_fail(nullptr, path("/usr"), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, "");
}

ExposurePlan HostTree::plan(int driver) const {
    ExposurePlan plan;
    plan.mode = ExposureMode::overlay;
    plan.generation = fmt::format("/opt/nvidia/900.{}.0/12-6.1", driver);
    plan.library_directory = plan.generation + "/lib64";
    plan.libraries = {"libcuda.so.1", fmt::format("libcuda.so.900.{}.0", driver)};
    plan.program_directory = "/opt/bin";
    plan.programs = {"nvidia-smi"};
    return plan;
}

ExposurePlan HostTree::links_plan(int driver) const {
    ExposurePlan links = plan(driver);
    links.mode = ExposureMode::links;
    return links;
}

int HostTree::version_seen(const std::string& library) const {
    // In a namespace of its own: the loader would give a library of this name that is still loaded.
    void* const handle = dlmopen(LM_ID_NEWLM, path(library).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return 0;
    using Function = int (*)();
    const auto function = reinterpret_cast<Function>(dlsym(handle, "driver_version"));
    const int version = function == nullptr ? 0 : function();
    dlclose(handle);
    return version;
}

std::vector<std::string> HostTree::mounts() const {
    std::vector<std::string> lines;
    const MountTable table = read_mount_table();
    for (const MountEntry& mount : table.mounts()) {
        if (!is_at_or_below(mount.target, path())) continue;
        lines.push_back(fmt::format("{} {} {} {} {} {}", mount.id, mount.target, mount.type, mount.source,
                                    mount.options, mount.super_options));
    }
    return lines;
}

std::size_t HostTree::our_overlays() const {
    std::size_t count = 0;
    const MountTable table = read_mount_table();
    for (const MountEntry& mount : table.mounts()) {
        if (is_ours(mount) && is_at_or_below(mount.target, path())) ++count;
    }
    return count;
}

}  // namespace overdrive
