#include "cdi/driver_tree.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "cdi/elf_soname.hpp"
#include "cdi/library_cache.hpp"
#include "support/error.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class DriverTreeTest : public testing::Test {
protected:
    void link(const std::string& path, const std::string& target) const {
        const std::filesystem::path file = std::filesystem::path{host.path()} / path;
        std::filesystem::create_directories(file.parent_path());
        std::filesystem::create_symlink(target, file);
    }

    TemporaryRoot host;
};

TEST_F(DriverTreeTest, NamesTheRealDirectoryNotALinkToIt) {
    host.write("var/opt/nvidia/1/os/lib64/liba.so.1", "a");
    link("opt", "/var/opt");
    link("var/opt/nvidia/current", "1/os");
    const DriverTree tree{host.root(), "/opt/nvidia/current"};
    EXPECT_EQ(tree.place(), "/var/opt/nvidia/1/os");
    EXPECT_EQ(tree.on_host("/lib64/liba.so.1"), "/var/opt/nvidia/1/os/lib64/liba.so.1");
    EXPECT_EQ((DriverTree{host.root(), "/"}.place()), "/");
    EXPECT_EQ((DriverTree{host.root(), "/"}.on_host("/x")), "/x");
}

TEST_F(DriverTreeTest, LinksAreFollowedInsideAndNeverLeadOut) {
    host.write("d/usr/lib/liba.so.1", "a");
    host.write("secret", "s");
    link("d/lib64", "/usr/lib");
    link("d/out", "../../secret");
    link("d/usr/lib/liba.so", "liba.so.1");
    const DriverTree tree{host.root(), "/d"};
    EXPECT_EQ(tree.real_path("/lib64/liba.so"), "/usr/lib/liba.so.1");
    EXPECT_EQ(tree.host_path("/lib64/liba.so"), "/d/usr/lib/liba.so.1");
    EXPECT_EQ(tree.real_path("/out"), std::nullopt) << "above the root there is the root";
    EXPECT_EQ(tree.real_path("/nothing"), std::nullopt);
}

TEST_F(DriverTreeTest, WildcardsMayStandInEveryPart) {
    host.write("d/lib/a/libx.so.1.2", "");
    host.write("d/lib/b/libx.so.1.2", "");
    host.write("d/lib/b/liby.so", "");
    host.write("d/lib/file", "");
    host.write("d/lib/.hidden/libx.so.1.2", "");
    const DriverTree tree{host.root(), "/d"};
    EXPECT_THAT(tree.matches("/lib/*/libx.so.*.*"), ElementsAre("/lib/a/libx.so.1.2", "/lib/b/libx.so.1.2"));
    EXPECT_THAT(tree.matches("/lib/b/lib?.so"), ElementsAre("/lib/b/liby.so"));
    EXPECT_THAT(tree.matches("/lib/b/liby.so"), ElementsAre("/lib/b/liby.so"));
    EXPECT_THAT(tree.matches("/none/*"), IsEmpty());
    EXPECT_THAT(tree.matches("/lib/file/*"), IsEmpty());
}

TEST_F(DriverTreeTest, WhatIsNoDirectoryIsRefused) {
    host.write("file", "");
    EXPECT_THROW((DriverTree{host.root(), "/file"}), Error);
    EXPECT_THROW((DriverTree{host.root(), "/none"}), Error);
}

std::string whole_file(const char* path) {
    std::ifstream stream{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

std::optional<std::string> soname(std::string_view bytes) {
    return soname_in([&](std::uint64_t offset, std::size_t size) {
        return offset > bytes.size() ? std::string{} : std::string{bytes.substr(offset, size)};
    });
}

TEST(ElfSonameTest, IsReadFromARealLibrary) {
    EXPECT_EQ(soname(whole_file("/lib/x86_64-linux-gnu/libc.so.6")).value_or("libc.so.6"), "libc.so.6");
    EXPECT_EQ(soname(whole_file("/proc/self/exe")), "") << "a program has none";
}

TEST(ElfSonameTest, WhatIsNoLibraryHasNone) {
    EXPECT_EQ(soname(""), std::nullopt);
    EXPECT_EQ(soname("#!/bin/sh\n"), std::nullopt);
    EXPECT_EQ(soname(std::string(ELFMAG) + std::string(60, '\xff')), std::nullopt);
    const std::string program = whole_file("/proc/self/exe");
    for (const std::size_t size : {64U, 100U, 5000U}) EXPECT_EQ(soname(program.substr(0, size)), std::nullopt) << size;
}

TEST(LibraryCacheTest, ReadsThisMachinesCache) {
    const std::string bytes = whole_file("/etc/ld.so.cache");
    if (bytes.empty()) GTEST_SKIP() << "no /etc/ld.so.cache here";
    const auto has_libc = [](const std::string& path) { return path.ends_with("/libc.so.6"); };
    EXPECT_THAT(libraries_in_cache(bytes), Contains(testing::Truly(has_libc)));
    EXPECT_THAT(libraries_in_cache("old format in front" + bytes), Contains(testing::Truly(has_libc)));
}

TEST(LibraryCacheTest, WhatLiesOutsideIsSkipped) {
    EXPECT_THAT(libraries_in_cache(""), IsEmpty());
    EXPECT_THAT(libraries_in_cache("glibc-ld.so.cache1.1"), IsEmpty());
    std::string bytes = "glibc-ld.so.cache1.1" + std::string(28, '\0') + std::string(24, '\xff');
    const std::uint32_t many = 0xffffffff;
    std::memcpy(bytes.data() + 20, &many, sizeof many);
    EXPECT_THAT(libraries_in_cache(bytes), IsEmpty());
}

}  // namespace
}  // namespace overdrive
