#include "cdi/folders.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/error.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<std::string> kFolders{"/etc/cdi", "/run/cdi"};

std::string spec(const std::string& kind, const std::vector<std::string>& devices, const std::string& value = "1") {
    std::string text = "cdiVersion: 0.5.0\nkind: " + kind + "\ncontainerEdits: {env: [ALL=" + value + "]}\ndevices:\n";
    for (const std::string& device : devices)
        text += "- {name: '" + device + "', containerEdits: {env: ['DEVICE_" + device + "=" + value + "']}}\n";
    return text;
}

class CdiFoldersTest : public testing::Test {
protected:
    [[nodiscard]] CdiFolders read() const { return read_cdi_folders(host.root(), kFolders); }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& [name, file] : read().devices) all.push_back(name);
        return all;
    }

    TemporaryRoot host;
};

TEST_F(CdiFoldersTest, FoldersThatAreNotThereAreEmpty) {
    EXPECT_THAT(read().files, IsEmpty());
    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(CdiFoldersTest, EveryDeviceIsFoundUnderItsQualifiedName) {
    host.write("etc/cdi/b.yaml", spec("v2.com/net", {"x"}));
    host.write("etc/cdi/a.json", R"({"cdiVersion": "0.3.0", "kind": "v1.com/gpu", "devices": [{"name": "y",
        "containerEdits": {"env": ["A=1"]}}]})");
    host.write("etc/cdi/notes.txt", "no specification");
    host.write("etc/cdi/below/c.yaml", spec("v3.com/net", {"x"}));
    EXPECT_THAT(names(), ElementsAre("v1.com/gpu=y", "v2.com/net=x"));
}

TEST_F(CdiFoldersTest, ABrokenFileSpoilsNothingButItself) {
    host.write("etc/cdi/a.yaml", "xyzzy: [");
    host.write("etc/cdi/b.yaml", spec("v.com/gpu", {"0"}));
    host.write("etc/cdi/c.yaml", "cdiVersion: 0.3.0\nkind: v.com/gpu\ndevices: []\n");
    host.write("etc/cdi/d.yaml", std::string((4U << 20U) + 1, '#'));
    std::filesystem::create_symlink("/nowhere", host.path() + "/etc/cdi/e.yaml");
    ASSERT_EQ(mkfifo((host.path() + "/etc/cdi/f.yaml").c_str(), 0600), 0);
    std::filesystem::create_directory(host.path() + "/etc/cdi/g.yaml");
    const CdiFolders found = read();
    EXPECT_THAT(names(), ElementsAre("v.com/gpu=0"));
    ASSERT_EQ(found.files.size(), 6U);
    for (const CdiFile& file : found.files) EXPECT_EQ(file.spec.has_value(), file.faults.empty()) << file.path;
    EXPECT_THAT(found.files[2].faults, ElementsAre("there are no devices"));
    EXPECT_THAT(found.files[5].faults, ElementsAre("it is no regular file"));
}

TEST_F(CdiFoldersTest, TheLaterFolderIsStronger) {
    host.write("etc/cdi/gpu.yaml", spec("v.com/gpu", {"0", "1"}, "etc"));
    host.write("run/cdi/gpu.yaml", spec("v.com/gpu", {"0"}, "run"));
    const CdiFolders found = read();
    EXPECT_THAT(found.device("v.com/gpu=0").edits.env, ElementsAre("DEVICE_0=run"));
    EXPECT_THAT(found.device("v.com/gpu=1").edits.env, ElementsAre("DEVICE_1=etc"));
    EXPECT_THAT(found.conflicts, IsEmpty());
}

TEST_F(CdiFoldersTest, TheSameDeviceTwiceInOneFolderIsNone) {
    host.write("run/cdi/nvidia.yaml", spec("v.com/gpu", {"0", "1"}));
    host.write("run/cdi/overdrive.yaml", spec("v.com/gpu", {"0"}));
    const CdiFolders found = read();
    EXPECT_THAT(names(), ElementsAre("v.com/gpu=1"));
    ASSERT_EQ(found.conflicts.size(), 1U);
    EXPECT_EQ(found.conflicts[0].device, "v.com/gpu=0");
    EXPECT_THAT(found.conflicts[0].paths, ElementsAre("/run/cdi/nvidia.yaml", "/run/cdi/overdrive.yaml"));
}

TEST_F(CdiFoldersTest, AStrongerFolderSettlesAConflictOfAWeakerOne) {
    host.write("etc/cdi/a.yaml", spec("v.com/gpu", {"0"}, "a"));
    host.write("etc/cdi/b.yaml", spec("v.com/gpu", {"0"}, "b"));
    host.write("run/cdi/c.yaml", spec("v.com/gpu", {"0"}, "c"));
    EXPECT_THAT(read().conflicts, IsEmpty());
    EXPECT_THAT(read().device("v.com/gpu=0").edits.env, ElementsAre("DEVICE_0=c"));
}

TEST_F(CdiFoldersTest, EachSpecificationsOwnEditsComeOnceBeforeItsDevices) {
    host.write("etc/cdi/a.yaml", spec("v.com/gpu", {"0", "1"}));
    host.write("etc/cdi/b.yaml", spec("w.com/net", {"x"}, "2"));
    const CdiEdits edits = resolve_cdi_devices(read(), {"v.com/gpu=1", "w.com/net=x", "v.com/gpu=0"});
    EXPECT_THAT(edits.env, ElementsAre("ALL=1", "DEVICE_1=1", "ALL=2", "DEVICE_x=2", "DEVICE_0=1"));
}

TEST_F(CdiFoldersTest, EveryDeviceThatCannotBeResolvedIsNamed) {
    host.write("run/cdi/a.yaml", spec("v.com/gpu", {"0"}));
    host.write("run/cdi/b.yaml", spec("v.com/gpu", {"0"}));
    try {
        static_cast<void>(resolve_cdi_devices(read(), {"v.com/gpu=0", "v.com/gpu=9"}));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unsupported);
        EXPECT_STREQ(
            error.what(),
            "unresolvable CDI devices v.com/gpu=0 (given by /run/cdi/a.yaml and /run/cdi/b.yaml), v.com/gpu=9");
    }
}

}  // namespace
}  // namespace overdrive
