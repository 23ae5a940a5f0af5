#include "devices/host_facts_reader.hpp"

#include <sys/mount.h>

#include <filesystem>

#include "host_tree.hpp"

namespace overdrive {
namespace {

namespace fs = std::filesystem;

class HostFactsTest : public HostTree {
protected:
    void SetUp() override {
        HostTree::SetUp();
        if (IsSkipped()) return;
        write("/etc/os-release", "ID=debian\nVERSION_ID=12\n");
        for (const char* directory : {"/proc/sys/kernel", "/sys/kernel"}) fs::create_directories(path(directory));
    }
    void remount_usr(unsigned long flags) const {
        mount_or_fail(nullptr, path("/usr"), nullptr, MS_REMOUNT | MS_BIND | flags, "");
    }
};

TEST_F(HostFactsTest, UsrLocalIsReadOnlyWithItsUsrUnlessItLeadsElsewhere) {
    remount_usr(0);
    fs::create_directories(path("/usr/local/bin"));
    EXPECT_FALSE(read_host_facts(root()).usr_local_is_read_only);
    remount_usr(MS_RDONLY);
    EXPECT_TRUE(read_host_facts(root()).usr_local_is_read_only);

    remount_usr(0);
    fs::remove_all(path("/usr/local"));
    fs::create_directories(path("/var/usrlocal"));
    fs::create_directory_symlink("../var/usrlocal", path("/usr/local"));  // as Fedora CoreOS has it
    remount_usr(MS_RDONLY);
    EXPECT_FALSE(read_host_facts(root()).usr_local_is_read_only);
}

}  // namespace
}  // namespace overdrive
