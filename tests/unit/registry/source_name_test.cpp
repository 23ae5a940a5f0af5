#include "registry/source_name.hpp"

#include <gtest/gtest.h>

#include "support/error.hpp"

namespace overdrive {
namespace {

TEST(SourceName, ReadsARegistryWithPort) {
    const SourceName name = parse_source_name("docker://registry.example:5000/overdrive/nvidia-debian");
    EXPECT_EQ(name.kind, SourceName::Kind::registry);
    EXPECT_EQ(name.host, "registry.example:5000");
    EXPECT_EQ(name.repository, "overdrive/nvidia-debian");
    EXPECT_EQ(name.text(), "docker://registry.example:5000/overdrive/nvidia-debian");
}

TEST(SourceName, ReadsAnAddressInBrackets) {
    EXPECT_EQ(parse_source_name("docker://[::1]:5000/a").host, "[::1]:5000");
    EXPECT_EQ(parse_source_name("docker://[fe80::1]/a").host, "[fe80::1]");
}

TEST(SourceName, ReadsLayouts) {
    EXPECT_EQ(parse_source_name("oci:/mnt/usb/layout").path, "/mnt/usb/layout");
    EXPECT_EQ(parse_source_name("oci-archive:a.tar").kind, SourceName::Kind::layout_archive);
    EXPECT_EQ(parse_source_name("oci-archive:a.tar").text(), "oci-archive:a.tar");
}

class RefusedSourceName : public testing::TestWithParam<const char*> {};

TEST_P(RefusedSourceName, IsABadReference) {
    try {
        static_cast<void>(parse_source_name(GetParam()));
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::bad_reference);
    }
}

INSTANTIATE_TEST_SUITE_P(
    SourceNames, RefusedSourceName,
    testing::Values("", "registry.example/a", "https://registry.example/a", "docker://", "docker:///a", "docker://host",
                    "docker://host/", "docker://host:/a", "docker://host:0/a", "docker://host:65536/a",
                    "docker://host:5000x/a", "docker://ho st/a", "docker://-host/a", "docker://host-/a",
                    "docker://ho..st/a", "docker://user:secret@host/a", "docker://host/A", "docker://host/a:tag",
                    "docker://host/a@sha256:00", "docker://host/a//b", "docker://host/a/", "docker://host//a",
                    "docker://host/../a", "docker://host/a..b", "docker://host/a___b", "docker://host/a?x",
                    "docker://host/a#x", "docker://host/a%2e", "docker://[::1/a", "docker://[zz]/a",
                    "docker://host/nvidia-{os_id}", "oci:", "oci-archive:", "oci:a\nb", "dir:/a"));

TEST(SourceName, NeverPrintsCredentials) {
    try {
        static_cast<void>(parse_source_name("docker://user:secret@host/a"));
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(std::string{error.what()}.find("secret"), std::string::npos);
    }
}

TEST(SourceName, KnowsLoopback) {
    EXPECT_TRUE(is_loopback("127.0.0.1"));
    EXPECT_TRUE(is_loopback("127.0.0.1:5000"));
    EXPECT_TRUE(is_loopback("127.255.0.9"));
    EXPECT_TRUE(is_loopback("localhost:80"));
    EXPECT_TRUE(is_loopback("[::1]:5000"));
    EXPECT_FALSE(is_loopback("127.evil.example"));
    EXPECT_FALSE(is_loopback("127.0.0.1.evil.example"));
    EXPECT_FALSE(is_loopback("127.0.0"));
    EXPECT_FALSE(is_loopback("127.0.0.256"));
    EXPECT_FALSE(is_loopback("128.0.0.1"));
    EXPECT_FALSE(is_loopback("localhost.evil.example"));
    EXPECT_FALSE(is_loopback("[::2]"));
    EXPECT_FALSE(is_loopback(""));
}

TEST(SourceName, AllowsPlainHttpOnlyWhereItIsListed) {
    EXPECT_TRUE(allows_plain_http("10.0.2.2:5000", {"10.0.2.2:5000"}));
    EXPECT_TRUE(allows_plain_http("10.0.2.2:5000", {"10.0.2.2"}));
    EXPECT_FALSE(allows_plain_http("10.0.2.2:5001", {"10.0.2.2:5000"}));
    EXPECT_FALSE(allows_plain_http("10.0.2.2", {"10.0.2.2:5000"}));
    EXPECT_FALSE(allows_plain_http("registry.example", {""}));
    EXPECT_FALSE(allows_plain_http("registry.example", {}));
}

}  // namespace
}  // namespace overdrive
