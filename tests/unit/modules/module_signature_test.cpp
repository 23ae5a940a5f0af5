#include "modules/module_signature.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "modules/host_modules.hpp"
#include "modules/module_file.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

// Made with "openssl cms -sign -binary -nocerts -noattr [-keyid]", which is what the kernel's sign-file does.
std::string recorded(const std::string& name) {
    std::ostringstream content;
    content << std::ifstream{std::string{SIGNATURE_CORPUS} + "/" + name, std::ios::binary}.rdbuf();
    return content.str();
}

class ModuleSignatureTest : public testing::Test {
protected:
    [[nodiscard]] AppendedSignature read(const std::string& content) const {
        dir_.write("module.ko", content);
        return read_appended_signature(dir_.root().open("module.ko", O_RDONLY).get(), "module.ko");
    }
    TemporaryRoot dir_;
};

TEST_F(ModuleSignatureTest, TellsIssuerAndSerialAsTheKernelWordsThem) {
    const AppendedSignature signature = read(recorded("issuer"));
    EXPECT_TRUE(signature.is_there);
    ASSERT_THAT(signature.signers, SizeIs(1));
    EXPECT_EQ(signature.signers[0].issuer, "Example Fleet module signing") << "the organization is in the common name";
    EXPECT_EQ(signature.signers[0].serial, "5a17c0de5a17c0de5a17c0de");
    EXPECT_EQ(signature.signers[0].key_id, "");
}

TEST_F(ModuleSignatureTest, TellsTheKeyIdentifier) {
    const AppendedSignature signature = read(recorded("keyid"));
    ASSERT_THAT(signature.signers, SizeIs(1));
    EXPECT_EQ(signature.signers[0].key_id, "5bd6de67cd6e4c57d2c127c32c258bb2ecef4015");
}

TEST_F(ModuleSignatureTest, TellsEverySigner) {
    const AppendedSignature signature = read(recorded("two-signers"));
    ASSERT_THAT(signature.signers, SizeIs(2));
    EXPECT_EQ(signature.signers[0].key_id, "1d28629a33bd9b8c9bad0e29c9b09fbad89cc58c");
    EXPECT_EQ(signature.signers[1].key_id, "a31bf483839ec647c4af51684825178e24655eec");
}

TEST_F(ModuleSignatureTest, ACertificateHasBoth) {
    const auto certificate = parse_certificate(recorded("certificate.der"));
    ASSERT_TRUE(certificate);
    EXPECT_EQ(certificate->serial, "5a17c0de5a17c0de5a17c0de");
    EXPECT_EQ(certificate->key_id, "5bd6de67cd6e4c57d2c127c32c258bb2ecef4015");
    EXPECT_EQ(certificate->subject, certificate->issuer);
    EXPECT_FALSE(parse_certificate("no certificate"));
}

TEST_F(ModuleSignatureTest, AModuleWithoutOneIsNotSigned) {
    EXPECT_FALSE(read("\x7f"
                      "ELF module")
                     .is_there);
    EXPECT_FALSE(read("").is_there);
}

TEST_F(ModuleSignatureTest, ADamagedOneIsThereAndTellsNobody) {
    std::string torn = recorded("keyid");
    torn.erase(20, 100);  // the size before the magic is now larger than what is there
    std::string other = recorded("keyid");
    other[60] = '\x55';
    for (const std::string& content : {torn, std::string{kSignatureMagic}, "xx" + std::string{kSignatureMagic}}) {
        const AppendedSignature signature = read(content);
        EXPECT_TRUE(signature.is_there);
        EXPECT_THAT(signature.signers, IsEmpty());
    }
    EXPECT_TRUE(read(other).is_there);
}

TEST(HostModulesTest, OnlyTheKernelsOwnAreAskedTheMostTellingFirst) {
    EXPECT_THAT(telling_modules("kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz\nkernel/lib/crc16.ko.xz:\n"
                                "updates/dkms/nvidia.ko:\nextra/drm.ko:\nkernel/drivers/gpu/drm/drm.ko:\nno index\n"
                                "kernel/../../etc/passwd:\n"),
                ElementsAre("kernel/drivers/gpu/drm/drm.ko", "kernel/fs/ext4/ext4.ko.xz", "kernel/lib/crc16.ko.xz"));
}

TEST(HostModulesTest, WhatTheKernelIsKnownByComesFromItsModules) {
    const TemporaryRoot dir;
    dir.write("lib/modules/6.1.0-1-test/modules.dep", "kernel/one.ko:\nkernel/gone.ko:\n");
    dir.write("lib/modules/6.1.0-1-test/kernel/one.ko", [] {
        std::ostringstream content;
        content << std::ifstream{FAKE_MODULE, std::ios::binary}.rdbuf();
        return content.str();
    }());
    const HostModules known = read_host_modules(dir.root(), "6.1.0-1-test", Depth::many);
    EXPECT_EQ(known.vermagic, "6.1.0-50-cloud-amd64 SMP preempt mod_unload modversions ");
    EXPECT_THAT(known.symbols, ElementsAre(Pair("module_layout", 0x12345678U), Pair("printk", 0xdeadbeefU)));
    EXPECT_EQ(read_host_modules(dir.root(), "6.6.6", Depth::few).vermagic, std::nullopt);
}

TEST(HostModulesTest, ParametersHaveTheirTypes) {
    const ModuleInfo info = read_module_info(open_module_file(FAKE_MODULE).get());
    EXPECT_THAT(info.parameters, ElementsAre(ModuleParameter{"NVreg_EnableGpuFirmware", "int"},
                                             ModuleParameter{"NVreg_RegistryDwords", "charp"}));
}

}  // namespace
}  // namespace overdrive
