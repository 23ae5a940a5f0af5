#include "devices/host_texts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <string>

namespace overdrive {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(MountinfoTest, ReadsALineWithAllItsFields) {
    const auto mounts =
        parse_mountinfo("36 35 98:7 / /usr ro,relatime shared:1 master:2 - squashfs /dev/vdb ro,errors=continue\n");
    ASSERT_EQ(mounts.size(), 1U);
    EXPECT_EQ(mounts[0].id, 36);
    EXPECT_EQ(mounts[0].parent_id, 35);
    EXPECT_EQ(mounts[0].device, makedev(98, 7));
    EXPECT_EQ(mounts[0].target, "/usr");
    EXPECT_EQ(mounts[0].options, "ro,relatime");
    EXPECT_EQ(mounts[0].type, "squashfs");
    EXPECT_EQ(mounts[0].source, "/dev/vdb");
    EXPECT_EQ(mounts[0].super_options, "ro,errors=continue");
}

TEST(MountinfoTest, UndoesTheKernelsEscapes) {
    const auto mounts = parse_mountinfo("1 0 0:5 / /a\\040b\\134c\\011d rw - tmpfs my\\040source rw\n");
    ASSERT_EQ(mounts.size(), 1U);
    EXPECT_EQ(mounts[0].target, "/a b\\c\td");
    EXPECT_EQ(mounts[0].source, "my source");
}

TEST(MountinfoTest, ReadsAMountWithAnEmptySource) {
    const auto mounts = parse_mountinfo("1 0 0:5 / /x rw - tmpfs  rw,size=1k\n");
    ASSERT_EQ(mounts.size(), 1U);
    EXPECT_EQ(mounts[0].source, "");
    EXPECT_EQ(mounts[0].super_options, "rw,size=1k");
}

TEST(MountinfoTest, SkipsLinesThatAreNoMounts) {
    EXPECT_THAT(parse_mountinfo("\nnonsense\n1 2 x / / rw - a b c\n1 0 0:5 / / rw tmpfs none rw\n1 0 0:5 / - t s o"),
                IsEmpty());
}

TEST(ModulesTest, ReadsRefcountAndUsers) {
    const auto modules = parse_modules(
        "nvidia 62775296 2 nvidia_uvm,nvidia_modeset, Live 0x0000000000000000 (POE)\n"
        "ext4 1 3 - Live 0x0\n"
        "stuck 16384 1 [permanent], Live 0x0\n"
        "short line\n");
    ASSERT_EQ(modules.size(), 3U);
    EXPECT_EQ(modules[0].name, "nvidia");
    EXPECT_EQ(modules[0].refcount, 2U);
    EXPECT_THAT(modules[0].users, ElementsAre("nvidia_uvm", "nvidia_modeset"));
    EXPECT_THAT(modules[1].users, IsEmpty());
    EXPECT_THAT(modules[2].users, IsEmpty());
}

TEST(ModulesTest, KnowsTheFamilyAndItsRivals) {
    for (const char* name : {"nvidia", "nvidia_uvm", "nvidia_peermem", "nouveau", "nova_core"}) {
        EXPECT_TRUE(is_driver_module(name)) << name;
    }
    for (const char* name : {"nvidiafb", "nvme", "drm", "i2c_nvidia_gpu", ""}) EXPECT_FALSE(is_driver_module(name));
}

TEST(DriverVersionTest, FindsTheVersionOfEitherModuleType) {
    EXPECT_EQ(parse_driver_version("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.309.01  Mon Sep  1 2026\n"
                                   "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n"),
              "535.309.01");
    EXPECT_EQ(
        parse_driver_version("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.163.01  Release Build"),
        "550.163.01");
}

TEST(DriverVersionTest, IsNotTheCompilersVersion) {
    EXPECT_EQ(parse_driver_version("GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n"), std::nullopt);
    EXPECT_EQ(parse_driver_version("NVRM version: none\n"), std::nullopt);
    EXPECT_EQ(parse_driver_version(""), std::nullopt);
}

/// A note: sizes of name and value, type, both padded to four bytes.
std::string note(std::uint32_t type, std::string name, std::string value) {
    const auto word = [](std::size_t number) {
        const auto narrow = static_cast<std::uint32_t>(number);
        return std::string{reinterpret_cast<const char*>(&narrow), sizeof narrow};
    };
    std::string bytes = word(name.size()) + word(value.size()) + word(type);
    while (name.size() % 4 != 0) name += '\0';
    while (value.size() % 4 != 0) value += '\0';
    return bytes + name + value;
}

TEST(BuildIdTest, IsTheGnuNoteAmongOthers) {
    EXPECT_EQ(parse_build_id(note(0x100, "Linux\0"s, "abcdef") + note(3, "Xen\0"s, "no") +
                             note(3, "GNU\0"s, "\x01\xab\xff\x10"s)),
              "01abff10");
}

TEST(BuildIdTest, RefusesTruncatedAndHostileSizes) {
    const std::string whole = note(3, "GNU\0"s, "12345678");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(parse_build_id(whole.substr(0, size)), std::nullopt) << size;
    }
    EXPECT_EQ(parse_build_id("\xff\xff\xff\xff\xff\xff\xff\xff\x03\0\0\0GNU\0"s), std::nullopt);
}

TEST(CharacterMajorsTest, ReadsOnlyCharacterDevices) {
    const auto majors = parse_character_majors(
        "Character devices:\n  1 mem\n195 nvidia\n511 nvidia-uvm\n\nBlock devices:\n259 blkext\n  8 sd\n");
    EXPECT_EQ(majors.at("nvidia"), 195U);
    EXPECT_EQ(majors.at("nvidia-uvm"), 511U);
    EXPECT_EQ(majors.count("sd"), 0U);
}

TEST(ValueOfTest, TakesTheWholeNameOnly) {
    EXPECT_EQ(value_of("Device Minor: \t 3\nMinor: 4\n", "Minor"), "4");
    EXPECT_EQ(value_of("Device Minor: \t 3\n", "Device Minor"), "3");
    EXPECT_EQ(value_of("x", "x"), std::nullopt);
}

}  // namespace
}  // namespace overdrive
