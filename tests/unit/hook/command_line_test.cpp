#include "hook/command_line.hpp"

#include <gmock/gmock.h>

#include "hook/link_spec.hpp"
#include "support/error.hpp"

namespace overdrive {
namespace {

using testing::ElementsAre;
using Kind = HookCall::Kind;

std::string refusal(const std::vector<std::string>& arguments) {
    try {
        static_cast<void>(parse_command_line(arguments));
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::usage);
        return error.what();
    }
    return "taken";
}

TEST(HookCommandLine, TakesTheFormOfBothReferencePrograms) {
    const std::vector<std::string> wanted{"/usr/lib", "/opt/lib"};
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"update-ldcache", "--folder", "/usr/lib", "--folder", "/opt/lib"},
          {"hook", "update-ldcache", "--folder", "/usr/lib", "--folder", "/opt/lib"},
          {"hook", "update-ldcache", "--folder=/usr/lib", "-folder=/opt/lib"},
          {"--debug", "hook", "--quiet", "update-ldcache", "--folder=/usr/lib,/opt/lib"}}) {
        const HookCall call = parse_command_line(arguments);
        EXPECT_EQ(call.kind, Kind::hook);
        EXPECT_EQ(call.name, "update-ldcache");
        EXPECT_EQ(call.all("folder"), wanted);
    }
}

TEST(HookCommandLine, GivesTheLastOfASingleValueAndTheDefault) {
    const HookCall call = parse_command_line({"update-ldcache", "--ldconfig-path", "/a", "--ldconfig-path=/b"});
    EXPECT_EQ(call.one("ldconfig-path", "/sbin/ldconfig"), "/b");
    EXPECT_EQ(parse_command_line({"update-ldcache"}).one("ldconfig-path", "/sbin/ldconfig"), "/sbin/ldconfig");
}

TEST(HookCommandLine, KeepsACommaInAValueThatIsNoList) {
    EXPECT_EQ(parse_command_line({"chmod", "--mode", "7,5"}).one("mode"), "7,5");
}

TEST(HookCommandLine, ASubCommandOfANewerToolIsNoError) {
    const HookCall call = parse_command_line({"apply-something-new", "--with", "arguments"});
    EXPECT_EQ(call.kind, Kind::unknown);
    EXPECT_EQ(call.name, "apply-something-new");
    EXPECT_EQ(parse_command_line({}).kind, Kind::nothing);
    EXPECT_EQ(parse_command_line({"hook"}).kind, Kind::nothing);
}

TEST(HookCommandLine, RefusesWhatItCannotUnderstandAndNamesIt) {
    EXPECT_THAT(refusal({"create-symlinks", "--lnk", "a::/b"}),
                testing::HasSubstr("create-symlinks has no argument '--lnk'"));
    EXPECT_THAT(refusal({"create-symlinks", "stray"}), testing::HasSubstr("'stray'"));
    EXPECT_THAT(refusal({"update-ldcache", "--folder"}), testing::HasSubstr("'--folder' lacks its value"));
    EXPECT_THAT(refusal({"--nonsense"}), testing::HasSubstr("'--nonsense'"));
}

TEST(HookCommandLine, HelpAndVersionAreAnswered) {
    EXPECT_EQ(parse_command_line({"--help"}).kind, Kind::help);
    EXPECT_EQ(parse_command_line({"hook", "chmod", "-h"}).kind, Kind::help);
    EXPECT_EQ(parse_command_line({"--version"}).kind, Kind::version);
}

TEST(LinkSpecs, ArePairsEachTakenOnce) {
    EXPECT_THAT(parse_links({"libcuda.so.1::/usr/lib/libcuda.so", "../x::usr//lib/./gbm/",
                             "libcuda.so.1::/usr/lib/libcuda.so"}),
                ElementsAre(LinkSpec{"libcuda.so.1", "/usr/lib/libcuda.so"}, LinkSpec{"../x", "/usr/lib/gbm"}));
}

TEST(LinkSpecs, RefuseAPathThatLeavesTheRootAndWhatIsNoPair) {
    for (const char* bad : {"", "a", "a::", "::/b", "a::b::c", "a::/", "a::/usr/../../etc/passwd", "a::/x\n/y"})
        EXPECT_THROW(static_cast<void>(parse_links({bad})), Error) << bad;
}

TEST(Modes, AreOctalPermissionBits) {
    EXPECT_EQ(parse_mode("755"), 0755U);
    EXPECT_EQ(parse_mode("01777"), 01777U);
    for (const char* bad : {"", "8", "0x1", "-1", "10000", "755 ", "u+x"})
        EXPECT_THROW(static_cast<void>(parse_mode(bad)), Error) << bad;
}

}  // namespace
}  // namespace overdrive
