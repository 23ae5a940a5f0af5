#include "overlay/program_links.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ProgramLinksTest : public testing::Test {
protected:
    TemporaryRoot host_;
    ProgramLinks links_{host_.root()};
};

TEST_F(ProgramLinksTest, LinksThroughCurrentAndMakesTheDirectory) {
    links_.ensure("/opt/bin", {"nvidia-smi", "nvidia-modprobe"});
    EXPECT_EQ(host_.root().read_link("/opt/bin/nvidia-smi"), "/opt/nvidia/current/bin/nvidia-smi");
    EXPECT_TRUE(links_.match("/opt/bin", {"nvidia-smi", "nvidia-modprobe"}));
    EXPECT_FALSE(links_.match("/opt/bin", {"nvidia-smi"}));
}

TEST_F(ProgramLinksTest, EnsuringTwiceChangesNothing) {
    links_.ensure("/opt/bin", {"nvidia-smi"});
    const auto inode = host_.root().link_status("/opt/bin/nvidia-smi")->st_ino;
    links_.ensure("/opt/bin", {"nvidia-smi"});
    EXPECT_EQ(host_.root().link_status("/opt/bin/nvidia-smi")->st_ino, inode);
}

TEST_F(ProgramLinksTest, AForeignFileIsNamedAndNothingIsChanged) {
    host_.write("opt/bin/nvidia-smi", "someone else's");
    host_.root().make_link("/opt/bin/nvidia-modprobe", "/usr/lib/other");
    const auto before = host_.tree();
    try {
        links_.ensure("/opt/bin", {"nvidia-debugdump", "nvidia-modprobe", "nvidia-smi"});
        FAIL() << "must throw";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::exposure);
        EXPECT_THAT(error.what(), AllOf(HasSubstr("/opt/bin/nvidia-modprobe"), HasSubstr("/opt/bin/nvidia-smi")));
    }
    EXPECT_EQ(host_.tree(), before);
}

TEST_F(ProgramLinksTest, CorrectsOursAndTakesAwayWhatTheNewDriverLacks) {
    host_.root().make_directories("/opt/bin");
    host_.root().make_link("/opt/bin/nvidia-smi", "/opt/nvidia/535.1.1/x/bin/nvidia-smi");
    host_.root().make_link("/opt/bin/nvidia-old", "/opt/nvidia/current/bin/nvidia-old");
    host_.write("opt/bin/other", "kept");
    links_.ensure("/opt/bin", {"nvidia-smi"});
    EXPECT_EQ(host_.root().list("/opt/bin"), (std::vector<std::string>{"nvidia-smi", "other"}));
    EXPECT_TRUE(links_.match("/opt/bin", {"nvidia-smi"}));
}

TEST_F(ProgramLinksTest, RemoveRestoresWhatWasThere) {
    host_.root().make_directories("/opt/nvidia/.overdrive");
    host_.write("usr/local/bin/other", "kept");
    const auto before = host_.tree();
    links_.ensure("/opt/bin", {"nvidia-smi"});
    links_.ensure("/usr/local/bin", {"nvidia-smi"});
    EXPECT_TRUE(links_.remove());
    EXPECT_EQ(host_.tree(), before);
    EXPECT_FALSE(links_.remove());
}

TEST_F(ProgramLinksTest, ADirectoryThatSomeoneElseUsesByNowIsKept) {
    links_.ensure("/opt/bin", {"nvidia-smi"});
    host_.write("opt/bin/other", "kept");
    links_.remove();
    EXPECT_EQ(host_.root().list("/opt/bin"), std::vector<std::string>{"other"});
}

}  // namespace
}  // namespace overdrive
