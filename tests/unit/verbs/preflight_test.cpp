#include "verbs/preflight.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"
#include "support/installed_driver.hpp"
#include "verbs/activate.hpp"

namespace overdrive {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class PreflightVerbTest : public testing::Test {
protected:
    PreflightVerbTest() : pair_{install_small_driver(host_.root_dir.root(), small_manifest("550.1.1"))} {
        ModuleFacts nvidia;
        nvidia.name = "nvidia";
        nvidia.path = "lib/modules/6.1.0-1-test/nvidia.ko";
        nvidia.vermagic = "6.1.0-1-test SMP mod_unload ";
        nvidia.parameters = {{"NVreg_A", "int"}};
        host_.preflight.modules = std::vector<ModuleFacts>{nvidia};
    }

    ExitCode preflight() {
        Services services = host_.services();
        return run_preflight({}, services, report_);
    }
    ExitCode activate(bool boot = false) {
        Services services = host_.services();
        ActivateOptions options;
        options.boot = boot;
        return run_activate(options, services, report_);
    }
    void configure(const std::string& toml) { host_.root_dir.write("etc/overdrive/config.toml", toml); }

    FakeHost host_;
    Pair pair_;
    KeptReport report_;
};

TEST_F(PreflightVerbTest, SaysThatNothingSpeaksAgainstAGoodDriver) {
    EXPECT_EQ(preflight(), ExitCode::ok);
    EXPECT_EQ(report_.json["blocked"], false);
    EXPECT_THAT(report_.text, HasSubstr("nothing speaks against 550.1.1/4081.2.1"));
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(PreflightVerbTest, TellsWhatBlocksWithSentenceAndRemedyAndTouchesNothing) {
    host_.preflight.policy.modules_disabled = true;
    EXPECT_EQ(preflight(), ExitCode::answer_is_no);
    EXPECT_EQ(report_.json["findings"][0]["code"], "modules-disabled");
    EXPECT_EQ(report_.json["findings"][0]["severity"], "blocks");
    EXPECT_EQ(report_.json["kernel"]["modules_disabled"], true);
    EXPECT_EQ(report_.json["kernel"]["secure_boot"], nullptr);
    EXPECT_THAT(report_.text, HasSubstr("what to do: "));
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(PreflightVerbTest, AnActivationThatIsBlockedTouchesNothingAndSaysWhy) {
    host_.preflight.policy.modules_disabled = true;
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::preflight);
    EXPECT_THAT(host_.timeline, IsEmpty());
    EXPECT_THAT(host_.root_dir.root().read_file("run/overdrive/status.json").value_or(""),
                HasSubstr("kernel.modules_disabled is 1"));
}

TEST_F(PreflightVerbTest, ACodeThatIsIgnoredLetsTheActivationGoOn) {
    host_.preflight.policy.modules_disabled = true;
    configure("[preflight]\nignore = [\"modules-disabled\"]\n");
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(report_.json["findings"][0]["code"], "modules-disabled");
    EXPECT_THAT(host_.timeline, Contains("load nvidia"));
}

TEST_F(PreflightVerbTest, SomebodyElsesDriverIsRefusedByHandAndLeftAloneAtBoot) {
    host_.modules.insert("nvidia", "535.1.1", "/lib/modules");
    host_.preflight.foreign_drivers = {{"the package nvidia-kernel-dkms 535", "purge it", false}};
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::foreign_driver);
    EXPECT_EQ(activate(true), ExitCode::ok) << "a degraded node boots";
    EXPECT_EQ(report_.json["result"], "failed");
    EXPECT_THAT(report_.json["why"].get<std::string>(), HasSubstr("driver 535.1.1 is loaded"));
    EXPECT_NE(host_.loaded("nvidia"), nullptr);
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(PreflightVerbTest, ADriverThatIsForAnotherKernelGivesWayToTheNextWithoutATry) {
    install_small_driver(host_.root_dir.root(), small_manifest("550.1.2"));
    configure("driver = \"550.1.2\"\n");
    host_.preflight.modules->front().vermagic = "6.6.6 SMP ";
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::module_load);
    EXPECT_THAT(host_.timeline, IsEmpty()) << "not even the one that works is taken out for it";
}

TEST_F(PreflightVerbTest, ParametersOfTheConfigurationReachTheModule) {
    configure("[parameters]\nnvidia = [\"NVreg_A=1\"]\n");
    EXPECT_EQ(activate(), ExitCode::ok);
    EXPECT_EQ(host_.modules.parameters_of["nvidia"]["NVreg_A"], "1");
}

TEST_F(PreflightVerbTest, AWrongParameterIsAnErrorByHandAndIsLeftOutAtBoot) {
    configure("[parameters]\nnvidia = [\"NVreg_A=1\", \"NVreg_B=1\"]\n");
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::config);
    EXPECT_THAT(host_.timeline, IsEmpty());
    EXPECT_EQ(activate(true), ExitCode::ok);
    EXPECT_THAT(report_.warnings, Contains(HasSubstr("no parameter 'NVreg_B'")));
    EXPECT_EQ(host_.modules.parameters_of["nvidia"], (std::map<std::string, std::string>{{"NVreg_A", "1"}}));
}

TEST_F(PreflightVerbTest, AnOverlayThatCannotBeLaidIsToldBeforeAnythingIsLoaded) {
    host_.exposure.impossible = "'/usr/lib64' is no directory on this host";
    EXPECT_EQ(preflight(), ExitCode::answer_is_no);
    EXPECT_EQ(report_.json["findings"][0]["code"], "overlay-impossible");
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::exposure);
    EXPECT_THAT(host_.timeline, IsEmpty());
}

TEST_F(PreflightVerbTest, NoexecIsSaidOnce) {
    host_.preflight.noexec = true;
    host_.exposure.impossible = "the file system is mounted noexec";
    EXPECT_EQ(preflight(), ExitCode::answer_is_no);
    EXPECT_EQ(report_.json["findings"].size(), 1U);
    EXPECT_EQ(report_.json["findings"][0]["code"], "noexec");
    EXPECT_EQ(thrown_by([&] { activate(); }), Errc::exposure);
}

TEST_F(PreflightVerbTest, ADryRunShowsIt) {
    host_.preflight.policy.modules_disabled = true;
    Services services = host_.services();
    ActivateOptions options;
    options.dry_run = true;
    EXPECT_EQ(run_activate(options, services, report_), ExitCode::ok);
    EXPECT_EQ(report_.json["blocked"], true);
    EXPECT_THAT(report_.text, HasSubstr("modules-disabled (blocks)"));
}

}  // namespace
}  // namespace overdrive
