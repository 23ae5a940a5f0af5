#include "overlay/overlay_spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

MountEntry overlay(int id, int parent, const std::string& target, const std::string& options) {
    MountEntry entry;
    entry.id = id;
    entry.parent_id = parent;
    entry.target = target;
    entry.type = options.empty() ? "ext4" : "overlay";
    entry.super_options = options;
    return entry;
}

TEST(OverlaySpecTest, TheDriversDirectoryLiesOverTheHostsAndNothingIsWritable) {
    EXPECT_EQ((OverlaySpec{"/opt/nvidia/a/b/lib64", "/usr/lib64", "/usr/lib64"}.options()),
              "lowerdir=/opt/nvidia/a/b/lib64:/usr/lib64");
}

TEST(OverlaySpecTest, RefusesPathsThatWouldBecomeOtherLayersOrOptions) {
    for (const char* path : {"/a:b", "/a,upperdir=/x", "/a\\b"}) {
        EXPECT_THROW(static_cast<void>(OverlaySpec({path, "/usr/lib64", "/usr/lib64"}).options()), Error) << path;
        EXPECT_THROW(static_cast<void>(OverlaySpec({"/x", path, "/usr/lib64"}).options()), Error) << path;
    }
}

TEST(LayersTest, ReadsEverySpelling) {
    EXPECT_THAT(layers_of("ro,lowerdir=/a:/b::/data,upperdir=/u,workdir=/w"), ElementsAre("/a", "/b", "/data", "/u"));
    EXPECT_THAT(layers_of("rw,lowerdir+=/a,lowerdir+=/b,datadir+=/d"), ElementsAre("/a", "/b", "/d"));
    EXPECT_THAT(layers_of("lowerdir=/a\\:b:/c\\,d"), ElementsAre("/a:b", "/c,d"));
}

TEST(StackingDepthTest, CountsOverlaysBelowOverlays) {
    const MountTable table{{overlay(1, 0, "/", ""), overlay(2, 1, "/composefs", "lowerdir=/base"),
                            overlay(3, 1, "/usr", "lowerdir=/ext:/composefs/usr")}};
    EXPECT_EQ(stacking_depth(table, "/opt"), 0U);
    EXPECT_EQ(stacking_depth(table, "/composefs"), 1U);
    EXPECT_EQ(stacking_depth(table, "/usr/lib64"), 2U);
}

TEST(StackingDepthTest, ALayerBelowItsOwnTargetDoesNotGoInCircles) {
    const MountTable table{{overlay(1, 0, "/", ""), overlay(2, 1, "/usr", "lowerdir=/ext:/usr"),
                            overlay(3, 1, "/a", "lowerdir=/b"), overlay(4, 1, "/b", "lowerdir=/a")}};
    EXPECT_EQ(stacking_depth(table, "/usr"), 1U);
    EXPECT_GE(stacking_depth(table, "/a"), 2U);
}

TEST(StackingDepthTest, RefusesWhatTheKernelWouldAndNamesIt) {
    const MountTable table{{overlay(1, 0, "/", ""), overlay(2, 1, "/composefs", "lowerdir=/base"),
                            overlay(3, 1, "/usr", "lowerdir=/ext:/composefs/usr")}};
    EXPECT_NO_THROW(check_stacking_depth(table, "/opt/nvidia", "/composefs"));
    try {
        check_stacking_depth(table, "/opt/nvidia", "/usr/lib64");
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::exposure);
        EXPECT_THAT(error.what(), HasSubstr("'/usr/lib64' lies on 2 stacked overlays"));
        EXPECT_THAT(error.remedy(), HasSubstr("links"));
    }
}

}  // namespace
}  // namespace overdrive
