#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "devices/foreign_drivers.hpp"
#include "devices/generation_place.hpp"
#include "devices/kernel_policy_reader.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Recorded from a Debian 12 host with Secure Boot.
constexpr const char* kKeys =
    "03b1b5ba I------     1 perm 1f0b0000     0     0 keyring   .builtin_trusted_keys: 2\n"
    "0a0f8a5c I------     1 perm 1f030000     0     0 asymmetri Debian Secure Boot CA: "
    "6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1: X509.rsa bb419ea1 []\n"
    "0b2a3f11 I------     1 perm 1f030000     0     0 asymmetri Some: one else: 1401: X509.rsa 0584b25f []\n"
    "f1000000 I------     1 perm 1f0f0000     0     0 keyring   .machine: 1\n"
    "1c3ea9c9 I--Q---     3 perm 3f030000     0 65534 keyring   _ses: 1\n"
    "torn line\n";

/// The keyrings of kKeys as the kernel would list them.
std::optional<std::vector<std::int32_t>> members_of(std::int32_t keyring) {
    if (keyring == 0x03b1b5ba) return std::vector<std::int32_t>{0x0a0f8a5c};
    if (keyring == static_cast<std::int32_t>(0xf1000000U)) return std::vector<std::int32_t>{0x0b2a3f11};
    return std::nullopt;
}

class KernelPolicyTest : public testing::Test {
protected:
    [[nodiscard]] KernelPolicy read() const { return read_kernel_policy(dir_.root(), members_of); }
    TemporaryRoot dir_;
};

TEST_F(KernelPolicyTest, WhatIsNotThereIsUnknown) {
    const KernelPolicy policy = read();
    EXPECT_EQ(policy.enforces_signatures, std::nullopt);
    EXPECT_EQ(policy.lockdown, std::nullopt);
    EXPECT_EQ(policy.secure_boot, std::nullopt);
    EXPECT_EQ(policy.modules_disabled, std::nullopt);
    EXPECT_EQ(policy.keys, std::nullopt);
}

TEST_F(KernelPolicyTest, ReadsWhatTheKernelEnforces) {
    dir_.write("sys/module/module/parameters/sig_enforce", "Y\n");
    dir_.write("sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
    dir_.write("proc/sys/kernel/modules_disabled", "1\n");
    dir_.write("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
               std::string{"\6\0\0\0\1", 5});
    const KernelPolicy policy = read();
    EXPECT_EQ(policy.enforces_signatures, true);
    EXPECT_EQ(policy.lockdown, "none");
    EXPECT_EQ(policy.secure_boot, true);
    EXPECT_EQ(policy.modules_disabled, true);
}

TEST_F(KernelPolicyTest, LockdownImpliesSignatures) {
    dir_.write("sys/module/module/parameters/sig_enforce", "N\n");
    dir_.write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
    EXPECT_EQ(read().enforces_signatures, true);
}

TEST_F(KernelPolicyTest, AKernelWithoutLockdownHasNone) {
    dir_.write("sys/module/module/parameters/sig_enforce", "N\n");
    EXPECT_EQ(read().enforces_signatures, std::nullopt) << "securityfs is not mounted";
    dir_.write("sys/kernel/security/lsm", "capability,apparmor");
    EXPECT_EQ(read().lockdown, "none");
    EXPECT_EQ(read().enforces_signatures, false);
}

TEST_F(KernelPolicyTest, ListsTheKeysThatVouchForModules) {
    dir_.write("proc/keys", kKeys);
    EXPECT_THAT(read().keys.value_or(std::vector<EnrolledKey>{}),
                ElementsAre(EnrolledKey{".builtin_trusted_keys",
                                        "Debian Secure Boot CA: 6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1",
                                        "6ccece7e4c6c0d1f6149f3dd27dfcc5cbb419ea1"},
                            EnrolledKey{".machine", "Some: one else: 1401", "1401"}));
}

TEST_F(KernelPolicyTest, AKeyringThatMayNotBeReadMakesAllUnknown) {
    dir_.write("proc/keys", kKeys);
    const auto policy = read_kernel_policy(
        dir_.root(), [](std::int32_t keyring) { return keyring == 0x03b1b5ba ? members_of(keyring) : std::nullopt; });
    EXPECT_EQ(policy.keys, std::nullopt);
}

class ForeignDriversTest : public testing::Test {
protected:
    ForeignDriversTest() { facts_.kernel_release = "6.1.0-1-test"; }
    [[nodiscard]] std::vector<std::string> found(bool with_packages) const {
        std::vector<std::string> out;
        for (const ForeignDriver& driver : find_foreign_drivers(dir_.root(), facts_, with_packages))
            out.push_back(driver.what + (driver.works_here ? " (works)" : ""));
        return out;
    }
    TemporaryRoot dir_;
    HostFacts facts_;
};

TEST_F(ForeignDriversTest, AHostWithoutOneHasNone) { EXPECT_THAT(found(true), IsEmpty()); }

TEST_F(ForeignDriversTest, ModulesInTheHostsOwnTreeWorkHere) {
    dir_.write("lib/modules/6.1.0-1-test/modules.dep",
               "kernel/drivers/platform/x86/nvidia-wmi-ec-backlight.ko.xz:\nupdates/dkms/nvidia.ko.xz: kernel/a.ko\n");
    EXPECT_THAT(found(false), ElementsAre("the module '/lib/modules/6.1.0-1-test/updates/dkms/nvidia.ko.xz' (works)"));
}

TEST_F(ForeignDriversTest, TheOperatorsDriverContainerIsAMount) {
    facts_.mounts = {{.target = "/run/nvidia/driver",
                      .type = "overlay",
                      .source = "overlay",
                      .options = "rw",
                      .super_options = "rw"}};
    EXPECT_THAT(found(false), ElementsAre(HasSubstr("GPU Operator")));
}

TEST_F(ForeignDriversTest, InstalledPackagesAndSourcesAreNamedWhenAskedFor) {
    dir_.write("var/lib/dpkg/status",
               "Package: nvidia-kernel-dkms\nStatus: install ok installed\nVersion: 535.183.01-1\n\n"
               "Package: nvidia-driver\nStatus: deinstall ok config-files\nVersion: 535.183.01-1\n\n"
               "Package: nvidia-kernel-common\nStatus: install ok installed\nVersion: 2022\n\n"
               "Package: libc6\nStatus: install ok installed\nVersion: 2.36\n");
    dir_.write("usr/src/nvidia-535.183.01/dkms.conf", "");
    EXPECT_THAT(found(true), ElementsAre("the package nvidia-kernel-dkms 535.183.01-1",
                                         "sources for DKMS in /usr/src/nvidia-535.183.01"));
    EXPECT_THAT(found(false), IsEmpty());
}

TEST(GenerationPlaceTest, KnowsTypesThatConfinedProcessesCannotRead) {
    EXPECT_TRUE(is_readable_label("system_u:object_r:usr_t:s0"));
    EXPECT_TRUE(is_readable_label("system_u:object_r:modules_object_t:s0"));
    EXPECT_FALSE(is_readable_label("system_u:object_r:unlabeled_t:s0"));
    EXPECT_FALSE(is_readable_label("system_u:object_r:default_t:s0"));
    EXPECT_FALSE(is_readable_label("nonsense"));
}

TEST(GenerationPlaceTest, LabelsMatterOnlyWhereSelinuxEnforces) {
    const TemporaryRoot dir;
    dir.write("opt/nvidia/1/2/bin/tool", "");
    EXPECT_THAT(find_wrong_labels(dir.root(), "/opt/nvidia/1/2", {"bin/tool", "bin/absent"}), IsEmpty());
    EXPECT_FALSE(is_noexec(dir.root(), "/opt/nvidia/1/2"));
}

}  // namespace
}  // namespace overdrive
