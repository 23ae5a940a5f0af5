#include "overlay/mount_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

MountEntry mount(int id, int parent, const std::string& target, const std::string& type = "ext4",
                 const std::string& source = "/dev/vda") {
    MountEntry entry;
    entry.id = id;
    entry.parent_id = parent;
    entry.target = target;
    entry.type = type;
    entry.source = source;
    return entry;
}

std::vector<int> ids(const std::vector<const MountEntry*>& entries) {
    std::vector<int> out;
    for (const MountEntry* entry : entries) out.push_back(entry->id);
    return out;
}

int visible(const MountTable& table, std::string_view path) {
    const MountEntry* const entry = table.visible_at(path);
    return entry == nullptr ? 0 : entry->id;
}

TEST(MountTableTest, AWalkEndsInTheTopmostMount) {
    const MountTable table{
        {mount(1, 0, "/"), mount(2, 1, "/usr"), mount(3, 2, "/usr/lib64"), mount(4, 3, "/usr/lib64")}};
    EXPECT_EQ(visible(table, "/"), 1);
    EXPECT_EQ(visible(table, "/usr"), 2);
    EXPECT_EQ(visible(table, "/usr/lib"), 2);
    EXPECT_EQ(visible(table, "/usr/lib64"), 4);
    EXPECT_EQ(visible(table, "/usr/lib64/sub"), 4);
    EXPECT_EQ(visible(table, "/usr/lib640"), 2) << "a name that only begins alike";
    EXPECT_THAT(ids(table.stack_at("/usr/lib64")), ElementsAre(3, 4));
}

TEST(MountTableTest, WhatAnOuterMountCoversIsNotSeen) {
    // A systemd-sysext merge: a new /usr over the old one, whose overlay stays in the table.
    const MountTable table{{mount(1, 0, "/"), mount(2, 1, "/usr"), mount(3, 2, "/usr/lib64", "overlay", "overdrive"),
                            mount(4, 2, "/usr", "overlay", "sysext")}};
    EXPECT_EQ(visible(table, "/usr/lib64"), 4);
    EXPECT_THAT(ids(table.stack_at("/usr/lib64")), IsEmpty());
    EXPECT_THAT(ids(table.submounts_of("/usr")), IsEmpty());
}

TEST(MountTableTest, FindsTheOutermostSubmountsThatAreSeen) {
    const MountTable table{{mount(1, 0, "/"), mount(2, 1, "/usr/lib64"), mount(3, 1, "/usr/lib64/hidden"),
                            mount(4, 2, "/usr/lib64/modules"), mount(5, 4, "/usr/lib64/modules/deep"),
                            mount(6, 2, "/usr/lib64/a"), mount(7, 1, "/usr/lib64x")}};
    EXPECT_THAT(ids(table.submounts_of("/usr/lib64")), ElementsAre(6, 4));
}

TEST(MountTableTest, AnEmptyTableShowsNothing) {
    EXPECT_EQ(MountTable{{}}.visible_at("/usr"), nullptr);
    EXPECT_THAT(MountTable{{}}.stack_at("/usr"), IsEmpty());
    EXPECT_THAT(MountTable{{}}.submounts_of("/"), IsEmpty());
}

TEST(MountTableTest, OnlyAnOverlayOfOurSourceIsOurs) {
    EXPECT_TRUE(is_ours(mount(1, 0, "/usr/lib64", "overlay", "overdrive")));
    EXPECT_FALSE(is_ours(mount(1, 0, "/usr/lib64", "overlay", "sysext")));
    EXPECT_FALSE(is_ours(mount(1, 0, "/usr/lib64", "tmpfs", "overdrive")));
}

}  // namespace
}  // namespace overdrive
