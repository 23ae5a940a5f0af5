#include "store/install_root.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "store/store.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class InstallRootTest : public testing::Test {
protected:
    InstallRootTest() { fs::create_directories(dir_.path() + "/opt"); }
    [[nodiscard]] std::string at(const std::string& path) const { return dir_.path() + "/" + path; }
    void expect_refused(const std::string& words, const std::string& remedy) {
        try {
            store_.prepare();
            ADD_FAILURE() << "accepted; wanted " << words;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::unsupported);
            EXPECT_THAT(error.what(), HasSubstr(words));
            EXPECT_THAT(error.remedy(), HasSubstr(remedy));
        }
    }
    TemporaryRoot dir_;
    Store store_{dir_.root()};
};

TEST_F(InstallRootTest, IsMadeWhenItIsMissing) {
    store_.prepare();
    store_.prepare();
    EXPECT_TRUE(fs::is_directory(at("opt/nvidia/.overdrive/staging")));
}

TEST_F(InstallRootTest, MayLieBehindALinkOfOpt) {
    fs::remove(at("opt"));
    fs::create_directories(at("var/opt"));
    fs::create_symlink("/var/opt", at("opt"));
    store_.prepare();
    EXPECT_TRUE(fs::is_directory(at("var/opt/nvidia/.overdrive/staging")));
}

TEST_F(InstallRootTest, IsNotFollowedWhenItIsALinkItself) {
    fs::create_directories(at("elsewhere"));
    fs::create_symlink("/elsewhere", at("opt/nvidia"));
    expect_refused("'/opt/nvidia' is a link to '/elsewhere'", "remove the link");
    EXPECT_TRUE(fs::is_empty(at("elsewhere")));
}

TEST_F(InstallRootTest, IsRefusedAsAFile) {
    dir_.write("opt/nvidia", "");
    expect_refused("'/opt/nvidia' is no directory", "mv '" + at("opt/nvidia"));
}

TEST_F(InstallRootTest, IsRefusedWhenOthersMayWriteToIt) {
    store_.prepare();
    for (const char* path : {"opt/nvidia", "opt/nvidia/.overdrive", "opt/nvidia/.overdrive/generations"}) {
        for (const mode_t mode : {0775U, 0757U, 01777U}) {
            ASSERT_EQ(chmod(at(path).c_str(), mode), 0);
            expect_refused(std::string{"'/"} + path + "' is writable by others", "chmod go-w '" + at(path));
        }
        ASSERT_EQ(chmod(at(path).c_str(), 0755), 0);
    }
    store_.prepare();
}

TEST_F(InstallRootTest, IsRefusedWhenItBelongsToSomebodyElse) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
    store_.prepare();
    for (const char* path : {"opt/nvidia", "opt/nvidia/.overdrive/staging"}) {
        ASSERT_EQ(chown(at(path).c_str(), 1000, 0), 0);
        expect_refused(std::string{"'/"} + path + "' belongs to user 1000", "chown root:root");
        ASSERT_EQ(chown(at(path).c_str(), 0, 0), 0);
    }
    store_.prepare();
}

TEST_F(InstallRootTest, HasAPlaceForEveryGenerationOnItsOwnMount) {
    store_.prepare();
    require_place_for(store_, {DriverId::parse("900.1.0"), "os1"});
    fs::create_directories(at("opt/nvidia/900.1.0/os1"));
    require_place_for(store_, {DriverId::parse("900.1.0"), "os1"});
}

}  // namespace
}  // namespace overdrive
