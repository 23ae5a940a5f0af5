#include "overlay/libmount_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "support/error.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

TEST(LibmountTableTest, ReadsWhatWeNeedOfEachMount) {
    const TemporaryRoot host;
    host.write("mountinfo",
               "22 1 254:3 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
               "90 22 0:52 / /usr/lib64 ro,nodev,relatime shared:9 - overlay overdrive "
               "ro,lowerdir=/opt/nvidia/a/b/lib64:/usr/lib64\n"
               "91 22 0:53 / /with\\040blank rw - tmpfs none rw\n");
    const MountTable table = read_mount_table(host.path() + "/mountinfo");
    ASSERT_EQ(table.mounts().size(), 3U);
    const MountEntry* const ours = table.visible_at("/usr/lib64/libcuda.so.1");
    ASSERT_NE(ours, nullptr);
    EXPECT_TRUE(is_ours(*ours));
    EXPECT_EQ(ours->id, 90);
    EXPECT_EQ(ours->parent_id, 22);
    EXPECT_EQ(ours->device, makedev(0, 52));
    EXPECT_EQ(ours->options, "ro,nodev,relatime");
    EXPECT_EQ(ours->super_options, "ro,lowerdir=/opt/nvidia/a/b/lib64:/usr/lib64");
    EXPECT_EQ(table.mounts()[2].target, "/with blank");
}

TEST(LibmountTableTest, ATableThatCannotBeReadIsAnError) {
    EXPECT_THROW(static_cast<void>(read_mount_table("/nonexistent/mountinfo")), Error);
}

TEST(LibmountTableTest, ReadsTheNamespaceItRunsIn) { EXPECT_NE(read_mount_table().visible_at("/proc"), nullptr); }

}  // namespace
}  // namespace overdrive
