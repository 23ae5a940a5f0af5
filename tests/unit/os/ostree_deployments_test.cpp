#include "os/ostree_deployments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recorded_programs.hpp"
#include "support/error.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;

constexpr const char* kChecksum = "967b7b8d624e6d10ff51c2e81ef198fae966c567ac2e9b479771c693d0987949";

TEST(OstreeDeployments, RpmOstreeTellsTheStagedOneFirst) {
    const auto pending = pending_in_rpm_ostree(recorded("rpm-ostree-staged.json"));
    ASSERT_TRUE(pending);
    EXPECT_EQ(pending->stateroot, "fedora-coreos");
    EXPECT_EQ(pending->checksum, kChecksum);
    EXPECT_EQ(pending->serial, 0U);
    EXPECT_EQ(pending->version, "31.20200517.3.0");
    EXPECT_FALSE(pending_in_rpm_ostree(recorded("rpm-ostree-booted.json")));
}

TEST(OstreeDeployments, BootcTellsWhatIsStagedOrThatARollbackIsQueued) {
    const auto pending = pending_in_bootc(recorded("bootc-staged.json"));
    ASSERT_TRUE(pending);
    EXPECT_EQ(pending->version, "42.20250708.0");
    EXPECT_EQ(pending->stateroot, "default");
    const auto back = pending_in_bootc(recorded("bootc-rollback-queued.json"));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->version, "42.20250601.0");
    EXPECT_EQ(back->serial, 1U);
    EXPECT_EQ(back->stateroot, "") << "older versions do not tell it";
    EXPECT_FALSE(pending_in_bootc(recorded("bootc-booted.json")));
}

TEST(OstreeDeployments, WhatCannotBeReadIsAnErrorAndNeverAPath) {
    const auto code = [](auto read, const std::string& text) -> std::optional<Errc> {
        try {
            static_cast<void>(read(text));
        } catch (const Error& error) {
            return error.code();
        }
        return std::nullopt;
    };
    const std::string good = std::string{R"(,"checksum":")"} + kChecksum + "\"";
    for (const std::string& text :
         {std::string{}, std::string{"error: not booted"}, std::string{"{}"}, std::string{R"({"deployments":[{}]})"},
          std::string{R"({"deployments":[{"booted":false,"checksum":"../../etc"}]})"},
          R"({"deployments":[{"booted":false,"osname":"../.."})" + good + "}]}"})
        EXPECT_EQ(code(pending_in_rpm_ostree, text), Errc::unsupported) << text;
    for (const char* text :
         {"", "{}", R"({"status":{"staged":{}}})", R"({"status":{"staged":{"ostree":{"checksum":"x"}}}})"})
        EXPECT_EQ(code(pending_in_bootc, text), Errc::unsupported) << text;
}

class PendingDeployment : public testing::Test {
protected:
    PendingDeployment() {
        host_.write("run/ostree-booted", "");
        programs_.answers["/usr/bin/rpm-ostree"] = {.output = recorded("rpm-ostree-staged.json")};
        programs_.answers["/usr/bin/bootc"] = {.output = recorded("bootc-staged.json")};
    }
    TemporaryRoot host_;
    RecordedPrograms programs_;
};

TEST_F(PendingDeployment, RpmOstreeIsAskedFirstAndBootcWhereItIsAlone) {
    host_.write("usr/bin/bootc", "");
    EXPECT_EQ(pending_deployment(host_.root(), programs_)->source, "bootc");
    host_.write("usr/bin/rpm-ostree", "");
    EXPECT_EQ(pending_deployment(host_.root(), programs_)->source, "rpm-ostree");
    EXPECT_THAT(programs_.ran.back(), ElementsAre("/usr/bin/rpm-ostree", "status", "--json"));
}

TEST_F(PendingDeployment, AHostThatWasNotBootedFromOstreeIsNotAsked) {
    host_.root().remove("/run/ostree-booted");
    EXPECT_FALSE(pending_deployment(host_.root(), programs_));
}

TEST_F(PendingDeployment, WithoutEitherProgramNobodyCanTell) {
    try {
        static_cast<void>(pending_deployment(host_.root(), programs_));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::unsupported);
    }
}

TEST_F(PendingDeployment, ItsTreeIsFoundAlsoWithoutTheStateroot) {
    const std::string tree = std::string{"/ostree/deploy/fedora-coreos/deploy/"} + kChecksum + ".0";
    host_.root().make_directories("/sysroot" + tree);
    host_.root().make_link("/ostree", "sysroot/ostree");
    OstreeDeployment deployment{.source = "bootc", .stateroot = "", .checksum = kChecksum, .serial = 0, .version = ""};
    EXPECT_EQ(deployment_tree(host_.root(), deployment), tree);
    deployment.serial = 1;
    EXPECT_EQ(deployment_tree(host_.root(), deployment), std::nullopt);
}

}  // namespace
}  // namespace overdrive
