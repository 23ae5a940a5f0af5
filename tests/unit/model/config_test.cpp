#include "model/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Config read(const std::string& toml) {
    Config config;
    apply_config(config, toml, "config.toml", Strictness::interactive);
    return config;
}

Config read_at_boot(const std::string& toml) {
    Config config;
    apply_config(config, toml, "config.toml", Strictness::boot);
    return config;
}

std::string refusal(const std::string& toml) {
    try {
        static_cast<void>(read(toml));
        ADD_FAILURE() << "accepted: " << toml;
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::config);
        return error.what();
    }
    return {};
}

constexpr const char* kPolicies = R"(
[trust]
keys = ["/default.pub"]
[[trust.policy]]
prefix = "registry.example/overdrive"
keys = ["/a.pub", "/b.pub"]
require = "all"
identity = ["origin.example/overdrive"]
[[trust.policy]]
prefix = "registry.example/overdrive/lab"
allow-unsigned = true
[[trust.policy]]
prefix = "oci-archive:/media"
keys = ["/media.pub"]
require = "any"
)";

TEST(ConfigTest, ThePolicyWithTheLongestPrefixIsForAPlace) {
    const Config config = read(kPolicies);
    EXPECT_THAT(config.policy_for("registry.example/overdrive/nvidia-debian").keys, ElementsAre("/a.pub", "/b.pub"));
    EXPECT_TRUE(config.policy_for("registry.example/overdrive/nvidia-debian").require_all);
    EXPECT_THAT(config.policy_for("registry.example/overdrive").identity, ElementsAre("origin.example/overdrive"));
    EXPECT_TRUE(config.policy_for("registry.example/overdrive/lab/nvidia-debian").allow_unsigned);
    EXPECT_THAT(config.policy_for("oci-archive:/media/usb/driver.tar").keys, ElementsAre("/media.pub"));
}

TEST(ConfigTest, APrefixEndsWhereANameEnds) {
    const Config config = read(kPolicies);
    for (const char* place : {"registry.example/overdrive-old/nvidia-debian", "registry.example:5000/overdrive/x",
                              "registry.example", "registry.example/over", "oci-archive:/media2/x.tar", "oci:/media",
                              "image:", "xregistry.example/overdrive", "REGISTRY.example/overdrive"}) {
        EXPECT_THAT(config.policy_for(place).keys, ElementsAre("/default.pub")) << place;
    }
}

TEST(ConfigTest, APolicyTakesNothingOverFromTheDefault) {
    const Config config = read(
        "[trust]\nallow-unsigned = true\nkeys = [\"/d.pub\"]\nrequire = \"all\"\n"
        "[[trust.policy]]\nprefix = \"r.example\"\nkeys = [\"/a.pub\"]\n");
    EXPECT_EQ(config.policy_for("r.example/x"), (TrustPolicy{.prefix = "r.example", .keys = {"/a.pub"}}));
    EXPECT_TRUE(config.policy_for("other.example/x").allow_unsigned);
    EXPECT_TRUE(config.policy_for("other.example/x").require_all);
}

TEST(ConfigTest, ALaterDocumentAddsPoliciesAndReplacesThoseOfTheSamePrefix) {
    Config config = read(kPolicies);
    apply_config(config,
                 "[[trust.policy]]\nprefix = \"oci-archive:/media\"\nkeys = [\"/new.pub\"]\n"
                 "[[trust.policy]]\nprefix = \"image:\"\nallow-unsigned = true\n",
                 "later.toml", Strictness::interactive);
    EXPECT_THAT(config.trust_policies, SizeIs(4));
    EXPECT_THAT(config.policy_for("oci-archive:/media/x.tar").keys, ElementsAre("/new.pub"));
    EXPECT_TRUE(config.policy_for("image:").allow_unsigned);
}

TEST(ConfigTest, AWrongPolicyIsNamedWithLineAndKey) {
    EXPECT_EQ(refusal("[[trust.policy]]\nprefix = \"r.example\"\nidenity = [\"o.example\"]\nallow-unsigned = true\n"),
              "config.toml:3: 'trust.policy.idenity' is not known; did you mean 'trust.policy.identity'?");
    EXPECT_THAT(refusal("[trust]\npolcy = []\n"), AllOf(HasSubstr(":2: 'trust.polcy'"), HasSubstr("'trust.policy'?")));
    EXPECT_THAT(refusal("[trust.policy]\nprefix = \"r.example\"\n"), HasSubstr("written as [[trust.policy]] tables"));
    EXPECT_THAT(refusal("[trust]\npolicy = [1]\n"), HasSubstr("written as [[trust.policy]] tables"));
    EXPECT_THAT(refusal("[[trust.policy]]\nkeys = [\"/a\"]\n"), HasSubstr("'trust.policy' needs a prefix"));
    EXPECT_THAT(refusal("[[trust.policy]]\nprefix = \"r.example\"\n"), HasSubstr("neither keys nor allow-unsigned"));
    EXPECT_THAT(refusal("[[trust.policy]]\nprefix = \"r.example\"\nkeys = [\"/a\"]\nrequire = \"both\"\n"),
                HasSubstr(":4: 'trust.policy.require' must be \"any\" or \"all\""));
    EXPECT_THAT(refusal("[[trust.policy]]\nprefix = \"r\"\nkeys = [\"/a\"]\n[[trust.policy]]\nprefix = \"r\"\nkeys = "
                        "[\"/b\"]\n"),
                HasSubstr("stands twice for 'r'"));
    EXPECT_THAT(refusal("[trust]\nidentity = [\"docker://o.example/x\"]\n"),
                HasSubstr("holds 'docker://o.example/x', which must be written without"));
}

TEST(ConfigTest, APrefixThatCouldNeverMatchIsRefused) {
    for (const char* prefix : {"docker://r.example/x", "r.example/", "r.example/*", "r.example:", "r example", "\\n"}) {
        EXPECT_THAT(refusal("[[trust.policy]]\nprefix = \"" + std::string{prefix} + "\"\nallow-unsigned = true\n"),
                    HasSubstr(":2: 'trust.policy.prefix' must"))
            << prefix;
    }
    for (const char* prefix : {"oci:", "oci-archive:", "image:", "r.example:5000", "[::1]:5000/x"}) {
        EXPECT_THAT(
            read("[[trust.policy]]\nprefix = \"" + std::string{prefix} + "\"\nallow-unsigned = true\n").trust_policies,
            SizeIs(1));
    }
}

TEST(ConfigTest, APolicyThatCannotBeReadAtBootNeverLetsInMore) {
    const Config value = read_at_boot(
        "[trust]\nallow-unsigned = true\n"
        "[[trust.policy]]\nprefix = \"r.example\"\nkeys = [\"/a\"]\nallow-unsigned = true\nrequire = \"al\"\n");
    EXPECT_THAT(value.warnings, ElementsAre(HasSubstr("trust.policy.require")));
    EXPECT_FALSE(value.policy_for("r.example/x").allow_unsigned);
    EXPECT_TRUE(value.policy_for("r.example/x").require_all);
    EXPECT_TRUE(value.policy_for("other.example/x").allow_unsigned);

    for (const char* policy : {"[[trust.policy]]\nprefix = 7\nkeys = [\"/a\"]\n", "[[trust.policy]]\nkeys = [\"/a\"]\n",
                               "[trust.policy]\nprefix = \"r.example\"\n"}) {
        const Config place = read_at_boot(std::string{policy} + "[trust]\nallow-unsigned = true\n");
        if (place.warnings.empty()) ADD_FAILURE() << policy;
        EXPECT_FALSE(place.policy_for("r.example/x").allow_unsigned) << policy;
    }
    const Config fallback = read_at_boot("[trust]\nkeys = [\"/a\", \"/b\"]\nrequire = 2\n");
    EXPECT_TRUE(fallback.policy_for("r.example/x").require_all);
}

TEST(ConfigTest, AnUnknownKeyAtBootIsAWarningAndTheRestHolds) {
    const Config config =
        read_at_boot("[[trust.policy]]\nprefix = \"r.example\"\nkeys = [\"/a\"]\nfuture = 1\n[registry]\nprxy = 1\n");
    EXPECT_THAT(config.warnings, ElementsAre(HasSubstr("'registry.prxy'"), HasSubstr("'trust.policy.future'")));
    EXPECT_EQ(config.policy_for("r.example/x"), (TrustPolicy{.prefix = "r.example", .keys = {"/a"}}));
}

TEST(ConfigTest, TheRegistryKeysAreRead) {
    const Config config = read(
        "[registry]\nproxy = \"http://user:secret@proxy.example:3128\"\nno-proxy = [\"registry.example\", \".corp\"]\n"
        "boot-jitter = 0\nconnect-timeout = 1\nstall-timeout = 2\npatience = 3\n");
    EXPECT_EQ(config.proxy, "http://user:secret@proxy.example:3128");
    EXPECT_THAT(config.no_proxy, ElementsAre("registry.example", ".corp"));
    EXPECT_EQ(config.boot_jitter, std::chrono::seconds{0});
    EXPECT_EQ(config.connect_timeout, std::chrono::seconds{1});
    EXPECT_EQ(config.stall_timeout, std::chrono::seconds{2});
    EXPECT_EQ(config.patience, std::chrono::seconds{3});
    const Config none = read("");
    EXPECT_THAT(none.proxy, IsEmpty());
    EXPECT_EQ(none.boot_jitter, std::chrono::seconds{30});
}

TEST(ConfigTest, AWrongRegistryValueIsRefusedAndAPasswordIsNeverShown) {
    for (const char* line :
         {"proxy = \"proxy.example:3128\"", "proxy = \"ftp://p\"", "proxy = \"http://\"", "proxy = 1",
          "no-proxy = \"a\"", "no-proxy = [\"a,b\"]", "no-proxy = [\"http://a\"]", "boot-jitter = -1",
          "boot-jitter = 3601", "boot-jitter = \"30\"", "connect-timeout = 0", "patience = 0", "stall-timeout = 1.5"}) {
        EXPECT_THAT(refusal("[registry]\n" + std::string{line} + "\n"), HasSubstr("config.toml:2: 'registry.")) << line;
    }
    EXPECT_THAT(refusal("[registry]\nproxy = \"user:secret@proxy.example\"\n"), testing::Not(HasSubstr("secret")));
}

TEST(ConfigTest, ReadsWhatANodeDoesThroughItsLife) {
    const Config config = read(R"(
strict = true
when-busy = "stop"
busy-wait = 5
foreign-units = "refuse"
operator-validations = true
[parameters]
nvidia = ["NVreg_EnableGpuFirmware=1", "NVreg_RegistryDwords=a=1;b=2"]
nvidia-uvm = ["uvm_debug_prints=0"]
[preflight]
ignore = ["signer-unknown"]
[stage]
auto = false
[gate]
hold = false
timeout = 86400
[hooks]
timeout = 7
[metrics]
directory = "/var/lib/node_exporter"
[containers]
cdi = "require"
spec-directory = "/etc/cdi"
cdi-version = "0.7.0"
other-generators = "defer"
sockets = true
)");
    EXPECT_TRUE(config.strict);
    EXPECT_EQ(config.when_busy, WhenBusy::stop);
    EXPECT_EQ(config.busy_wait, std::chrono::seconds{5});
    EXPECT_EQ(config.foreign_units, ForeignUnits::refuse);
    EXPECT_TRUE(config.operator_validations);
    EXPECT_EQ(config.parameters.at("nvidia").at("NVreg_EnableGpuFirmware"), "1");
    EXPECT_EQ(config.parameters.at("nvidia").at("NVreg_RegistryDwords"), "a=1;b=2");
    EXPECT_EQ(config.parameters.at("nvidia-uvm").at("uvm_debug_prints"), "0");
    EXPECT_THAT(config.preflight_ignore, ElementsAre("signer-unknown"));
    EXPECT_FALSE(config.stage_auto);
    EXPECT_FALSE(config.gate_hold);
    EXPECT_EQ(config.gate_timeout, std::chrono::hours{24});
    EXPECT_EQ(config.hook_timeout, std::chrono::seconds{7});
    EXPECT_EQ(config.metrics_directory, "/var/lib/node_exporter");
    EXPECT_EQ(config.containers.cdi, CdiPolicy::require);
    EXPECT_EQ(config.containers.spec_directory, "/etc/cdi");
    EXPECT_EQ(config.containers.cdi_version, "0.7.0");
    EXPECT_EQ(config.containers.other_generators, OtherGenerators::defer);
    EXPECT_TRUE(config.containers.sockets);
}

TEST(ConfigTest, WithoutAWordContainersAreToldOfTheDriverInAFormThatAllEnginesLoad) {
    const ContainersConfig containers = read("").containers;
    EXPECT_EQ(containers.cdi, CdiPolicy::warn);
    EXPECT_EQ(containers.spec_directory, "/run/cdi");
    EXPECT_EQ(containers.cdi_version, "0.5.0");
    EXPECT_EQ(containers.other_generators, OtherGenerators::mask);
    EXPECT_FALSE(containers.sockets) << "no container starts by one that names a socket which is gone";
}

TEST(ConfigTest, AWrongWordAboutContainersIsRefused) {
    for (const char* line :
         {"cdi = true", "cdi = \"on\"", "spec-directory = \"run/cdi\"", "cdi-version = \"newest\"",
          "cdi-version = \"0.5\"", "cdi-version = 0.5", "other-generators = \"stop\"", "sockets = 1"}) {
        EXPECT_THAT(refusal("[containers]\n" + std::string{line} + "\n"), HasSubstr("config.toml:2: 'containers."))
            << line;
    }
}

TEST(ConfigTest, AWordOutOfAFewNamesTheFew) {
    EXPECT_THAT(refusal("when-busy = \"kill\""), HasSubstr(R"(must be one of "defer", "wait", "stop")"));
    EXPECT_THAT(refusal("foreign-units = \"delete\""), HasSubstr(R"("mask", "refuse")"));
}

TEST(ConfigTest, AParameterIsANameAndAValue) {
    EXPECT_THAT(refusal("[parameters]\nnvidia = [\"NVreg_X\"]"), HasSubstr("name=value"));
    EXPECT_THAT(refusal("[parameters]\nnvidia = [\"=1\"]"), HasSubstr("name=value"));
    EXPECT_THAT(refusal("[parameters]\nnvidia = [\"a=1 b=2\"]"), HasSubstr("without blanks"));
}

TEST(ConfigTest, AMetricsDirectoryIsAbsolute) {
    EXPECT_THAT(refusal("[metrics]\ndirectory = \"var/lib\""), HasSubstr("absolute path"));
}

}  // namespace
}  // namespace overdrive
