// Names: E1 (out of the tree), E10 (twice), E13 (whiteouts); links: E2, E3, E12, E14; kinds: E4, E5, E6, E11.
#include "unit/archive/hostile_members.hpp"

namespace overdrive {

namespace {

constexpr const char* kAbsolute = "absolute";
constexpr const char* kNotPlain = "plain relative";
constexpr const char* kNotAscii = "printable ASCII";
constexpr const char* kOutside = "outside 'driver/'";
constexpr const char* kNotInside = "not inside the tree";
constexpr const char* kThroughLink = "through a link";

std::string times(int count, const std::string& text) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
}

std::string long_path(int parts, const std::string& part) { return "driver/" + times(parts, part + "/") + "x"; }

HostileMember named(const std::string& name, const std::string& member, const std::string& says) {
    return hostile_tar(name, TarMaker{}.file(member, "x"), says);
}

/// A name that no ustar header holds.
HostileMember pax_named(const std::string& name, const std::string& member, const std::string& says) {
    return hostile_tar(name, TarMaker{}.pax("path", member).file("driver/harmless", "x"), says);
}

TarMaker linked(const std::string& path, const std::string& target) { return TarMaker{}.link(path, target); }

HostileMember taken(HostileMember member, std::map<std::string, unsigned> left_behind) {
    member.refused_as.reset();
    member.left_behind = std::move(left_behind);
    return member;
}

TarHeader with_mode(const std::string& name, const std::string& mode, char type = '0') {
    return {.name = name, .type = type, .mode = mode};
}

HostileMember normalised(const std::string& name, const TarHeader& header, unsigned mode) {
    return taken(hostile_tar(name, TarMaker{}.header(header), {}), {{header.name.substr(7), mode}});
}

HostileMember special(const std::string& name, char type, const std::string& says) {
    return hostile_tar(name, TarMaker{}.member("driver/node", type, {}, {}, 0666), says);
}

HostileMember with_record(const std::string& name, const std::string& key, const std::string& value,
                          const std::string& says) {
    return hostile_tar(name, TarMaker{}.pax(key, value).file("driver/a", "x"), says);
}

}  // namespace

void add_hostile_names(std::vector<HostileMember>& out) {
    const std::vector<HostileMember> rows{
        named("E1_ParentFirst", "../x", kNotPlain),
        named("E1_ParentInside", "driver/../x", kNotPlain),
        named("E1_ParentTwice", "driver/a/../../../x", kNotPlain),
        named("E1_ParentLast", "driver/a/..", kNotPlain),
        named("E1_ParentWithSlash", "driver/../", kNotPlain),
        named("E1_Absolute", "/etc/cron.d/x", kAbsolute),
        named("E1_AbsoluteTwoSlashes", "//etc/x", kAbsolute),
        named("E1_AbsoluteBelowThePrefix", "/driver/x", kAbsolute),
        named("E1_JustSlash", "/", kAbsolute),
        named("E1_Dot", ".", kNotPlain),
        named("E1_DotSlash", "./", kNotPlain),
        named("E1_DotSlashPrefix", "./driver/x", kNotPlain),
        named("E1_DotInside", "driver/./x", kNotPlain),
        named("E1_TwoSlashes", "driver//x", kNotPlain),
        named("E1_Empty", "", "no readable name"),
        named("E1_OutsideThePrefix", "etc/passwd", kOutside),
        named("E1_PrefixIsOnlyTheBeginning", "driverx/a", kOutside),
        named("E1_ThePrefixAsAFile", "driver", "no directory"),
        named("E1_NewLine", "driver/a\nb", kNotAscii),
        named("E1_CarriageReturn", "driver/a\rb", kNotAscii),
        named("E1_TerminalEscape", "driver/\x1b]0;x\x07", kNotAscii),
        named("E1_Delete", "driver/\x7f", kNotAscii),
        named("E1_Utf8", "driver/\xc3\xa4", ""),
        named("E1_NotUtf8", "driver/\xff\xfe", ""),
        named("E1_RightToLeftOverride", "driver/\xe2\x80\xaeok.so", ""),
        named("E1_BytesBehindTheNul", {"driver/a\0/../../x", 17}, "behind its NUL"),
        hostile_tar("E1_BytesBehindTheNulOfThePrefix", TarMaker{}.header({.name = "x", .prefix = {"driver\0/..", 10}}),
                    "behind its NUL"),
        hostile_tar("E1_ParentInThePrefixField", TarMaker{}.header({.name = "x", .prefix = "driver/.."}), kNotPlain),
        hostile_tar("E1_NulInAPaxPath", TarMaker{}.pax("path", {"driver/a\0b", 10}).file("driver/a", "x"),
                    "holds a NUL"),
        hostile_tar("E1_NulInALongName", TarMaker{}.extension('L', {"driver/a\0b\0", 11}).file("driver/a", "x"),
                    "its only NUL"),
        pax_named("E1_ParentInAPaxPath", "driver/../../x", kNotPlain),
        pax_named("E1_AbsolutePaxPath", "/etc/shadow", kAbsolute),
        pax_named("E1_EmptyPaxPath", "", "is empty"),
        hostile_tar("E1_ParentInALongName", TarMaker{}.extension('L', {"driver/../x\0", 12}).file("driver/a", "x"),
                    kNotPlain),
        pax_named("E1_NameOf5000Bytes", "driver/" + times(5000, "n"), kNotPlain),
        pax_named("E1_PartOf256Bytes", "driver/" + times(256, "n"), kNotPlain),
        pax_named("E1_TenThousandParts", long_path(10'000, "d"), kNotPlain),
        pax_named("E1_DeeperThanItCanBeRemoved", long_path(1500, "d"), kNotPlain),
        pax_named("E1_SixtyFiveParts", long_path(65, "d"), kNotPlain),

        hostile_tar("E10_FileTwice", TarMaker{}.file("driver/a", "1").file("driver/a", "2"), "comes twice"),
        hostile_tar("E10_DirectoryTwice", TarMaker{}.directory("driver/d").directory("driver/d/"), "comes twice"),
        hostile_tar("E10_FileAndLink", TarMaker{}.file("driver/a", "1").link("driver/a", "b"), "comes twice"),
        hostile_tar("E10_LinkAndFile", TarMaker{}.link("driver/a", "b").file("driver/a", "1"), "comes twice"),
        hostile_tar("E10_FileOverDirectory", TarMaker{}.directory("driver/d").file("driver/d", "1"), "comes twice"),
        hostile_tar("E10_FileOverDirectoryOfAFile", TarMaker{}.file("driver/d/a", "1").file("driver/d", "2"), "taken"),
        hostile_tar("E10_FileBelowAFile", TarMaker{}.file("driver/d", "1").file("driver/d/a", "2"), "is a file"),
        hostile_tar("E10_DirectoryOverFileAndBack",
                    TarMaker{}.file("driver/d", "1").directory("driver/d/").file("driver/d", "2"), "comes twice"),
        hostile_tar("E10_ByCase", TarMaker{}.file("driver/lib", "1").file("driver/LIB", "2"), "upper and lower"),
        hostile_tar("E10_ByCaseOfAParent", TarMaker{}.file("driver/lib/a", "1").file("driver/Lib/b", "2"),
                    "upper and lower"),
        hostile_tar("E10_ByDot", TarMaker{}.file("driver/a", "1").file("driver/./a", "2"), kNotPlain),
        hostile_tar("E10_BySlash", TarMaker{}.file("driver/a", "1").file("driver//a", "2"), kNotPlain),
        hostile_tar("E10_FileWithTrailingSlash", TarMaker{}.file("driver/a/", "1"), "disagree"),

        named("E13_Whiteout", "driver/.wh.libcuda.so.1", "whiteout"),
        named("E13_WhiteoutBelow", "driver/lib64/.wh.libcuda.so.1", "whiteout"),
        named("E13_OpaqueDirectory", "driver/lib64/.wh..wh..opq", "whiteout"),
        named("E13_OpaqueTop", "driver/.wh..wh..opq", "whiteout"),
        named("E13_WhiteoutOfThePrefix", ".wh.driver", "whiteout"),
        hostile_tar("E13_DirectoryOfWhiteouts", TarMaker{}.file("driver/.wh..wh.plnk/1.2", "x"), "whiteout"),
        hostile_tar("E13_WhiteoutAsADevice", TarMaker{}.member("driver/lib64", '3', {}, {}, 0), "device"),
        hostile_tar("E13_WhiteoutAsALink", linked("driver/.wh.a", "b"), "whiteout"),
    };
    out.insert(out.end(), rows.begin(), rows.end());
}

void add_hostile_links(std::vector<HostileMember>& out) {
    std::vector<HostileMember> rows{
        hostile_tar("E2_LinkToTheRoot", linked("driver/l", "/"), kNotInside),
        hostile_tar("E2_LinkToAFileOfTheHost", linked("driver/l", "/etc/passwd"), kNotInside),
        hostile_tar("E2_LinkAboveTheTree", linked("driver/l", "../canary"), kNotInside),
        hostile_tar("E2_LinkAboveTheTreeFromBelow", linked("driver/d/l", "../../canary"), kNotInside),
        hostile_tar("E2_LinkClimbsAfterAName", linked("driver/l", "d/../../canary"), kNotInside),
        hostile_tar("E2_LinkClimbsThroughALink", linked("driver/up", ".").link("driver/l", "up/../canary"), kNotInside),
        hostile_tar("E2_LinkToNothing", linked("driver/l", ""), ""),
        hostile_tar("E2_LinkWithControlCharacters", linked("driver/l", "a\nb"), kNotInside),
        hostile_tar("E2_LinkTargetOf5000Bytes", TarMaker{}.pax("linkpath", times(5000, "n")).link("driver/l", "x"),
                    kNotInside),
        hostile_tar("E2_PaxLinkTargetOutside", TarMaker{}.pax("linkpath", "/etc/x").link("driver/l", "x"), kNotInside),
        hostile_tar("E2_LongLinkTargetOutside", TarMaker{}.extension('K', {"/etc/x\0", 7}).link("driver/l", "x"),
                    kNotInside),
        hostile_tar("E2_BytesBehindTheNulOfATarget", linked("driver/l", {"x\0/../../y", 10}), "behind its NUL"),
        hostile_tar("E2_FileThroughALink",
                    TarMaker{}.directory("driver/real").link("driver/l", "real").file("driver/l/x", "x"), kThroughLink),
        hostile_tar("E2_DirectoryThroughALink",
                    TarMaker{}.directory("driver/real").link("driver/l", "real").directory("driver/l/x"), kThroughLink),
        hostile_tar("E2_LinkThroughALink",
                    TarMaker{}.directory("driver/real").link("driver/l", "real").link("driver/l/x", "y"), kThroughLink),
        hostile_tar("E2_FileThroughADanglingLink", linked("driver/l", "nowhere").file("driver/l/x", "x"), kThroughLink),
        hostile_tar("E2_FileThroughALinkToItself", linked("driver/l", "l").file("driver/l/x", "x"), kThroughLink),
        hostile_tar(
            "E2_FileThroughTwoLinks",
            TarMaker{}.directory("driver/r").link("driver/b", "r").link("driver/a", "b").file("driver/a/x", "x"),
            kThroughLink),
        hostile_tar("E2_LinkReplacedByADirectory", linked("driver/l", "x").directory("driver/l/"), "comes twice"),
        hostile_tar("E2_DirectoryReplacedByALink", TarMaker{}.directory("driver/l/").link("driver/l", "x"),
                    "comes twice"),
        hostile_tar("E2_DirectoryOfAFileReplacedByALink", TarMaker{}.file("driver/l/x", "1").link("driver/l", "y"),
                    "taken"),
        hostile_tar("E2_DotAsALink", linked("driver/.", "x"), kNotPlain),
        hostile_tar("E2_SlashDotAsALink", linked("/.", "x"), kAbsolute),
        hostile_tar("E2_ThePrefixAsALink", linked("driver", "etc"), "no directory"),
        hostile_tar(
            "E2_LinkWithContent",
            TarMaker{}.header({.name = "driver/l", .type = '2', .size = "00000001000", .target = "x"}).body("y"),
            "has content"),

        hostile_tar("E3_HardLinkToOutside", TarMaker{}.hard_link("driver/h", "/etc/passwd"), "hard link"),
        hostile_tar("E3_HardLinkAboveTheTree", TarMaker{}.hard_link("driver/h", "../canary/file"), "hard link"),
        hostile_tar("E3_HardLinkToALink", linked("driver/l", "x").hard_link("driver/h", "driver/l"), "hard link"),
        hostile_tar("E3_HardLinkToALaterMember", TarMaker{}.hard_link("driver/h", "driver/a").file("driver/a", "x"),
                    "hard link"),
        hostile_tar("E3_HardLinkToAnEarlierMember", TarMaker{}.file("driver/a", "x").hard_link("driver/h", "driver/a"),
                    "hard link"),
        hostile_tar("E3_HardLinkToItself", TarMaker{}.hard_link("driver/h", "driver/h"), "hard link"),
        hostile_tar("E3_HardLinkToADirectory", TarMaker{}.directory("driver/d").hard_link("driver/h", "driver/d"),
                    "hard link"),
        hostile_tar("E3_HardLinkWithContent",
                    TarMaker{}.file("driver/a", "x").member("driver/h", '1', "new content", "driver/a", 0644),
                    "has content"),
        hostile_tar("E3_PaxHardLinkToOutside", TarMaker{}.pax("linkpath", "/etc/passwd").hard_link("driver/h", "x"),
                    "hard link"),
    };
    const std::vector<std::pair<std::string, TarMaker>> through{
        {"File", TarMaker{}.file("driver/l/x", "x")},
        {"Directory", TarMaker{}.directory("driver/l/x/")},
        {"Link", linked("driver/l/x", "y")},
    };
    for (const auto& [what, tar] : through) {
        HostileMember row = hostile_tar("E12_" + what + "ThroughALinkPlantedInStaging", tar, kThroughLink);
        row.planted = {{"l", "../canary"}};
        rows.push_back(std::move(row));
    }
    HostileMember over = hostile_tar("E12_FileOverALinkPlantedInStaging", TarMaker{}.file("driver/l", "x"), "taken");
    over.planted = {{"l", "../canary/file"}};
    rows.push_back(std::move(over));

    const auto two_layers = [&](const std::string& name, const TarMaker& first, const TarMaker& second,
                                const std::string& says) {
        rows.push_back({.name = name,
                        .layers =
                            [first, second] {
                                return std::vector{zstd(first.tar()), zstd(second.tar())};
                            },
                        .says = says});
    };
    two_layers("E14_SecondLayerThroughALinkOfTheFirst", TarMaker{}.directory("driver/r").link("driver/l", "r"),
               TarMaker{}.file("driver/l/x", "x"), kThroughLink);
    two_layers("E14_SecondLayerReplacesADirectoryByALink", TarMaker{}.file("driver/l/a", "x"),
               linked("driver/l", "r").file("driver/l/x", "x"), "taken");
    two_layers("E14_SecondLayerReplacesAFile", TarMaker{}.file("driver/a", "1"), TarMaker{}.file("driver/a", "2"),
               "taken");
    two_layers("E14_SecondLayerMakesALinkADirectory", linked("driver/l", "r"), TarMaker{}.directory("driver/l/"),
               kThroughLink);
    two_layers("E14_SecondLayerWhitesOutTheFirst", TarMaker{}.file("driver/a", "1"),
               TarMaker{}.file("driver/.wh.a", ""), "whiteout");
    out.insert(out.end(), rows.begin(), rows.end());
}

void add_hostile_kinds(std::vector<HostileMember>& out) {
    std::vector<HostileMember> rows{
        special("E4_CharacterDevice", '3', "device"),
        special("E4_BlockDevice", '4', "device"),
        special("E4_Fifo", '6', "fifo"),
        special("E4_Contiguous", '7', "type '7'"),
        special("E4_Socket", 's', "type 's'"),
        special("E4_UnknownType", '9', "type '9'"),
        special("E4_DirectoryDump", 'D', "type 'D'"),
        special("E4_VolumeLabel", 'V', "type 'V'"),
        special("E4_MultiVolume", 'M', "type 'M'"),
        special("E4_SolarisAcl", 'A', "type 'A'"),

        normalised("E5_SetUserId", with_mode("driver/a", "0004755"), 0755),
        normalised("E5_SetGroupId", with_mode("driver/a", "0002755"), 0755),
        normalised("E5_Sticky", with_mode("driver/a", "0001755"), 0755),
        normalised("E5_EveryBit", with_mode("driver/a", "0007777"), 0755),
        normalised("E5_WorldWritable", with_mode("driver/a", "0000666"), 0644),
        normalised("E5_NoBits", with_mode("driver/a", "0000000"), 0644),
        normalised("E5_WorldWritableDirectory", with_mode("driver/d", "0001777", '5'), 0755),
        normalised("E5_SetGroupIdDirectory", with_mode("driver/d", "0002700", '5'), 0755),
        normalised("E5_OwnerIsNobody", {.name = "driver/a", .owner = "0177776"}, 0644),
        normalised("E5_OwnerOf64Bits", {.name = "driver/a", .owner = {"\x80\xff\xff\xff\xff\xff\xff\xff", 8}}, 0644),
        with_record("E5_Capability", "SCHILY.xattr.security.capability",
                    {"\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20}, "extended attribute"),
        with_record("E5_SelinuxLabel", "RHT.security.selinux", "unconfined_u:object_r:bin_t:s0", "extended attribute"),
        with_record("E5_UserAttribute", "LIBARCHIVE.xattr.user.x", "eA==", "extended attribute"),
        with_record("E5_AccessList", "SCHILY.acl.access", "user::rwx,user:nobody:rwx", "extended attribute"),
        with_record("E5_DefaultAccessList", "SCHILY.acl.default", "user::rwx", "extended attribute"),
        with_record("E5_ImmutableFlag", "SCHILY.fflags", "immutable", "extended attribute"),
        taken(with_record("E5_PaxOwnerAndTime", "uid", "4294967295", {}), {{"a", 0644}}),

        hostile_tar("E6_SizeOf8EiB",
                    TarMaker{}.header({.name = "driver/a", .size = {"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12}}),
                    "no octal number"),
        hostile_tar("E6_NegativeSize", TarMaker{}.header({.name = "driver/a", .size = std::string(12, '\xff')}),
                    "no octal number"),
        hostile_tar("E6_LargestOctalSize", TarMaker{}.header({.name = "driver/a", .size = "777777777777"}),
                    "more than the"),
        hostile_tar("E6_OldGnuSparse", TarMaker{}.member("driver/a", 'S', {}, {}, 0644), "sparse"),
        with_record("E6_PaxSparseMap", "GNU.sparse.map", "0,512,256,512,9223372036854775807,1", "sparse"),
        with_record("E6_PaxSparse10", "GNU.sparse.major", "1", "sparse"),
        with_record("E6_PaxSparseRealSize", "GNU.sparse.realsize", "9223372036854775807", "sparse"),
        with_record("E6_PaxSparseOverlapping", "GNU.sparse.numbytes", "4096", "sparse"),
        with_record("E6_StarRealSize", "SCHILY.realsize", "9223372036854775807", "sparse"),
    };
    const auto listed = [&](const std::string& name, const TarMaker& tar, Errc code, const std::string& says) {
        HostileMember row = hostile_tar(name, tar, says);
        row.refused_as = code;
        row.expected = {"lib/modules/6.1.0-1-test/nvidia.ko", "lib64/libcuda.so.900.1.0"};
        rows.push_back(std::move(row));
    };
    listed("E11_ModuleForAnotherKernel", TarMaker{}.file("driver/lib/modules/6.2.0/nvidia.ko", ""), Errc::bad_archive,
           "does not list it");
    listed("E11_LibraryOfAnotherDriver", TarMaker{}.file("driver/lib64/libcuda.so.899.1.0", ""), Errc::bad_archive,
           "does not list it");
    listed("E11_ModuleOfAnotherSize", TarMaker{}.file("driver/lib/modules/6.1.0-1-test/nvidia.ko", "x"),
           Errc::digest_mismatch, "has 1 bytes");
    listed("E11_ModuleIsALink", linked("driver/lib/modules/6.1.0-1-test/nvidia.ko", "x"), Errc::incomplete_artifact,
           "is a link");
    out.insert(out.end(), rows.begin(), rows.end());
}

}  // namespace overdrive
