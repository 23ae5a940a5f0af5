#include "cdi/hooks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> args_of(const std::optional<CdiHook>& hook) {
    return hook ? hook->args : std::vector<std::string>{};
}

TEST(CdiHookMakerTest, AHookHasAnEnvironmentOfItsOwn) {
    const auto hook = CdiHookMaker{{}}.make("create-symlinks", {"/a::/b", "/c::/d"});
    EXPECT_EQ(hook, (CdiHook{"createContainer",
                             "/usr/bin/nvidia-cdi-hook",
                             {"nvidia-cdi-hook", "create-symlinks", "--link", "/a::/b", "--link", "/c::/d"},
                             {"NVIDIA_CTK_DEBUG=false"},
                             {}}));
}

TEST(CdiHookMakerTest, TheProgramDecidesHowItIsCalled) {
    EXPECT_THAT(args_of(CdiHookMaker{{.path = "/x/nvidia-ctk"}}.make("update-ldcache", {"/lib"})),
                ElementsAre("nvidia-ctk", "hook", "update-ldcache", "--folder", "/lib"));
    EXPECT_THAT(
        args_of(CdiHookMaker{{.path = "/x/overdrive-cdi-hook", .ldconfig_path = "/sbin/ldconfig"}}.make(
            "update-ldcache", {"/lib"})),
        ElementsAre("overdrive-cdi-hook", "update-ldcache", "--ldconfig-path", "/sbin/ldconfig", "--folder", "/lib"));
    EXPECT_THAT(args_of(CdiHookMaker{{}}.make("enable-cuda-compat", {"--root", "/r"})),
                ElementsAre("nvidia-cdi-hook", "enable-cuda-compat", "--root", "/r"));
}

TEST(CdiHookMakerTest, HooksAreLeftOutByName) {
    EXPECT_THAT(args_of(CdiHookMaker{{}}.make("chmod", {"--path", "/x"})), IsEmpty());
    EXPECT_THAT(args_of(CdiHookMaker{{}}.make("create-symlinks", {})), IsEmpty()) << "no links to make";
    const CdiHookMaker some{{.disabled = {"update-ldcache", "all"}, .enabled = {"chmod", "update-ldcache"}}};
    EXPECT_FALSE(args_of(some.make("chmod")).empty());
    EXPECT_FALSE(args_of(some.make("update-ldcache")).empty());
    EXPECT_THAT(args_of(some.make("anything")), IsEmpty());
    EXPECT_THAT(args_of(CdiHookMaker{{.disabled = {"update-ldcache"}}}.make("update-ldcache")), IsEmpty());
}

TEST(LibraryNamesTest, ALibraryHasLibInFrontAndSoInIt) {
    for (const char* name : {"libcuda.so", "libcuda.so.1", "libx.y.so.1.2.3"})
        EXPECT_TRUE(is_library_name(name)) << name;
    for (const char* name : {"", "lib.so", "cuda.so", "notlibcuda.so", "libcuda.soup", "libcuda.a", "libcuda"})
        EXPECT_FALSE(is_library_name(name)) << name;
}

TEST(LibraryNamesTest, TheDevelopmentNameEndsWithSo) {
    EXPECT_EQ(development_name("libcuda.so.1"), "libcuda.so");
    EXPECT_EQ(development_name("libcuda.so.999.88.77"), "libcuda.so");
    EXPECT_EQ(development_name("libcuda.so"), "libcuda.so");
    for (const char* name : {"", "libcuda", "a.b.c"}) EXPECT_EQ(development_name(name), "") << name;
}

TEST(LibraryLinksTest, ThreeLinksAreExpectedWhateverTheHostHas) {
    EXPECT_THAT(library_links({{"/l/libcuda.so.1.2", {}, {}},
                               {"/l/libGLX_nvidia.so.1.2", {}, {}},
                               {"/l/libnvidia-opticalflow.so.1.2", {}, {}},
                               {"/l/libnvidia-ml.so.1.2", {}, {}}},
                              {}),
                ElementsAre("libcuda.so.1::/l/libcuda.so", "libGLX_nvidia.so.1.2::/l/libGLX_indirect.so.0",
                            "libnvidia-opticalflow.so.1::/l/libnvidia-opticalflow.so"));
    EXPECT_THAT(library_links({{"/l/libcuda.so.1", {}, {}}}, {}), IsEmpty()) << "no version in its name";
    EXPECT_THAT(library_links({{"/l/libcuda.so.1.2", {}, {}}}, "3.4"), IsEmpty()) << "of another version";
}

TEST(LibraryLinksTest, LinksOfTheHostAreMadeAgainWhereTheyAre) {
    const MountedLibrary both{"/l/libx.so.9.9", "libx.so.1", {"libx.so.1", "libx.so"}};
    EXPECT_THAT(library_links({both, both}, {}), ElementsAre("libx.so.9.9::/l/libx.so.1", "libx.so.1::/l/libx.so"));
    EXPECT_THAT(library_links({{"/l/libx.so.9.9", "libx.so.1", {"libx.so.1"}}}, {}),
                ElementsAre("libx.so.9.9::/l/libx.so.1"));
    EXPECT_THAT(library_links({{"/l/libx.so.9.9", "libx.so.1", {}}}, {}), IsEmpty());
    EXPECT_THAT(library_links({{"/l/libx.so.9.9", "", {"libx.so"}}}, {}), ElementsAre("libx.so.9.9::/l/libx.so"));
    EXPECT_THAT(library_links({{"/l/libx.so.9.9", {}, {"libx.so"}}}, {}), IsEmpty()) << "no shared object";
}

TEST(LibraryFoldersTest, EachFolderOfALibraryComesOnce) {
    EXPECT_THAT(library_folders({{"/h/a", "/l/liba.so.1", {}, {}},
                                 {"", "/l/v/libb.so.1", {}, {}},
                                 {"", "/l/libc.so.1", {}, {}},
                                 {"", "/bin/nvidia-smi", {}, {}},
                                 {"", "/libd.so.1", {}, {}}}),
                ElementsAre("/l", "/l/v", "/"));
}

}  // namespace
}  // namespace overdrive
