#include "hook/linker_config.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "hook/musl_path.hpp"
#include "support/error.hpp"
#include "unit/hook/container_tree.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Folders = std::vector<std::string>;

TEST(LinkerConfigs, AreReadAsLdconfigReadsThem) {
    const LinkerConfigLines lines = parse_linker_config(
        "# a comment\n/opt/a/  # and another\n\tinclude one.conf  /two/*.conf\nhwcap 1 nosegneg\n/opt/b=libc6\n/with "
        "blank\n\n"
        "   \r\nincluded/is/no/keyword\n/last/without/newline");
    EXPECT_THAT(lines.directories,
                ElementsAre("/opt/a", "/opt/b", "/with blank", "included/is/no/keyword", "/last/without/newline"));
    EXPECT_THAT(lines.includes, ElementsAre("one.conf", "/two/*.conf"));
}

TEST(LinkerConfigs, IncludesAreFollowedInTheContainerRelativeOnesBesideTheFile) {
    const ContainerTree tree;
    tree.write("etc/ld.so.conf", "include ld.so.conf.d/*.conf\ninclude /etc/deep*/?x/*.conf\n/top");
    tree.write("etc/ld.so.conf.d/b.conf", "/b\ninclude /etc/ld.so.conf\n");  // a circle
    tree.write("etc/ld.so.conf.d/.hidden.conf", "/hidden");
    tree.write("etc/ld.so.conf.d/no.txt", "/no");
    tree.write("etc/deep1/ax/c.conf", "/c");
    EXPECT_THAT(configured_directories(tree.root()), UnorderedElementsAre("/b", "/c", "/top"));
}

TEST(LinkerConfigs, AnImageCannotSendTheReaderOut) {
    const ContainerTree tree;
    std::ofstream{tree.host() / "secret.conf"} << "/secret\n";
    tree.link("etc/ld.so.conf.d", tree.host());
    tree.write("etc/ld.so.conf",
               "include /etc/ld.so.conf.d/*.conf ../../../../" + tree.host().string() + "/*.conf\n/kept\n");
    EXPECT_THAT(configured_directories(tree.root()), UnorderedElementsAre("/kept"));
}

TEST(LinkerConfigs, AFifoAtWhichLdconfigWouldWaitIsRefused) {
    const ContainerTree tree;
    tree.write("etc/ld.so.conf", "include fifo*\n");
    ASSERT_EQ(mkfifo(tree.path("etc/fifo").c_str(), 0600), 0);
    EXPECT_THROW(static_cast<void>(configured_directories(tree.root())), Error);
}

TEST(LinkerConfigs, OnlyFoldersThatAreNotSearchedAlreadyAreAdded) {
    const ContainerTree tree;
    tree.write("etc/debian_version", "12.1\n");
    tree.write("etc/ld.so.conf", "/opt/known\n");
    EXPECT_THAT(folders_to_add(tree.root(), {"/opt/known", "/opt/new", "/usr/lib", "/opt/new"}, true),
                ElementsAre("/opt/new"));
}

TEST(LinkerConfigs, ADriverFolderComesFirstAndTheContainersOwnFoldersLast) {
    const ContainerTree tree;
    EXPECT_THAT(configure_linker(tree.root(), {"/usr/local/nvidia/lib64"}), IsEmpty());
    EXPECT_EQ(tree.read("etc/ld.so.conf"), "include /etc/ld.so.conf.d/*.conf\n");
    EXPECT_EQ(tree.drop_in("00-nvcr-"), "/usr/local/nvidia/lib64\n");
    EXPECT_EQ(tree.drop_in("zz-nvcr-"), "/lib64\n/usr/lib64\n/lib\n/usr/lib\n");
}

TEST(LinkerConfigs, ADebianContainerHasDebiansFolders) {
    const ContainerTree tree;
    tree.write("etc/debian_version", "12.1\n");
    static_cast<void>(configure_linker(tree.root(), {}));
    EXPECT_THAT(tree.drop_in("zz-nvcr-"), testing::HasSubstr("-linux-gnu\n"));
    EXPECT_EQ(tree.drop_in("00-nvcr-"), "");
}

TEST(LinkerConfigs, ASecondRunAddsNothing) {
    const ContainerTree tree;
    static_cast<void>(configure_linker(tree.root(), {"/opt/lib"}));
    const auto before = tree.root().list("/etc/ld.so.conf.d");
    static_cast<void>(configure_linker(tree.root(), {"/opt/lib"}));
    EXPECT_EQ(tree.root().list("/etc/ld.so.conf.d"), before);
}

TEST(LinkerConfigs, AnLdSoConfOfTheImageIsKeptAndWhatItDoesNotIncludeIsTold) {
    const ContainerTree tree;
    tree.write("etc/ld.so.conf", "/own\n");
    EXPECT_THAT(configure_linker(tree.root(), {"/opt/lib"}), ElementsAre("/opt/lib"));
    EXPECT_EQ(tree.read("etc/ld.so.conf"), "/own\n");
}

TEST(MuslPaths, TakeTheDriversFoldersFirstAndKeepWhatWasThere) {
    EXPECT_EQ(musl_path_text(nullptr, {"/opt/lib", "/usr/lib"}), "/opt/lib\n/usr/lib\n/lib\n/usr/local/lib\n");
    const std::string debian = "/lib/x86_64-linux-musl:/usr/lib/x86_64-linux-musl\n/opt/lib\n";
    EXPECT_EQ(musl_path_text(&debian, {"/opt/lib"}), "/opt/lib\n/lib/x86_64-linux-musl\n/usr/lib/x86_64-linux-musl\n");
    const std::string empty;
    EXPECT_EQ(musl_path_text(&empty, {"/opt/lib"}), "/opt/lib\n");
}

TEST(MuslPaths, AreWrittenOnlyWhereMuslIs) {
    const ContainerTree tree;
    update_musl_path(tree.root(), {"/opt/lib"});
    EXPECT_THAT(tree.root().list("/etc"), IsEmpty());
    tree.write("etc/alpine-release", "3.20\n");
    update_musl_path(tree.root(), {"/opt/lib"});
    update_musl_path(tree.root(), {"/opt/lib"});
    const auto names = tree.root().list("/etc");
    ASSERT_EQ(names.size(), 2U);
    EXPECT_EQ(tree.read("etc/" + names.back()), "/opt/lib\n/lib\n/usr/local/lib\n/usr/lib\n");
}

}  // namespace
}  // namespace overdrive
