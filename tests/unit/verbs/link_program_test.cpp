#include "verbs/link_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"

namespace overdrive {
namespace {

class LinkProgramTest : public testing::Test {
protected:
    LinkProgramTest() {
        host_.root_dir.write("opt/overdrive/0.1.0/bin/overdrive", "");
        host_.root_dir.write("opt/overdrive/0.1.0/share/man/man8/overdrive.8", "");
        root().replace_link("opt/overdrive/current", "0.1.0");
        store_.prepare();
    }
    [[nodiscard]] const Root& root() const { return host_.root_dir.root(); }
    bool link() {
        Services services = host_.services();
        return link_program(services, store_, report_);
    }

    FakeHost host_;
    Store store_{host_.root_dir.root()};
    KeptReport report_;
};

TEST_F(LinkProgramTest, WhereShellsAndManLookAndTheRecordKnowsIt) {
    root().make_directories("opt/bin");
    root().make_directories("usr/local/share");
    EXPECT_TRUE(link());
    EXPECT_EQ(root().read_link("opt/bin/overdrive"), "/opt/overdrive/current/bin/overdrive");
    EXPECT_EQ(root().read_link("usr/local/share/man/man8/overdrive.8"),
              "/opt/overdrive/current/share/man/man8/overdrive.8");
    EXPECT_FALSE(root().exists("usr/local/share/zsh")) << "this program came without it";
    std::vector<std::string> owned;
    const Record record = store_.load_record().value();
    for (const OwnedPath& each : record.owned) owned.push_back(each.kind + " " + each.path);
    EXPECT_THAT(owned, testing::ElementsAre("link /opt/bin/overdrive", "directory /usr/local/share/man",
                                            "directory /usr/local/share/man/man8",
                                            "link /usr/local/share/man/man8/overdrive.8"));
    EXPECT_FALSE(link()) << "the second time changes nothing";
}

TEST_F(LinkProgramTest, ADirectoryThatIsMadeForItIsKnownToTheRecord) {
    EXPECT_TRUE(link());
    const Record record = store_.load_record().value();
    EXPECT_EQ(record.owned.front().path, "/opt/bin");
    EXPECT_FALSE(root().exists("usr/local")) << "only programs are worth a new directory";
}

TEST_F(LinkProgramTest, ADirectoryThatWasMadeForTheDriversProgramsIsLeftToThem) {
    root().make_directories("opt/bin");
    root().replace_link("opt/bin/nvidia-smi", "/opt/nvidia/current/bin/nvidia-smi");
    EXPECT_FALSE(link());
    EXPECT_FALSE(store_.load_record());
}

TEST_F(LinkProgramTest, WhatSomebodyElsePutThereStaysAndIsNotOurs) {
    host_.root_dir.write("opt/bin/overdrive", "of the administrator");
    EXPECT_FALSE(link());
    EXPECT_EQ(root().read_file("opt/bin/overdrive"), "of the administrator");
    EXPECT_FALSE(store_.load_record());
}

}  // namespace
}  // namespace overdrive
