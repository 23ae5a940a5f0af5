#include "verbs/desired_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_host.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DesiredStateTest, TheCommandLineWinsOverDropInsOverTheMainFile) {
    const TemporaryRoot host;
    host.write("etc/overdrive/config.toml", "driver = \"535\"\nsources = [\"oci:/main\"]\nexposure = \"links\"\n");
    host.write("etc/overdrive/config.toml.d/20-b.toml", "driver = \"545.1.1\"\n");
    host.write("etc/overdrive/config.toml.d/10-a.toml", "driver = \"540.1.1\"\nsources = [\"oci:/a\"]\n");
    host.write("etc/overdrive/config.toml.d/ignored.conf", "nonsense");

    const Config files = load_config(host.root(), {}, Strictness::interactive);
    EXPECT_EQ(files.driver->text, "545.1.1");
    EXPECT_THAT(files.sources, ElementsAre("oci:/a"));
    EXPECT_EQ(files.exposure, "links");

    const Config all =
        load_config(host.root(), {.driver = "550-open", .sources = {"oci:/b"}, .keys = {}, .exposure = {}},
                    Strictness::interactive);
    EXPECT_EQ(all.driver->text, "550-open");
    EXPECT_THAT(all.sources, ElementsAre("oci:/b"));
}

TEST(DesiredStateTest, NoFileAtAllIsNoError) {
    const TemporaryRoot host;
    EXPECT_EQ(load_config(host.root(), {}, Strictness::interactive).driver, std::nullopt);
}

TEST(DesiredStateTest, ATypoIsAnErrorThatNamesTheNearestKey) {
    const TemporaryRoot host;
    host.write("etc/overdrive/config.toml", "\ndrivr = \"535\"\n");
    try {
        static_cast<void>(load_config(host.root(), {}, Strictness::interactive));
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::config);
        EXPECT_THAT(error.what(),
                    HasSubstr("/etc/overdrive/config.toml:2: 'drivr' is not known; did you mean 'driver'?"));
    }
}

TEST(DesiredStateTest, AtBootATypoCostsAWarningAndNotTheDriver) {
    const TemporaryRoot host;
    host.write("etc/overdrive/config.toml", "drivr = \"1\"\ndriver = \"550.1.1\"\nhold = \"yes\"\n");
    const Config config = load_config(host.root(), {}, Strictness::boot);
    EXPECT_EQ(config.driver->text, "550.1.1");
    EXPECT_THAT(config.warnings, testing::SizeIs(2));
}

TEST(DesiredStateTest, AtBootAFileThatIsNoTomlCostsAWarning) {
    const TemporaryRoot host;
    host.write("etc/overdrive/config.toml", "driver = [[[\n");
    EXPECT_THAT(load_config(host.root(), {}, Strictness::boot).warnings, testing::SizeIs(1));
    EXPECT_EQ(thrown_by([&] { static_cast<void>(load_config(host.root(), {}, Strictness::interactive)); }),
              Errc::config);
}

TEST(DesiredStateTest, EveryKeyIsReadAndEveryWrongValueIsNamed) {
    const TemporaryRoot host;
    host.write(
        "etc/overdrive/config.toml",
        "driver = \"550-open\"\npin = \"550.1.1-open\"\nhold = true\nsources = [\"oci:/a\"]\nexposure = \"overlay\"\n"
        "nvidia-smi = \"off\"\nkubelet-wait = 30\nbefore = [\"a.service\"]\n"
        "[trust]\nkeys = [\"/k.pub\"]\nallow-unsigned = true\n[registry]\ninsecure = [\"h:5000\"]\n");
    const Config config = load_config(host.root(), {}, Strictness::interactive);
    EXPECT_EQ(config.wish()->text, "550.1.1-open");
    EXPECT_TRUE(config.hold);
    EXPECT_EQ(config.nvidia_smi, SmiPolicy::off);
    EXPECT_EQ(config.kubelet_wait, std::chrono::seconds{30});
    EXPECT_THAT(config.before, ElementsAre("a.service"));
    EXPECT_THAT(config.trust.keys, ElementsAre("/k.pub"));
    EXPECT_TRUE(config.trust.allow_unsigned);
    EXPECT_THAT(config.insecure_registries, ElementsAre("h:5000"));

    for (const char* line :
         {"driver = 535", "driver = \"../x\"", "pin = \"550\"", "hold = \"yes\"", "sources = \"a\"", "sources = [1]",
          "exposure = \"both\"", "nvidia-smi = \"maybe\"", "kubelet-wait = -1", "kubelet-wait = \"1\"",
          "[trust]\nkeys = 1", "[trust]\nallow-unsigned = 1", "[registry]\ninsecure = true", "[trust]\nkey = []"}) {
        host.write("etc/overdrive/config.toml", line);
        EXPECT_EQ(thrown_by([&] { static_cast<void>(load_config(host.root(), {}, Strictness::interactive)); }),
                  Errc::config)
            << line;
    }
}

TEST(DesiredStateTest, TheAllowanceOfTheCommandLineWinsOverEveryPolicy) {
    const TemporaryRoot host;
    host.write("etc/overdrive/config.toml",
               "[trust]\nkeys = [\"/k.pub\"]\n[[trust.policy]]\nprefix = \"r.example\"\nkeys = [\"/k.pub\"]\n");
    Overrides overrides;
    EXPECT_FALSE(load_config(host.root(), overrides, Strictness::interactive).policy_for("r.example/x").allow_unsigned);
    overrides.allow_unsigned = true;
    const Config config = load_config(host.root(), overrides, Strictness::interactive);
    EXPECT_TRUE(config.policy_for("r.example/x").allow_unsigned);
    EXPECT_TRUE(config.policy_for("other.example/x").allow_unsigned);
}

TEST(DesiredStateTest, AFileThatCannotBeReadAtBootLetsNothingInByAllowance) {
    const TemporaryRoot host;
    host.write("etc/overdrive/config.toml", "[trust]\nallow-unsigned = true\n");
    EXPECT_TRUE(load_config(host.root(), {}, Strictness::boot).policy_for("r.example/x").allow_unsigned);
    host.write("etc/overdrive/config.toml.d/policy.toml", "[[trust.policy]\n");
    EXPECT_FALSE(load_config(host.root(), {}, Strictness::boot).policy_for("r.example/x").allow_unsigned);
}

}  // namespace
}  // namespace overdrive
