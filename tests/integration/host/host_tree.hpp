#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/exposure_plan.hpp"
#include "overlay/libmount_exposure.hpp"
#include "process/boost_process_runner.hpp"
#include "support/root.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {

/// Whether this process may mount. The whole program runs in a private mount namespace of its own then.
[[nodiscard]] bool may_mount();

/// A host in a temporary directory: /usr is a mount of its own, read-only and shared as systemd makes it, and two
/// generations lie in /opt/nvidia.
class HostTree : public testing::Test {
protected:
    HostTree() = default;
    ~HostTree() override;
    HostTree(const HostTree&) = delete;
    HostTree& operator=(const HostTree&) = delete;

    void SetUp() override;

    /// Mounts a fresh tmpfs at a path of the host, making the directory. @param flags as mount(2)
    void mount_tmpfs(const std::string& path, unsigned long flags = 0) const;
    void make_usr_read_only() const;
    [[nodiscard]] std::string path(const std::string& inside = "") const { return outside_.path() + "/host" + inside; }
    [[nodiscard]] const Root& root() const { return *root_; }
    [[nodiscard]] LibmountExposure& exposure() { return *exposure_; }
    void write(const std::string& file, const std::string& content) const { outside_.write("host" + file, content); }
    /// Every file below a directory of the host with its content, mounts included.
    [[nodiscard]] std::map<std::string, std::string> tree(const std::string& directory) const {
        return outside_.tree("host" + directory);
    }
    [[nodiscard]] ExposurePlan plan(int driver) const;
    [[nodiscard]] ExposurePlan links_plan(int driver) const;
    /// driver_version() of the library of that name in the host's /usr/lib64, loaded anew; 0 when it cannot be loaded.
    [[nodiscard]] int version_seen(const std::string& library = "/usr/lib64/libcuda.so.1") const;
    [[nodiscard]] bool has(const std::string& file) const { return root().link_status(file).has_value(); }
    /// The lines of our mountinfo below the host, without ids that change.
    [[nodiscard]] std::vector<std::string> mounts() const;
    [[nodiscard]] std::size_t our_overlays() const;

    BoostProcessRunner processes_;

private:
    TemporaryRoot outside_;
    std::optional<Root> root_;
    std::optional<LibmountExposure> exposure_;
};

/// Runs `mount`-like calls of a test, failing it with the reason.
void mount_or_fail(const char* source, const std::string& target, const char* type, unsigned long flags,
                   const std::string& options);

}  // namespace overdrive
