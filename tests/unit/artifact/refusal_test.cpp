#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "builder-images/artifact/inspect.hpp"
#include "builder-images/artifact/pack.hpp"
#include "support/error.hpp"
#include "unit/artifact/inspect_layout.hpp"
#include "unit/artifact/small_driver.hpp"

namespace overdrive {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Packing must fail, with this reason, and leave no tag.
class Refusal : public testing::Test {
protected:
    void expect(std::string_view reason, const testing::Matcher<std::string>& message) {
        try {
            static_cast<void>(pack(options_, [](std::string_view /*line*/) {}));
            ADD_FAILURE() << "it was packed";
        } catch (const Error& error) {
            EXPECT_EQ(reason_code(error.code()), reason) << error.what();
            EXPECT_THAT(error.what(), message);
        }
        EXPECT_FALSE(std::filesystem::exists(driver_.at("layout/index.json")));
    }

    SmallDriver driver_;
    PackOptions options_ = driver_.options();
};

TEST_F(Refusal, OfAFifo) {
    ASSERT_EQ(::mkfifo(driver_.at("user/lib64/pipe").c_str(), 0644), 0);
    expect("bad-archive", AllOf(HasSubstr("'lib64/pipe'"), HasSubstr("neither a file")));
}

TEST_F(Refusal, OfASocket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, driver_.at("user/bin/s").c_str(), sizeof address.sun_path - 1);
    const UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    expect("bad-archive", HasSubstr("'bin/s'"));
}

TEST_F(Refusal, OfADevice) {
    if (::mknod(driver_.at("user/lib64/null").c_str(), S_IFCHR | 0666, 0) != 0)
        GTEST_SKIP() << "no right to make device nodes";
    expect("bad-archive", HasSubstr("'lib64/null'"));
}

TEST_F(Refusal, OfAnAbsoluteLink) {
    driver_.link("user/lib64/libc.so.6", "/lib/libc.so.6");
    expect("bad-archive", AllOf(HasSubstr("'lib64/libc.so.6'"), HasSubstr("only relative targets")));
}

TEST_F(Refusal, OfALinkThatLeavesTheTree) {
    driver_.link("user/lib64/out", "../../describe.json");
    expect("bad-archive", AllOf(HasSubstr("'lib64/out'"), HasSubstr("leads out")));
}

TEST_F(Refusal, OfALinkThatClimbsOnItsWay) {
    driver_.link("user/lib64/out", "vdpau/../../../describe.json");
    expect("bad-archive", HasSubstr("leads out"));
}

TEST_F(Refusal, OfALinkToNothing) {
    driver_.link("user/lib64/libnone.so", "libnone.so.1");
    expect("bad-archive", AllOf(HasSubstr("'lib64/libnone.so'"), HasSubstr("'libnone.so.1', which is not there")));
}

TEST_F(Refusal, OfANameWithControlCharacters) {
    driver_.file("user/lib64/a\nb", "");
    expect("bad-archive", HasSubstr("printable ASCII"));
}

TEST_F(Refusal, OfANameOutsideAscii) {
    driver_.file("user/lib64/\xff", "");
    expect("bad-archive", HasSubstr("printable ASCII"));
}

TEST_F(Refusal, OfModulesAmongTheUserSpace) {
    driver_.file("user/lib/modules/6.1.0-1-test/nvidia.ko", "");
    expect("bad-archive", HasSubstr("belongs to the modules tree"));
}

TEST_F(Refusal, OfAFileAtTheTopOfTheUserSpace) {
    driver_.file("user/driver.json", "{}");
    expect("bad-archive", AllOf(HasSubstr("'driver.json'"), HasSubstr("only bin/")));
}

TEST_F(Refusal, OfModulesForAnotherKernel) {
    driver_.file("modules/lib/modules/6.1.0-2-test/nvidia.ko", "");
    expect("bad-archive", HasSubstr("only lib/modules/6.1.0-1-test/ does"));
}

TEST_F(Refusal, OfALibraryInTheModulesTree) {
    driver_.file("modules/lib64/libcuda.so.2", "");
    expect("bad-archive", HasSubstr("'lib64'"));
}

TEST_F(Refusal, OfAMissingModule) {
    std::filesystem::rename(driver_.at("modules/lib/modules/6.1.0-1-test/nvidia.ko"),
                            driver_.at("modules/lib/modules/6.1.0-1-test/other.ko"));
    expect("incomplete-artifact", HasSubstr("'lib/modules/6.1.0-1-test/nvidia.ko' is missing"));
}

TEST_F(Refusal, OfMissingFirmware) {
    std::filesystem::remove(driver_.at("user/lib/firmware/nvidia/900.1.0/gsp_tu10x.bin"));
    expect("incomplete-artifact", HasSubstr("'lib/firmware/nvidia/900.1.0/gsp_tu10x.bin' is missing"));
}

TEST_F(Refusal, OfAMissingDaemon) {
    std::filesystem::remove(driver_.at("user/bin/nvidia-persistenced"));
    expect("incomplete-artifact", HasSubstr("'bin/nvidia-persistenced' is missing"));
}

TEST_F(Refusal, OfAProgramWithoutEntryPoint) {
    std::filesystem::remove(driver_.at("program/bin/overdrive"));
    expect("incomplete-artifact", HasSubstr("entry point, is missing"));
}

TEST_F(Refusal, OfAnEntryPointThatCannotRun) {
    std::filesystem::permissions(driver_.at("program/bin/overdrive"), std::filesystem::perms{0644});
    expect("incomplete-artifact", HasSubstr("not executable"));
}

TEST_F(Refusal, OfAMisspeltField) {
    driver_.file("describe.json", driver_.describe(R"("signr": null)"));
    expect("bad-manifest", HasSubstr("signr is not a field"));
}

TEST_F(Refusal, OfADescriptionThatIsNone) {
    driver_.file("describe.json", "{");
    expect("bad-manifest", AllOf(HasSubstr("describe.json"), HasSubstr("not JSON")));
}

TEST_F(Refusal, OfAnotherArchitecture) {
    options_.architecture = "arm64";
    expect("bad-manifest", AllOf(HasSubstr("x86_64"), HasSubstr("aarch64")));
}

TEST_F(Refusal, OfABadTag) {
    options_.tag = "12+1";
    expect("usage", HasSubstr("'12+1' is not a tag"));
}

TEST_F(Refusal, OfAMissingTree) {
    options_.user_space = driver_.at("nowhere");
    expect("usage", HasSubstr("--user-space"));
}

TEST_F(Refusal, OfAnOutputThatIsSomethingElse) {
    driver_.file("layout/precious", "");
    expect("bad-manifest", HasSubstr("no OCI layout"));
    EXPECT_TRUE(std::filesystem::exists(driver_.at("layout/precious")));
}

TEST_F(Refusal, OfAKeyThatCannotSign) {
    driver_.file("sign.key", "nonsense");
    options_.sign_key = driver_.at("sign.key");
    expect("config", HasSubstr("not PEM"));
}

/// Inspecting must fail with this reason.
void expect_damage(const SmallDriver& driver, std::string_view reason) {
    try {
        static_cast<void>(inspect_layout(driver.at("layout")));
        ADD_FAILURE() << "it was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(reason_code(error.code()), reason) << error.what();
    }
}

std::filesystem::path blob_of(const SmallDriver& driver, const Digest& digest) {
    return driver.at("layout/blobs/sha256") / std::string{digest.hex()};
}

TEST(Inspect, NoticesAChangedByteInAnyBlob) {
    for (const int which : {0, 1, 2, 3}) {
        const SmallDriver driver;
        const PackedImage packed = driver.pack();
        const std::array<Digest, 4> digests{packed.program.blob.digest, packed.user_space.blob.digest,
                                            packed.modules.blob.digest, packed.manifest.digest};
        std::fstream blob{blob_of(driver, digests.at(static_cast<std::size_t>(which))), std::ios::in | std::ios::out};
        blob.seekp(20);
        const char flipped = static_cast<char>(blob.peek() ^ 1);
        blob.put(flipped);
        blob.close();
        expect_damage(driver, "digest-mismatch");
    }
}

TEST(Inspect, NoticesATruncatedAndAMissingBlob) {
    const SmallDriver driver;
    const PackedImage packed = driver.pack();
    const auto blob = blob_of(driver, packed.user_space.blob.digest);
    std::filesystem::resize_file(blob, packed.user_space.blob.size - 1);
    expect_damage(driver, "truncated");
    std::filesystem::remove(blob);
    expect_damage(driver, "incomplete-artifact");
}

}  // namespace
}  // namespace overdrive
