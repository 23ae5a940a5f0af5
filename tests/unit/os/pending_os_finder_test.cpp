#include "os/pending_os_finder.hpp"

#include <gtest/gtest.h>

#include "recorded_programs.hpp"
#include "support/error.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

class PendingOsFinder : public testing::Test {
protected:
    std::optional<PendingOs> find(const std::string& os_release, const std::string& kernel) {
        HostFacts facts;
        facts.os_release = OsRelease::parse(os_release);
        facts.kernel_release = kernel;
        return find_pending_os(host_.root(), facts, programs_);
    }
    /// A Fedora CoreOS host with a staged deployment whose tree is `files` below its root.
    void stage_deployment(const std::map<std::string, std::string>& files) {
        host_.write("run/ostree-booted", "");
        host_.write("usr/bin/rpm-ostree", "");
        programs_.answers["/usr/bin/rpm-ostree"] = {.output = recorded("rpm-ostree-staged.json")};
        for (const auto& [name, text] : files) {
            host_.write(
                "ostree/deploy/fedora-coreos/deploy/"
                "967b7b8d624e6d10ff51c2e81ef198fae966c567ac2e9b479771c693d0987949.0/" +
                    name,
                text);
        }
    }

    TemporaryRoot host_;
    RecordedPrograms programs_;
};

constexpr const char* kCoreOs = "ID=fedora\nVERSION_ID=31\nOSTREE_VERSION=31.20200505.3.0\n";
constexpr const char* kNextRelease = "ID=fedora\nVERSION_ID=31\nOSTREE_VERSION='31.20200517.3.0'\n";
constexpr const char* kDebian = "ID=debian\nVERSION_ID=12\n";

TEST_F(PendingOsFinder, ADeploymentTellsItsKeyAndKernelByItsTree) {
    stage_deployment({{"usr/lib/os-release", kNextRelease}, {"usr/lib/modules/5.6.13-100.fc31.x86_64/vmlinuz", ""}});
    const auto pending = find(kCoreOs, "5.6.8-200.fc31.x86_64");
    ASSERT_TRUE(pending);
    EXPECT_EQ(pending->source, "rpm-ostree");
    EXPECT_EQ(pending->version, "31.20200517.3.0");
    EXPECT_EQ(pending->os_key, "31.20200517.3.0");
    EXPECT_EQ(pending->kernel_release, "5.6.13-100.fc31.x86_64");
}

TEST_F(PendingOsFinder, ADerivedImagesKeyNeedsTheKernel) {
    stage_deployment(
        {{"usr/lib/os-release", "ID=fedora\nVERSION_ID=31\n"}, {"usr/lib/modules/5.6.13-100.fc31.x86_64/vmlinuz", ""}});
    EXPECT_EQ(find("ID=fedora\nVERSION_ID=31\n", "5.6.8")->os_key, "31-5.6.13-100.fc31.x86_64");
}

TEST_F(PendingOsFinder, WithoutTheTreeTheVersionIsTheKeyWhereItIsOnTheRunningOs) {
    stage_deployment({});
    EXPECT_EQ(find(kCoreOs, "5.6.8")->os_key, "31.20200517.3.0");
    EXPECT_EQ(find("ID=fedora\nVERSION_ID=31\n", "5.6.8")->os_key, "");
}

TEST_F(PendingOsFinder, AnUnknownOsIsAskedWhereItWasBootedFromOstree) {
    EXPECT_FALSE(find("ID=rhel\nVERSION_ID=9.4\n", "5.14.0"));
    stage_deployment({{"usr/lib/os-release", "ID=rhel\nVERSION_ID=9.6\n"}, {"usr/lib/modules/5.14.0-570/vmlinuz", ""}});
    EXPECT_EQ(find("ID=rhel\nVERSION_ID=9.4\n", "5.14.0")->os_key, "9.6-5.14.0-570");
}

TEST_F(PendingOsFinder, OnDebianItIsTheKernelThatBootsByDefault) {
    for (const char* release : {"6.1.0-9-amd64", "6.1.0-25-amd64"}) {
        host_.write(std::string{"boot/vmlinuz-"} + release, "");
        host_.write(std::string{"lib/modules/"} + release + "/modules.dep", "");
    }
    const auto pending = find(kDebian, "6.1.0-9-amd64");
    ASSERT_TRUE(pending);
    EXPECT_EQ(pending->source, "boot");
    EXPECT_EQ(pending->os_key, "12-6.1.0-25-amd64");
    EXPECT_EQ(pending->kernel_release, "6.1.0-25-amd64");
    EXPECT_FALSE(find(kDebian, "6.1.0-25-amd64"));
}

TEST_F(PendingOsFinder, OnMicroOsItIsTheDefaultSnapshot) {
    host_.write("usr/bin/snapper", "");
    programs_.answers["/usr/bin/snapper"] = {.output = recorded("snapper-pending.json")};
    const std::string running = "ID=opensuse-microos\nVERSION_ID=20241120\n";
    EXPECT_EQ(find(running, "6.11.8-1-default")->os_key, "") << "its tree cannot be read";
    host_.write(".snapshots/5/snapshot/usr/lib/os-release", "ID=opensuse-microos\nVERSION_ID=20241121\n");
    host_.write(".snapshots/5/snapshot/usr/lib/modules/6.11.8-1-default/vmlinuz", "");
    const auto pending = find(running, "6.11.8-1-default");
    EXPECT_EQ(pending->os_key, "20241121-6.11.8-1-default");
    EXPECT_EQ(pending->version, "20241121, snapshot 5");
    programs_.answers["/usr/bin/snapper"] = {.output = recorded("snapper-running.json")};
    EXPECT_FALSE(find(running, "6.11.8-1-default"));
}

TEST_F(PendingOsFinder, FlatcarWithoutASystemBusIsAnError) {
    EXPECT_THROW(static_cast<void>(find("ID=flatcar\nVERSION_ID=4081.2.1\n", "6.6.1")), Error);
}

TEST_F(PendingOsFinder, TheSourceIsThatOfTheOsProfile) {
    EXPECT_EQ(pending_source_of(host_.root()), PendingSource::none);
    host_.write("etc/os-release", kDebian);
    EXPECT_EQ(pending_source_of(host_.root()), PendingSource::boot_kernel);
    host_.write("etc/os-release", "nonsense");
    host_.write("usr/lib/os-release", "ID=flatcar\n");
    EXPECT_EQ(pending_source_of(host_.root()), PendingSource::update_engine);
}

}  // namespace
}  // namespace overdrive
