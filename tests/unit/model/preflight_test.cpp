#include "model/preflight.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/installed_driver.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kKeyId = "5bd6de67cd6e4c57d2c127c32c258bb2ecef4015";

/// A host with one T4 and a driver that is good for it; each test spoils one thing.
class PreflightTest : public testing::Test {
protected:
    PreflightTest() {
        host_.kernel_release = "6.1.0-1-test";
        host_.kernel_build_id = "abcd";
        host_.gpus = {{"0000:00:07.0", 0x1eb8, ""}};
        manifest_.build_id = "abcd";
        facts_.policy = {.enforces_signatures = false,
                         .lockdown = "none",
                         .secure_boot = false,
                         .modules_disabled = false,
                         .keys = std::vector<EnrolledKey>{{".builtin_trusted_keys", "Vendor CA: 6cce", "6cce"}}};
        facts_.modules = {module("nvidia"), module("nvidia-uvm")};
        facts_.modules->front().parameters = {{"NVreg_EnableGpuFirmware", "int"}, {"NVreg_RegistryDwords", "charp"}};
        facts_.modules->front().firmware = {"nvidia/550.1.1/gsp_tu10x.bin", "nvidia/550.1.1/gsp_ga10x.bin"};
        facts_.firmware_directory = "/opt/nvidia/550.1.1/4081.2.1/lib/firmware";
        facts_.firmware = {"nvidia/550.1.1/gsp_tu10x.bin"};
        facts_.host_vermagic = "6.1.0-1-test SMP mod_unload ";
        facts_.host_symbols = {{"module_layout", 0x11}, {"printk", 0x22}};
        facts_.shipped_symbols = {{"module_layout", 0x11}, {"printk", 0x22}};
    }

    static ModuleFacts module(const std::string& name) {
        ModuleFacts facts;
        facts.name = name;
        facts.path = "lib/modules/6.1.0-1-test/" + name + ".ko";
        facts.vermagic = "6.1.0-1-test SMP mod_unload ";
        facts.version = "550.1.1";
        facts.versions = {{"module_layout", 0x11}, {"printk", 0x22}};
        return facts;
    }

    [[nodiscard]] std::vector<Finding> judge(bool at_boot = false) const {
        return judge_preflight({.host = host_,
                                .manifest = manifest_,
                                .parameters = parameters_,
                                .own_versions = own_versions_,
                                .at_boot = at_boot},
                               facts_);
    }
    [[nodiscard]] std::vector<std::string> codes(bool at_boot = false) const {
        std::vector<std::string> out;
        for (const Finding& finding : judge(at_boot)) out.push_back(finding.code);
        return out;
    }
    void sign(const SignerKey& signer) {
        facts_.policy.enforces_signatures = true;
        for (ModuleFacts& module : *facts_.modules) {
            module.is_signed = true;
            module.signers = {signer};
        }
    }

    HostFacts host_;
    DriverManifest manifest_ = small_manifest("550.1.1");
    PreflightFacts facts_;
    std::map<std::string, std::map<std::string, std::string>> parameters_;
    std::vector<std::string> own_versions_{"550.1.1"};
};

TEST_F(PreflightTest, AGoodDriverOnAGoodHostHasNoFindings) { EXPECT_THAT(judge(), IsEmpty()); }

TEST_F(PreflightTest, WhatCannotBeKnownBlocksNothing) {
    facts_ = PreflightFacts{};
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(PreflightTest, NothingIsSaidOfLoadingWhereAllIsLoaded) {
    facts_.policy.modules_disabled = true;
    facts_.modules->front().vermagic = "6.6.6 SMP ";
    host_.driver_version = "550.1.1";
    host_.modules = {{"nvidia", 1, {}, "550.1.1"}, {"nvidia_uvm", 0, {}, "550.1.1"}, {"nvidia_drm", 0, {}, "550.1.1"}};
    EXPECT_THAT(judge(), IsEmpty());
    host_.modules.pop_back();
    EXPECT_THAT(codes(), Contains("wrong-kernel"));
}

TEST_F(PreflightTest, AModuleOfAnotherKernelIsNamedWithBoth) {
    facts_.modules->back().vermagic = "6.6.6-1-other SMP mod_unload ";
    const auto findings = judge();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].code, "wrong-kernel");
    EXPECT_EQ(findings[0].what,
              "'lib/modules/6.1.0-1-test/nvidia-uvm.ko' was built for kernel 6.6.6-1-other, this is 6.1.0-1-test");
}

TEST_F(PreflightTest, TheSameReleaseWithOtherFlagsIsAnotherKernel) {
    facts_.host_vermagic = "6.1.0-1-test SMP preempt mod_unload ";
    EXPECT_THAT(codes(), ElementsAre("wrong-kernel", "wrong-kernel"));
    facts_.host_vermagic = "6.1.0-1-test SMP mod_unload";  // a blank at the end is no difference
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(PreflightTest, OtherSymbolVersionsThanTheKernelsOwnModulesHaveBlock) {
    facts_.host_symbols["printk"] = 0x99;
    const auto findings = judge();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].code, "symbol-crc");
    EXPECT_THAT(findings[0].what, AllOf(HasSubstr("'nvidia' wants printk 0x00000022"), HasSubstr("0x00000099"),
                                        HasSubstr("1 more symbols differ")));
}

TEST_F(PreflightTest, OtherSymbolVersionsThanTheArtifactShipsBlock) {
    facts_.shipped_symbols->at("module_layout") = 0x77;
    EXPECT_THAT(codes(), ElementsAre("symbol-crc"));
}

TEST_F(PreflightTest, WhatNoneOfTheHostsModulesUsesIsUnknownNotGood) {
    facts_.host_symbols.erase("printk");
    EXPECT_THAT(judge(), IsEmpty()) << "the artifact was built for this very kernel, by its build id";
    manifest_.build_id = std::nullopt;
    const auto findings = judge();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].code, "symbol-unknown");
    EXPECT_THAT(findings[0].what, HasSubstr("of 4 symbol versions that the modules want, 2 are in none"));
    EXPECT_EQ(severity_of(findings[0]), Severity::informs);
}

TEST_F(PreflightTest, SymbolsOfTheDriverItselfAreNotAskedOfTheKernel) {
    facts_.modules->back().versions["nvUvmInterfaceRegister"] = 0x33;
    manifest_.build_id = std::nullopt;
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(PreflightTest, UnsignedModulesMatterOnlyWhereSignaturesAreEnforced) {
    EXPECT_THAT(judge(), IsEmpty());
    facts_.policy.enforces_signatures = true;
    const auto findings = judge();
    ASSERT_EQ(findings.size(), 1U) << "one sentence, not one for each module";
    EXPECT_EQ(findings[0].code, "unsigned-module");
    EXPECT_THAT(findings[0].what, HasSubstr("nvidia.ko' (and 1 more)"));
    EXPECT_THAT(findings[0].what, HasSubstr("module.sig_enforce is set"));
}

TEST_F(PreflightTest, LockdownEnforcesSignaturesAndIsNamed) {
    facts_.policy.enforces_signatures = true;
    facts_.policy.lockdown = "integrity";
    facts_.policy.secure_boot = true;
    EXPECT_THAT(judge()[0].what, HasSubstr("the kernel is locked down (integrity) under Secure Boot"));
}

TEST_F(PreflightTest, AKeyThatNoKeyringHasBlocksAndOneThatIsEnrolledDoesNot) {
    sign({.issuer = "", .serial = "", .key_id = kKeyId, .subject = ""});
    EXPECT_THAT(codes(), ElementsAre("signer-unknown"));
    facts_.policy.keys->push_back({".machine", std::string{"Fleet: "} + kKeyId, kKeyId});
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(PreflightTest, OfTwoSignersTheKernelHasToKnowOne) {
    sign({.issuer = "", .serial = "", .key_id = "0123", .subject = ""});
    for (ModuleFacts& module : *facts_.modules)
        module.signers.push_back({.issuer = "", .serial = "", .key_id = kKeyId, .subject = ""});
    ASSERT_THAT(codes(), ElementsAre("signer-unknown"));
    EXPECT_THAT(judge()[0].what,
                HasSubstr(std::string{"the key 0123 and the key "} + kKeyId + ", which are in none of"));
    facts_.policy.keys->push_back({".machine", std::string{"Fleet: "} + kKeyId, kKeyId});
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(PreflightTest, ASignatureThatNamesIssuerAndSerialProvesLittleByItself) {
    sign({.issuer = "Fleet CA", .serial = "5a17", .key_id = "", .subject = ""});
    EXPECT_THAT(codes(), ElementsAre("signer-unproven"));
    EXPECT_EQ(severity_of(judge()[0]), Severity::informs);
    facts_.policy.keys->push_back({".machine", "Fleet CA: 0123", "0123"});
    EXPECT_THAT(judge(), IsEmpty()) << "a key of that name is enrolled";
}

TEST_F(PreflightTest, WithTheCertificateBesideTheModulesIssuerAndSerialProveIt) {
    sign({.issuer = "Fleet CA", .serial = "5a17", .key_id = "", .subject = ""});
    facts_.certificate = {.issuer = "Fleet CA", .serial = "5a17", .key_id = kKeyId, .subject = "Fleet"};
    EXPECT_THAT(codes(), ElementsAre("signer-unknown"));
    facts_.policy.keys->push_back({".machine", std::string{"Fleet: "} + kKeyId, kKeyId});
    EXPECT_THAT(judge(), IsEmpty());
    facts_.certificate->serial = "0000";  // of another key
    facts_.policy.keys->pop_back();
    EXPECT_THAT(codes(), ElementsAre("signer-unproven"));
}

TEST_F(PreflightTest, WhoSignedTheKernelsOwnModulesIsTrusted) {
    sign({.issuer = "Vendor: Vendor CA", .serial = "5a17", .key_id = "", .subject = ""});
    facts_.policy.keys.reset();
    facts_.host_signers = {{.issuer = "Vendor CA", .serial = "5a17", .key_id = "", .subject = ""}};
    EXPECT_THAT(judge(), IsEmpty());
}

TEST_F(PreflightTest, KeyringsThatCannotBeReadAreUnknown) {
    sign({.issuer = "", .serial = "", .key_id = kKeyId, .subject = ""});
    facts_.policy.keys.reset();
    EXPECT_THAT(codes(), ElementsAre("signer-unproven"));
}

TEST_F(PreflightTest, ModulesDisabledBlocks) {
    facts_.policy.modules_disabled = true;
    EXPECT_THAT(codes(), ElementsAre("modules-disabled"));
}

TEST_F(PreflightTest, AllGpusHeldByARivalBlockWithTheCommandThatFreesThem) {
    host_.gpus[0].driver = "nouveau";
    const auto findings = judge();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].code, "rival-bound");
    EXPECT_THAT(findings[0].what, HasSubstr("nouveau has the GPU 0000:00:07.0"));
    EXPECT_THAT(findings[0].remedy, HasSubstr("echo 0000:00:07.0 >/sys/bus/pci/drivers/nouveau/unbind"));
}

TEST_F(PreflightTest, SomeGpusForVirtualMachinesAreMeantToBe) {
    host_.gpus.push_back({"0000:00:08.0", 0x1eb8, "vfio-pci"});
    EXPECT_THAT(codes(), ElementsAre("passthrough"));
    host_.gpus[1].driver = "nouveau";
    EXPECT_THAT(codes(), ElementsAre("rival-beside"));
    host_.gpus[1].driver = "nvidia";
    EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(PreflightTest, APascalGpuNeedsTheProprietaryModulesAndABlackwellTheOpenOnes) {
    manifest_.module_type = "open";
    host_.gpus[0].device_id = 0x1b38;
    EXPECT_THAT(codes(), ElementsAre("gpu-needs-proprietary"));
    manifest_.module_type = "proprietary";
    EXPECT_THAT(codes(), IsEmpty());
    host_.gpus[0].device_id = 0x2901;
    EXPECT_THAT(codes(), ElementsAre("gpu-needs-open"));
    host_.gpus[0].device_id = 0xfff0;
    EXPECT_THAT(codes(), IsEmpty()) << "of an unknown GPU nothing is said";
}

TEST_F(PreflightTest, TheDriversOwnListTellsMoreThanTheArchitecture) {
    manifest_.module_type = "open";
    facts_.supported = std::vector<SupportedGpu>{{0x1eb8, false, true, ""}};
    EXPECT_THAT(codes(), ElementsAre("gpu-needs-proprietary"));
    facts_.supported = std::vector<SupportedGpu>{{0x1eb8, false, false, "470.xx"}};
    EXPECT_THAT(codes(), ElementsAre("gpu-unsupported"));
    EXPECT_THAT(judge()[0].what, HasSubstr("470.xx was the last branch that did"));
}

TEST_F(PreflightTest, AGpuThatTheListLeavesOutMayWork) {
    facts_.supported = std::vector<SupportedGpu>{{0x1db6, true, true, ""}};
    EXPECT_THAT(codes(), IsEmpty()) << "NVIDIA's list of branch 550 has no T4";
}

TEST_F(PreflightTest, OneGpuOfSeveralThatIsNotSupportedDoesNotBlock) {
    manifest_.module_type = "open";
    host_.gpus.push_back({"0000:00:08.0", 0x1b38, ""});
    EXPECT_THAT(codes(), ElementsAre("gpu-left-out"));
}

TEST_F(PreflightTest, AParameterThatTheModuleDoesNotHaveIsNamedWithTheNearest) {
    parameters_["nvidia"]["NVreg_EnableGpuFirmwar"] = "1";
    const auto findings = judge();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].code, "bad-parameter");
    EXPECT_EQ(findings[0].subject, "nvidia.NVreg_EnableGpuFirmwar");
    EXPECT_THAT(findings[0].what, HasSubstr("the nearest one is 'NVreg_EnableGpuFirmware'"));
    EXPECT_THAT(codes(true), ElementsAre("parameter-ignored")) << "a typo must not cost a node its driver";
}

TEST_F(PreflightTest, AParameterOfTheWrongKindAndOneForNoModuleAreRefused) {
    parameters_["nvidia"]["NVreg_EnableGpuFirmware"] = "yes";
    parameters_["nvidia_foo"]["x"] = "1";
    EXPECT_THAT(codes(), ElementsAre("bad-parameter", "bad-parameter"));
}

TEST_F(PreflightTest, AParameterOfTheArtifactThatIsWrongSpeaksAgainstTheArtifact) {
    manifest_.modules[0].parameters["Nvreg"] = "1";
    EXPECT_THAT(codes(true), ElementsAre("bad-artifact-parameter"));
}

TEST_F(PreflightTest, TheFirmwareOfTheGpusArchitectureMustBeThere) {
    facts_.firmware->clear();
    const auto findings = judge();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].code, "firmware-missing");
    EXPECT_THAT(findings[0].what, HasSubstr("'nvidia/550.1.1/gsp_tu10x.bin'"));
    facts_.firmware = {"nvidia/550.1.1/gsp_tu10x.bin"};
    host_.gpus[0].device_id = 0x2684;
    EXPECT_THAT(judge()[0].what, HasSubstr("'nvidia/550.1.1/gsp_ga10x.bin'"));
    manifest_.module_type = "proprietary";
    EXPECT_THAT(judge(), IsEmpty()) << "the proprietary modules can do without";
}

TEST_F(PreflightTest, AFirmwarePathOfSomebodyElseIsNamed) {
    host_.firmware_path = "/var/lib/firmware";
    facts_.firmware_directory = "/var/lib/firmware";
    facts_.firmware->clear();
    EXPECT_THAT(judge()[0].remedy, HasSubstr("firmware_class.path"));
}

TEST_F(PreflightTest, ADriverThatWorksHereIsNeverPushedAside) {
    facts_.foreign_drivers = {{"the module 'updates/dkms/nvidia.ko'", "remove it", true}};
    EXPECT_THAT(codes(), ElementsAre("foreign-driver"));
    EXPECT_THAT(codes(true), ElementsAre("foreign-driver"));
}

TEST_F(PreflightTest, APackageAloneStopsAPersonAndNotABoot) {
    facts_.foreign_drivers = {{"the package nvidia-kernel-dkms 535", "purge it", false}};
    EXPECT_THAT(codes(), ElementsAre("foreign-driver"));
    EXPECT_THAT(codes(true), ElementsAre("foreign-package"));
}

TEST_F(PreflightTest, ALoadedDriverThatWeDidNotInstallIsSomebodyElses) {
    host_.driver_version = "535.1.1";
    EXPECT_THAT(codes(true), ElementsAre("foreign-driver")) << "never taken out by a boot";
    EXPECT_THAT(codes(), ElementsAre("foreign-loaded")) << "who asks for ours, when its owner is gone, means it";
    facts_.foreign_drivers = {{"the module 'updates/dkms/nvidia.ko'", "remove it", true}};
    EXPECT_THAT(codes(), ElementsAre("foreign-driver", "foreign-driver"));
    facts_.foreign_drivers.clear();
    own_versions_.emplace_back("535.1.1");
    EXPECT_THAT(codes(true), IsEmpty()) << "one of ours: a swap";
}

TEST_F(PreflightTest, NoexecBlocksAndAWrongLabelDegrades) {
    facts_.wrong_labels = {{"lib64/libcuda.so.1", "system_u:object_r:default_t:s0"}, {"bin/nvidia-smi", ""}};
    facts_.noexec = true;
    EXPECT_THAT(codes(), ElementsAre("noexec", "selinux-label"));
    EXPECT_THAT(judge()[1].what, AllOf(HasSubstr("default_t"), HasSubstr("1 more")));
}

TEST(ParameterTypeTest, TakesWhatTheKernelParses) {
    for (const char* good : {"0", "-1", "0x1f", "017", "2147483647", "-2147483648"})
        EXPECT_TRUE(takes("int", good)) << good;
    for (const char* bad : {"", "1k", "0x", "2147483648", "1 ", "--1"}) EXPECT_FALSE(takes("int", bad)) << bad;
    EXPECT_FALSE(takes("uint", "-1"));
    EXPECT_TRUE(takes("ulong", "18446744073709551615"));
    EXPECT_FALSE(takes("byte", "256"));
    EXPECT_TRUE(takes("bool", "Y"));
    EXPECT_TRUE(takes("bool", ""));
    EXPECT_FALSE(takes("bool", "yes"));
    EXPECT_TRUE(takes("array of int", "1,2,3"));
    EXPECT_FALSE(takes("array of int", "1,,3"));
    EXPECT_TRUE(takes("charp", "PeerMappingOverride=1;"));
    EXPECT_FALSE(takes("charp", std::string(1025, 'x')));
    EXPECT_TRUE(takes("", "anything"));
}

}  // namespace
}  // namespace overdrive
