#include "verbs/activate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/status.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ActivateTest : public testing::Test {
protected:
    ActivateTest() : pair_{install_small_driver(host_.root_dir.root(), small_manifest("550.1.1"))} {}

    ExitCode activate(bool boot = false) {
        Services services = host_.services();
        ActivateOptions options;
        options.boot = boot;
        return run_activate(options, services, report_);
    }

    std::string firmware_path() {
        return host_.root_dir.root().read_file("sys/module/firmware_class/parameters/path").value_or("?");
    }

    FakeHost host_;
    Pair pair_;
    KeptReport report_;
};

TEST_F(ActivateTest, LoadsModulesThenExposesThenMakesNodes) {
    EXPECT_EQ(activate(), ExitCode::ok);

    EXPECT_THAT(host_.timeline, ElementsAre("prerequisite drm", "load nvidia", "load nvidia-uvm", "load nvidia-drm",
                                            "expose /opt/nvidia/550.1.1/4081.2.1", "nodes"));
    EXPECT_EQ(host_.root_dir.root().read_link("opt/nvidia/current"), pair_.path());
    EXPECT_EQ(report_.json["state"], "ready");
    EXPECT_EQ(firmware_path(), "/opt/nvidia/550.1.1/4081.2.1/lib/firmware");
}

TEST_F(ActivateTest, TheSecondTimeChangesNothingAndSaysSo) {
    activate();
    host_.timeline.clear();
    const auto before = host_.root_dir.tree("opt");

    EXPECT_EQ(activate(), ExitCode::ok);

    EXPECT_THAT(host_.timeline, IsEmpty());
    EXPECT_THAT(host_.processes.ran, testing::SizeIs(1)) << "nvidia-smi is asked when something changed";
    EXPECT_EQ(host_.root_dir.tree("opt"), before);
    EXPECT_EQ(report_.json["result"], "nothing-to-do");
    EXPECT_THAT(report_.text, HasSubstr("nothing to do"));
}

TEST_F(ActivateTest, WithNothingToDoTheHostIsLookedAtOnce) {
    activate();
    int facts_read = 0;
    int fabric_read = 0;
    Services services = host_.services();
    services.read_facts = [&, read = services.read_facts] {
        ++facts_read;
        return read();
    };
    services.read_fabric_facts = [&] {
        ++fabric_read;
        return FabricFacts{};
    };
    run_activate({}, services, report_);
    ASSERT_EQ(report_.json["result"], "nothing-to-do");
    EXPECT_EQ(std::pair(facts_read, fabric_read), std::pair(1, 1));
    run_status({}, services, report_);
    EXPECT_EQ(std::pair(facts_read, fabric_read), std::pair(2, 2));
}

TEST_F(ActivateTest, TellsWhereTheTimeWent) {
    activate();
    std::vector<std::string> parts;
    for (const auto& part : report_.json["times"]) parts.push_back(part["step"]);
    EXPECT_THAT(parts, ElementsAre("preflight", "prepare", "load-modules", "point-current", "expose", "make-nodes",
                                   "verify-driver", "write-cdi", "settle"));
}

TEST_F(ActivateTest, AFailureAtAnyPointLeavesTheHostAsBefore) {
    constexpr int kOptionalModule = 3;
    int fail_at = 1;
    for (; fail_at < 100; ++fail_at) {
        FakeHost host;
        install_small_driver(host.root_dir.root(), small_manifest("550.1.1"));
        host.failure.fail_at = fail_at;
        const auto before = host.root_dir.tree("opt");
        Services services = host.services();
        KeptReport report;
        const auto reason = thrown_by([&] { run_activate({}, services, report); });
        if (host.failure.done < fail_at) break;  // nothing was left to fail
        if (fail_at == kOptionalModule) {
            EXPECT_EQ(reason, std::nullopt) << "an optional module may fail";
            continue;
        }
        EXPECT_EQ(reason, Errc::io) << fail_at;
        EXPECT_THAT(host.facts.modules, IsEmpty()) << fail_at;
        EXPECT_EQ(host.exposure.in_force, std::nullopt) << fail_at;
        EXPECT_THAT(host.nodes.there, IsEmpty()) << fail_at;
        auto after = host.root_dir.tree("opt");
        after.erase("opt/nvidia/.overdrive/lock");
        auto expected = before;
        expected.erase("opt/nvidia/.overdrive/lock");
        EXPECT_EQ(after, expected) << fail_at;
    }
    EXPECT_EQ(fail_at, 6) << "three modules, one exposure, one node";
}

TEST_F(ActivateTest, AFailureKeepsTheNodesThatWereThereBefore) {
    host_.nodes.there = {"/dev/nvidia0"};  // programs may hold it open
    host_.failure.fail_at = 5;             // after three modules and the exposure: the node that is missing
    EXPECT_EQ(thrown_by([&] { activate(false); }), Errc::io);
    EXPECT_THAT(host_.nodes.there, ElementsAre("/dev/nvidia0"));
}

TEST_F(ActivateTest, AtBootAFailureIsADegradedNodeAndNotAFailedUnit) {
    host_.failure.fail_at = 1;
    EXPECT_EQ(activate(true), ExitCode::ok);
    EXPECT_THAT(report_.json["why"].get<std::string>(), HasSubstr("injected"));

    Services services = host_.services();
    run_status({}, services, report_);
    EXPECT_EQ(report_.json["state"], "degraded");
    EXPECT_EQ(report_.json["because"], "activation-failed");
}

TEST_F(ActivateTest, AtBootInStrictModeAFailureFailsTheUnitSoThatItsConsumersDoNotStart) {
    host_.root_dir.write("etc/overdrive/config.toml", "strict = true\n");
    host_.failure.fail_at = 1;
    EXPECT_EQ(thrown_by([&] { activate(true); }), Errc::io);
    host_.failure.armed = false;
    host_.facts.kernel_release = "6.1.0-2-other";
    EXPECT_EQ(thrown_by([&] { activate(true); }), Errc::no_artifact);
    host_.facts.gpus.clear();
    EXPECT_EQ(activate(true), ExitCode::ok) << "a node without a GPU needs no driver";
}

TEST_F(ActivateTest, WithoutAGpuOnlyCurrentIsPointed) {
    host_.facts.gpus.clear();
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_THAT(host_.timeline, IsEmpty());
    EXPECT_EQ(host_.root_dir.root().read_link("opt/nvidia/current"), pair_.path());
    EXPECT_EQ(report_.json["state"], "no-device");
}

TEST_F(ActivateTest, AnotherLoadedVersionWaitsForTheNextBoot) {
    host_.facts.driver_version = "535.1.1";
    host_.facts.modules = {{"nvidia", 3, {}, "535.1.1"}};
    EXPECT_EQ(activate(), ExitCode::at_reboot);
    EXPECT_THAT(host_.timeline, IsEmpty());
    EXPECT_EQ(host_.root_dir.root().read_link("opt/nvidia/current"), std::nullopt);
    EXPECT_EQ(report_.json["because"], "reboot-needed");
}

TEST_F(ActivateTest, AModuleForAnotherKernelIsRefusedBeforeAnythingIsTouched) {
    host_.modules.vermagic_text = "6.1.0-2-test SMP mod_unload ";
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::module_load);
    EXPECT_THAT(host_.timeline, IsEmpty());
    EXPECT_EQ(firmware_path(), "");
}

TEST_F(ActivateTest, NoSuchDeviceWithAGpuPresentIsAFailedLoad) {
    host_.modules.no_device = true;
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::module_load);
    EXPECT_EQ(host_.root_dir.root().read_link("opt/nvidia/current"), std::nullopt);
}

TEST_F(ActivateTest, ALoadedModuleOfAnotherVersionThanItsFileFailsTheVerificationAndIsTakenBack) {
    host_.module_versions["nvidia-uvm"] = "1.2.3";
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::verify_failed);
    EXPECT_THAT(host_.facts.modules, IsEmpty());
    EXPECT_EQ(host_.exposure.in_force, std::nullopt);
}

TEST_F(ActivateTest, NvidiaSmiIsAWarningUnlessItIsRequired) {
    host_.processes.answer = {.exit_code = 6, .timed_out = false, .output = "No devices were found\n"};
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_THAT(host_.processes.ran, ElementsAre("/opt/nvidia/550.1.1/4081.2.1/bin/nvidia-smi"));

    FakeHost strict;
    install_small_driver(strict.root_dir.root(), small_manifest("550.1.1"));
    strict.root_dir.write("etc/overdrive/config.toml", "nvidia-smi = \"require\"\n");
    strict.processes.answer = host_.processes.answer;
    Services services = strict.services();
    EXPECT_EQ(thrown_by([&] { run_activate({}, services, report_); }), Errc::verify_failed);
}

TEST_F(ActivateTest, ALibraryThatTheHostHasItselfIsAPlanError) {
    host_.exposure.base = {"libcuda.so.1"};
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::exposure);
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(ActivateTest, AFirmwarePathOfSomebodyElseIsLeftAlone) {
    host_.facts.firmware_path = "/lib/firmware/custom";
    host_.root_dir.write("sys/module/firmware_class/parameters/path", "/lib/firmware/custom");
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(firmware_path(), "/lib/firmware/custom");
}

TEST_F(ActivateTest, WithoutAFittingGenerationItSaysSoAndAtBootItStaysOut) {
    host_.facts.kernel_release = "6.1.0-9-test";
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::no_artifact);
    EXPECT_EQ(activate(true), ExitCode::ok);
    EXPECT_EQ(report_.json["because"], "no-local-pair");
}

TEST_F(ActivateTest, AnotherBuildOfTheSameKernelReleaseDoesNotFit) {
    DriverManifest manifest = small_manifest("550.1.2");
    manifest.build_id = "aaaa";
    install_small_driver(host_.root_dir.root(), manifest);
    host_.facts.kernel_build_id = "bbbb";
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.root_dir.root().read_link("opt/nvidia/current"), pair_.path()) << "the one without a build id";
    EXPECT_THAT(report_.warnings, testing::Contains(HasSubstr("another build of kernel")));
}

TEST_F(ActivateTest, OnlyTheDriverJsonOfWhatIsSelectedIsRead) {
    install_small_driver(host_.root_dir.root(), small_manifest("550.1.2"));
    host_.root_dir.write("opt/nvidia/" + pair_.path() + "/driver.json", "not read");
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.root_dir.root().read_link("opt/nvidia/current"), "550.1.2/4081.2.1");
    EXPECT_THAT(report_.warnings, Not(testing::Contains(HasSubstr("is not used"))));
}

TEST_F(ActivateTest, ADamagedSelectionGivesWayToAnotherOne) {
    install_small_driver(host_.root_dir.root(), small_manifest("550.1.2"));
    host_.root_dir.write("opt/nvidia/550.1.2/4081.2.1/driver.json", "damaged");
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.root_dir.root().read_link("opt/nvidia/current"), pair_.path());
    EXPECT_THAT(report_.warnings, testing::Contains(HasSubstr("550.1.2/4081.2.1 is not used")));
}

TEST_F(ActivateTest, NeedsRoot) {
    Services services = host_.services();
    services.program.is_root = false;
    EXPECT_EQ(thrown_by([&] { run_activate({}, services, report_); }), Errc::not_root);
}

TEST_F(ActivateTest, DryRunTellsTheStepsAndChangesNothing) {
    const auto before = host_.root_dir.tree();
    Services services = host_.services();
    services.program.is_root = false;
    ActivateOptions options;
    options.dry_run = true;
    EXPECT_EQ(run_activate(options, services, report_), ExitCode::ok);
    EXPECT_THAT(report_.text, HasSubstr("load lib/modules/6.1.0-1-test/nvidia.ko"));
    EXPECT_THAT(report_.text, HasSubstr("lay 1 libraries over /usr/lib64"));
    EXPECT_EQ(host_.root_dir.tree(), before);
}

}  // namespace
}  // namespace overdrive
