#include "hook/container_root.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "support/error.hpp"
#include "unit/hook/container_tree.hpp"

namespace overdrive {
namespace {

namespace fs = std::filesystem;

TEST(ContainerRoots, TheHostsOwnRootIsRefused) {
    EXPECT_THROW(static_cast<void>(ContainerRoot::open_path("/")), Error);
    EXPECT_THROW(static_cast<void>(ContainerRoot::open_path("/proc/../")), Error);
    EXPECT_THROW(static_cast<void>(ContainerRoot::open_path("relative")), Error);
    EXPECT_THROW(static_cast<void>(ContainerRoot::open_path("")), Error);
    EXPECT_THROW(static_cast<void>(ContainerRoot::open_path("/nowhere/at/all")), Error);
}

TEST(ContainerRoots, AnAbsoluteLinkLeadsToThePlaceInTheContainer) {
    const ContainerTree tree;
    tree.link("usr/lib/nvidia", "/opt/nvidia");
    tree.write("opt/nvidia/file", "");
    tree.root().replace_link("/usr/lib/nvidia/libcuda.so", "libcuda.so.1");
    EXPECT_EQ(fs::read_symlink(tree.path("opt/nvidia/libcuda.so")), "libcuda.so.1");
}

TEST(ContainerRoots, ALinkToAFolderOfTheHostIsRefusedAndNamed) {
    const ContainerTree tree;
    tree.link("usr/lib/nvidia", tree.host());
    try {
        tree.root().replace_link("/usr/lib/nvidia/libcuda.so", "libcuda.so.1");
        FAIL() << "taken";
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "'/usr/lib/nvidia' in the container is there but leads to no directory");
    }
    EXPECT_TRUE(tree.host_is_untouched());
}

TEST(ContainerRoots, LinksThatClimbStayInside) {
    const ContainerTree tree;
    tree.link("usr/lib/up", "../../../../../../../../..");
    tree.root().replace_link("/usr/lib/up/libcuda.so", "libcuda.so.1");
    EXPECT_EQ(fs::read_symlink(tree.path("libcuda.so")), "libcuda.so.1");
}

TEST(ContainerRoots, ReplaceALinkOrAFileWithItsFoldersMade) {
    const ContainerTree tree;
    tree.write("usr/lib/libcuda.so", "a file of the image");
    tree.root().replace_link("/usr/lib/libcuda.so", "libcuda.so.1");
    tree.root().replace_link("/usr/lib/libcuda.so", "libcuda.so.2");
    tree.root().replace_link("/a/b/c", "../x");
    EXPECT_EQ(fs::read_symlink(tree.path("usr/lib/libcuda.so")), "libcuda.so.2");
    EXPECT_EQ(fs::read_symlink(tree.path("a/b/c")), "../x");
    EXPECT_EQ(tree.root().list("/usr/lib"), std::vector<std::string>{"libcuda.so"});  // nothing temporary is left
}

TEST(ContainerRoots, ALinkThatIsRightIsLeftAlone) {
    const ContainerTree tree;
    tree.link("usr/lib/libcuda.so", "libcuda.so.1");
    struct stat before {};
    struct stat after {};
    ASSERT_EQ(lstat(tree.path("usr/lib/libcuda.so").c_str(), &before), 0);
    tree.root().replace_link("/usr/lib/libcuda.so", "libcuda.so.1");
    ASSERT_EQ(lstat(tree.path("usr/lib/libcuda.so").c_str(), &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST(ContainerRoots, ADirectoryIsNotReplacedByALinkAndNothingTemporaryIsLeft) {
    const ContainerTree tree;
    tree.write("usr/lib/libcuda.so/inside", "");
    EXPECT_THROW(tree.root().replace_link("/usr/lib/libcuda.so", "x"), Error);
    EXPECT_EQ(tree.root().list("/usr/lib"), std::vector<std::string>{"libcuda.so"});
}

TEST(ContainerRoots, ALinkToAFileOfTheHostIsNotWrittenThrough) {
    const ContainerTree tree;
    tree.link("etc/ld-musl-x86_64.path", tree.host() / "victim");
    tree.root().replace_file("/etc/ld-musl-x86_64.path", "text", 0644);
    EXPECT_EQ(tree.read("etc/ld-musl-x86_64.path"), "text");
    EXPECT_FALSE(fs::is_symlink(tree.path("etc/ld-musl-x86_64.path")));
    EXPECT_TRUE(tree.host_is_untouched());
}

TEST(ContainerRoots, NothingButARegularFileIsOpened) {
    const ContainerTree tree;
    fs::create_directory(tree.path("etc"));
    ASSERT_EQ(mkfifo(tree.path("etc/ld.so.conf").c_str(), 0600), 0);  // opening it would wait for ever
    EXPECT_THROW(static_cast<void>(tree.root().read_file("/etc/ld.so.conf", 100)), Error);
    EXPECT_THROW(static_cast<void>(tree.root().read_file("/etc", 100)), Error);
    EXPECT_EQ(tree.root().read_file("/etc/none", 100), std::nullopt);
}

TEST(ContainerRoots, AFileIsReadUpToItsLimit) {
    const ContainerTree tree;
    tree.write("big", std::string(101, 'x'));
    EXPECT_THROW(static_cast<void>(tree.root().read_file("/big", 100)), Error);
}

TEST(ContainerRoots, AMagicLinkIsNotFollowed) {
    const ContainerTree tree;
    const UniqueFd host{::openat(AT_FDCWD, tree.host().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    const auto proc = ContainerRoot::open_path("/proc/self");
    EXPECT_THROW(proc.replace_link("/fd/" + std::to_string(host.get()) + "/x", "y"), Error);
    EXPECT_TRUE(tree.host_is_untouched());
}

TEST(ContainerRoots, ModesAreAsAskedWhateverTheUmask) {
    const ContainerTree tree;
    const mode_t before = umask(0777);
    const bool made = tree.root().create_file("/file", "x", 0644);
    umask(before);
    struct stat status {};
    ASSERT_EQ(stat(tree.path("file").c_str(), &status), 0);
    EXPECT_TRUE(made);
    EXPECT_EQ(status.st_mode & 07777U, 0644U);
    EXPECT_FALSE(tree.root().create_file("/file", "y", 0644));
    EXPECT_EQ(tree.read("file"), "x");
}

TEST(ContainerRoots, TellTheRealPlaceOfADirectory) {
    const ContainerTree tree;
    tree.write("etc/alternatives/cuda/compat/x", "");
    tree.link("usr/local/cuda", "/etc/alternatives/cuda");
    EXPECT_EQ(tree.root().place_of(*tree.root().find("/usr/local/cuda/compat")), "/etc/alternatives/cuda/compat");
    EXPECT_EQ(tree.root().place_of(*tree.root().find("/")), "/");
}

TEST(ContainerRoots, ADirectoryMovedOutIsNoticed) {
    const ContainerTree tree;
    fs::create_directory(tree.path("inside"));
    const auto open = tree.root().find("/inside");
    fs::rename(tree.path("inside"), tree.host() / "outside");
    EXPECT_THROW(static_cast<void>(tree.root().place_of(*open)), Error);
}

TEST(CheckedPaths, AreCleanedAndRefusedWhenTheyClimbOrHoldControlCharacters) {
    EXPECT_EQ(checked_path("usr//lib/./x/", "it"), "/usr/lib/x");
    EXPECT_EQ(checked_path("/", "it"), "/");
    for (const char* bad : {"", "/usr/../etc", "..", "/a\nb", "/a\x7f"})
        EXPECT_THROW(static_cast<void>(checked_path(bad, "it")), Error);
}

}  // namespace
}  // namespace overdrive
