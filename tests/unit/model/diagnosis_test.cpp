#include "model/diagnosis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace overdrive {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A node on which everything is as it should be.
Symptoms healthy() {
    Symptoms seen;
    seen.state = {StateWord::ready, DegradedBecause::nothing, ""};
    seen.kernel_release = "6.1.0-50-amd64";
    seen.os_key = "4081.3.0";
    seen.wanted = "550.163.01";
    seen.installed = {"550.163.01/4081.3.0"};
    seen.in_force = "550.163.01/4081.3.0";
    seen.loaded_version = "550.163.01";
    return seen;
}

Symptoms degraded(DegradedBecause because, std::string why) {
    Symptoms seen = healthy();
    seen.state = {StateWord::degraded, because, std::move(why)};
    return seen;
}

DeviceHolder job() {
    DeviceHolder holder;
    holder.pid = 1234;
    holder.program = "python3";
    holder.command = "python3 --password=hunter2";
    holder.container = "podman 0123456789ab";
    return holder;
}

std::vector<std::string> codes(const std::vector<Finding>& findings) {
    std::vector<std::string> out;
    for (const Finding& finding : findings) out.push_back(finding.code);
    return out;
}

TEST(DiagnosisTest, AHealthyNodeHasNoFindingAndNoCause) {
    EXPECT_THAT(diagnose(healthy()), IsEmpty());
    EXPECT_EQ(cause_of({}), nullptr);
}

TEST(DiagnosisTest, WhoUsesAReadyDriverIsNoFinding) {
    Symptoms seen = healthy();
    seen.holders = {job()};
    EXPECT_THAT(diagnose(seen), IsEmpty());
}

TEST(DiagnosisTest, WhatOnlyInformsIsNoCause) {
    Symptoms seen = healthy();
    seen.has_sources = false;
    const auto findings = diagnose(seen);
    EXPECT_THAT(codes(findings), ElementsAre("no-source"));
    EXPECT_EQ(cause_of(findings), nullptr);
}

TEST(DiagnosisTest, AMissingPairIsNamedWithWhatIsThereAndTheNearest) {
    Symptoms seen = degraded(DegradedBecause::no_local_pair, "no installed driver fits kernel 6.1.0-50-amd64");
    seen.installed = {"550.163.01/4081.2.1"};
    seen.in_force.reset();
    EXPECT_THAT(codes(diagnose(seen)), ElementsAre("no-local-pair"));
    EXPECT_THAT(diagnose(seen).front().what,
                AllOf(HasSubstr("driver 550.163.01 for 4081.3.0 is missing"), HasSubstr("550.163.01/4081.2.1")));

    seen.asked =
        Symptoms::Asked{.found = {},
                        .failure = Error{Errc::no_artifact,
                                         "there is no driver 550.163.01 for 4081.3.0; the nearest are 535.1/4081.3.0"}
                                       .with_remedy("build it")};
    const auto asked = diagnose(seen);
    ASSERT_THAT(codes(asked), ElementsAre("no-artifact"));
    EXPECT_THAT(asked.front().what, AllOf(HasSubstr("no installed driver fits kernel 6.1.0-50-amd64"),
                                          HasSubstr("the nearest are 535.1/4081.3.0")));
    EXPECT_EQ(asked.front().remedy, "build it");

    seen.asked = Symptoms::Asked{.found = "registry.example/x:4081.3.0-550.163.01", .failure = {}};
    EXPECT_THAT(diagnose(seen).front().what, HasSubstr("registry.example/x:4081.3.0-550.163.01 has it"));

    seen.asked = Symptoms::Asked{.found = {}, .failure = Error{Errc::unreachable, "registry.example: no route"}};
    EXPECT_THAT(codes(diagnose(seen)), ElementsAre("no-local-pair", "source-unreachable"));
}

TEST(DiagnosisTest, ADeferredSwapNamesTheHolderButNotItsCommandLine) {
    Symptoms seen = degraded(DegradedBecause::reboot_needed, "driver 535.1 is loaded, 550.163.01 takes over later");
    seen.loaded_version = "535.1";
    seen.holders = {job()};
    const auto findings = diagnose(seen);
    ASSERT_THAT(codes(findings), ElementsAre("driver-in-use"));
    EXPECT_THAT(findings.front().what,
                AllOf(HasSubstr("pid 1234 python3 (podman 0123456789ab)"), Not(HasSubstr("hunter2"))));
}

TEST(DiagnosisTest, ADeferredSwapThatNobodyHoldsAnyMoreCanBeDoneNow) {
    Symptoms seen = degraded(DegradedBecause::reboot_needed, "driver 535.1 is loaded");
    const auto findings = diagnose(seen);
    ASSERT_THAT(codes(findings), ElementsAre("reboot-needed"));
    EXPECT_THAT(findings.front().remedy, HasSubstr("'overdrive activate'"));
}

TEST(DiagnosisTest, AConsoleThatHoldsTheDriverComesWithTheCommandThatTakesItOff) {
    Symptoms seen = degraded(DegradedBecause::reboot_needed, "driver 535.1 is loaded");
    seen.kernel_uses = {{"nvidia_drm", "the text console is drawn on fb0", "'echo 0 > /bind' takes it off"}};
    const auto findings = diagnose(seen);
    ASSERT_THAT(codes(findings), ElementsAre("driver-in-use"));
    EXPECT_THAT(findings.front().what, HasSubstr("the text console is drawn on fb0"));
    EXPECT_THAT(findings.front().remedy, HasSubstr("'echo 0 > /bind'"));
}

TEST(DiagnosisTest, EveryDegradedStateHasACauseThatSaysWhy) {
    for (const auto because :
         {DegradedBecause::nothing_installed, DegradedBecause::no_local_pair, DegradedBecause::not_active,
          DegradedBecause::modules, DegradedBecause::exposure, DegradedBecause::nodes, DegradedBecause::reboot_needed,
          DegradedBecause::activation_failed, DegradedBecause::returned}) {
        const auto findings = diagnose(degraded(because, "because of this"));
        const Finding* const cause = cause_of(findings);
        ASSERT_NE(cause, nullptr) << to_string(because);
        EXPECT_FALSE(cause->what.empty()) << to_string(because);
        EXPECT_FALSE(cause->remedy.empty()) << to_string(because);
    }
}

TEST(DiagnosisTest, TheMostBasicIsTheCauseAndTheRestFollows) {
    Symptoms seen = degraded(DegradedBecause::not_active, "550.163.01/4081.3.0 is installed but not active");
    seen.units = {{UnitSymptom::Kind::masked, "nvidia.service"}};
    seen.config_problems = {"/etc/overdrive/config.toml:1: 'drvier' is not known; did you mean 'driver'?"};
    seen.preflight = {make_finding("rival-bound", "nouveau", "nouveau has the GPU")};
    const auto findings = diagnose(seen);
    EXPECT_THAT(codes(findings), ElementsAre("config-bad", "rival-bound", "not-active", "unit-masked"));
    EXPECT_THAT(cause_of(findings)->what, HasSubstr("did you mean 'driver'?"));
}

TEST(DiagnosisTest, ProcessesWithOldLibrariesAreOneFindingAVersion) {
    Symptoms seen = healthy();
    DeviceHolder other = job();
    other.pid = 99;
    seen.library_users = {{job(), "535.1", LibraryUser::By::mapping},
                          {job(), "535.1", LibraryUser::By::mount},
                          {other, "535.1", LibraryUser::By::mount},
                          {job(), "550.163.01", LibraryUser::By::mapping}};
    const auto findings = diagnose(seen);
    ASSERT_THAT(codes(findings), ElementsAre("old-libraries"));
    EXPECT_THAT(findings.front().what, AllOf(HasSubstr("pid 1234"), HasSubstr("pid 99"), HasSubstr("535.1")));
}

TEST(DiagnosisTest, ARunAtWorkIsNotOneThatWasCutOff) {
    Symptoms seen = healthy();
    seen.cut_off = "'install' was cut off";
    EXPECT_THAT(codes(diagnose(seen)), ElementsAre("run-cut-off"));
    seen.lock_holder = "pid 7, install";
    EXPECT_THAT(codes(diagnose(seen)), ElementsAre("run-at-work"));
}

TEST(DiagnosisTest, LinesOfTheKernelThatTellOfAFaultAreToldFromTheOthers) {
    for (const char* line :
         {"NVRM: Xid (PCI:0000:07:00): 79, pid=1, GPU has fallen off the bus.",
          "nvidia: Unknown symbol drm_open (err -2)", "nvidia: version magic '6.1.0-1' should be '6.1.0-2'",
          "NVRM: GPU 0000:07:00.0: RmInitAdapter failed!", "Loading of unsigned module is rejected",
          "Loading of module with unavailable key is rejected",
          "nvidia: disagrees about version of symbol module_layout"})
        EXPECT_TRUE(tells_of_trouble(line)) << line;
    EXPECT_FALSE(tells_of_trouble("NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.163.01"));
    EXPECT_FALSE(tells_of_trouble("nvidia-uvm: Loaded the UVM driver, major device number 244."));
}

TEST(DiagnosisTest, APendingOsWithoutItsDriverIsTold) {
    Symptoms seen = healthy();
    seen.pending_os = PendingOs{
        .source = "update_engine", .version = "4152.2.0", .os_release = {}, .kernel_release = {}, .os_key = "4152.2.0"};
    EXPECT_THAT(diagnose(seen), IsEmpty());
    seen.pending_os_has_driver = false;
    EXPECT_THAT(codes(diagnose(seen)), ElementsAre("pending-os-missing"));
}

}  // namespace
}  // namespace overdrive
