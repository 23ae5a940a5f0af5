// What holds the members: E7 (bombs), E8 (headers that can be read in two ways), E9 (ends).
#include <fmt/format.h>

#include "unit/archive/hostile_members.hpp"

namespace overdrive {

namespace {

constexpr const char* kGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr std::size_t kBlock = 512;

std::string little_endian(std::uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8U * static_cast<unsigned>(i)));
    return out;
}

const std::string kZstdMagic = little_endian(0xFD2FB528U, 4);

/// A zstd frame of blocks that each repeat one zero 128 Ki times: four bytes for 128 KiB.
/// @param header the bytes behind the magic number @see RFC 8878, 3.1.1
std::string zstd_zeros(const std::string& header, int blocks) {
    std::string out = kZstdMagic + header;
    for (int i = 0; i < blocks; ++i) {
        const bool is_last = i + 1 == blocks;
        out += little_endian((is_last ? 1U : 0U) | 1U << 1U | (128U << 10U) << 3U, 3) + '\0';
    }
    return out;
}

/// Window descriptor of 2^`log` bytes.
std::string with_window(unsigned log) { return little_endian((log - 10U) << 11U, 2); }

/// The content's size is announced in eight bytes, the window is 2^17.
std::string with_size(std::uint64_t size) {
    return little_endian(0xC0U | ((17U - 10U) << 3U) << 8U, 2) + little_endian(size, 8);
}

/// One segment: the window is as large as the content.
std::string single_segment(std::uint64_t size) { return little_endian(0xE0U, 1) + little_endian(size, 8); }

std::string times(int count, const std::string& text) {
    std::string out;
    out.reserve(text.size() * static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) out += text;
    return out;
}

std::string skippable(std::uint32_t announced, const std::string& content) {
    return little_endian(0x184D2A50U, 4) + little_endian(announced, 4) + content;
}

HostileMember lazy(const std::string& name, std::function<std::string()> blob, const std::string& says,
                   const char* type = nullptr) {
    HostileMember row{.name = name, .layers = [blob = std::move(blob)] { return std::vector{blob()}; }, .says = says};
    if (type != nullptr) row.media_type = type;
    return row;
}

const std::string kEmptyFrame = zstd({});
TarMaker small() { return TarMaker{}.file("driver/a", "x"); }

std::string of_many_members(int count) {
    TarMaker tar;
    for (int i = 0; i < count; ++i) tar.file(fmt::format("driver/{}", i), {});
    return tar.tar();
}

HostileMember record(const std::string& name, const std::string& body, const std::string& says) {
    return hostile_tar(name, TarMaker{}.extension('x', body).file("driver/a", "x"), says);
}

}  // namespace

void add_hostile_sizes(std::vector<HostileMember>& out) {
    const auto gzip_zeros = [](std::size_t bytes) { return gzip(small().without_end() + std::string(bytes, '\0')); };
    const std::vector<HostileMember> rows{
        lazy(
            "E7_ZstdOf100GiB", [] { return zstd_zeros(with_size(100ULL << 30U), 2500); }, ""),
        lazy(
            "E7_ZstdZerosBehindAMember",
            [] { return zstd(small().without_end()) + zstd_zeros(with_window(17), 20'000); }, "larger than the"),
        lazy(
            "E7_ZstdMemberOf2GiB",
            [] {
                return zstd(TarMaker{}.header({.name = "driver/a", .size = "20000000000"}).without_end()) +
                       zstd_zeros(with_window(17), 16384);
            },
            "more than the"),
        lazy(
            "E7_ZstdWindowOf2GiB", [] { return zstd_zeros(with_window(31), 10); }, "zstd"),
        lazy(
            "E7_ZstdWindowOf32MiB", [] { return zstd_zeros(with_window(25), 10); }, "zstd"),
        lazy(
            "E7_ZstdSingleSegmentOf1TiB", [] { return zstd_zeros(single_segment(1ULL << 40U), 10); }, "zstd"),
        lazy(
            "E7_ZstdSizeOf8EiB", [] { return zstd_zeros(with_size(~0ULL >> 1U), 10); }, ""),
        lazy(
            "E7_ZstdManyEmptyFrames", [] { return times(1'000'000, kEmptyFrame) + zstd(small().tar()); },
            "too many frames"),
        lazy(
            "E7_ZstdManySkippableFrames", [] { return times(100'000, skippable(1, "x")) + zstd(small().tar()); },
            "too many frames"),
        lazy(
            "E7_ZstdSkippableFrameOf4GiB", [] { return skippable(0xFFFFFFFFU, "x"); }, "ends in the middle of a frame"),
        lazy(
            "E7_ZstdOfZstd", [] { return zstd(zstd(small().tar())); }, "malformed tar"),
        lazy(
            "E7_GzipOfZerosBehindAMember", [&] { return gzip_zeros(300U << 20U); }, "larger than the", kGzip),
        lazy(
            "E7_GzipManyEmptyMembers", [] { return times(200'000, gzip({})); }, "", kGzip),
        lazy(
            "E7_GzipOfGzip", [] { return gzip(gzip(small().tar())); }, "malformed tar", kGzip),
        lazy(
            "E7_MillionEmptyMembers", [] { return zstd(times(1'000'000, small().without_end().substr(0, kBlock))); },
            ""),
        lazy(
            "E7_MoreMembersThanAllowed", [] { return zstd(of_many_members(101)); }, "100 members"),
        hostile_tar("E7_MoreBytesThanAllowed", TarMaker{}.header_only("driver/a", 1ULL << 32U), "more than the"),
        lazy(
            "E7_TwoFilesTogetherMoreThanAllowed",
            [] {
                const std::string half((32U << 20U) + 1, '\0');
                return zstd(TarMaker{}.file("driver/a", half).file("driver/b", half).tar());
            },
            "more than the"),
    };
    out.insert(out.end(), rows.begin(), rows.end());
}

void add_hostile_framing(std::vector<HostileMember>& out) {
    const TarMaker hidden = TarMaker{}.file("driver/hidden", "x");
    const std::string whole = TarMaker{}.file("driver/a", std::string(3000, 'x')).tar();
    const std::string no_end = TarMaker{}.file("driver/a", "x").without_end();
    std::vector<HostileMember> rows{
        // The content of one reader is the next header of the other.
        hostile_tar("E8_PaxSizeSmallerThanHeader", TarMaker{}.pax("size", "0").file("driver/a", hidden.without_end()),
                    "by its extended header"),
        hostile_tar("E8_PaxSizeLargerThanHeader",
                    TarMaker{}.pax("size", "1024").file("driver/a", {}).raw(hidden.without_end()),
                    "by its extended header"),
        hostile_tar("E8_PaxSizeNegative", TarMaker{}.pax("size", "-1").file("driver/a", "x"), "by its extended header"),
        hostile_tar("E8_PaxSizeOf2To64", TarMaker{}.pax("size", "18446744073709551616").file("driver/a", "x"),
                    "by its extended header"),
        hostile_tar("E8_PaxSizeWithLeadingZero", TarMaker{}.pax("size", "01").file("driver/a", "x"),
                    "by its extended header"),
        hostile_tar("E8_PaxSizeEmpty", TarMaker{}.pax("size", "").file("driver/a", "x"), "is empty"),
        record("E8_PaxLengthTooLong", "99 path=driver/b\n", "length is wrong"),
        record("E8_PaxLengthTooShort", "5 path=driver/b\n", "length is wrong"),
        record("E8_PaxLengthZero", "0 path=driver/b\n", "length is wrong"),
        record("E8_PaxLengthOverflows", "99999999999999999999999 path=x\n", "length is wrong"),
        record("E8_PaxLengthNegative", "-17 path=driver/b\n", "length is wrong"),
        record("E8_PaxWithoutLength", "path=driver/b\n", "length is wrong"),
        record("E8_PaxWithoutEquals", "17 path driver/b\n", "no keyword"),
        record("E8_PaxWithoutKeyword", "13 =driver/b\n", "no keyword"),
        record("E8_PaxWithoutNewLine", "17 path=driver/bX", "length is wrong"),
        record("E8_PaxKeywordTwice",
               TarMaker::pax_record("path", "driver/b") + TarMaker::pax_record("path", "driver/c"), "comes twice"),
        hostile_tar("E8_PaxHeaderOf2GiB", TarMaker{}.header({.name = "x", .type = 'x', .size = "20000000000"}),
                    "extended header of 2147483648 bytes"),
        hostile_tar("E8_PaxHeaderOfNothing", TarMaker{}.extension('x', {}).file("driver/a", "x"),
                    "extended header of 0 bytes"),
        hostile_tar("E8_LongNameOf2GiB", TarMaker{}.header({.name = "x", .type = 'L', .size = "20000000000"}),
                    "extended header of 2147483648 bytes"),
        hostile_tar("E8_PaxAfterPax", TarMaker{}.pax("path", "driver/b").pax("path", "driver/c").file("driver/a", "x"),
                    "chain"),
        hostile_tar(
            "E8_LongNameAfterLongName",
            TarMaker{}.extension('L', {"driver/b\0", 9}).extension('L', {"driver/c\0", 9}).file("driver/a", "x"),
            "chain"),
        hostile_tar("E8_LongNameAfterPax",
                    TarMaker{}.pax("path", "driver/b").extension('L', {"driver/c\0", 9}).file("driver/a", "x"),
                    "chain"),
        hostile_tar("E8_PaxAfterLongName",
                    TarMaker{}.extension('L', {"driver/c\0", 9}).pax("path", "driver/b").file("driver/a", "x"),
                    "chain"),
        hostile_tar("E8_LongNameWithoutNul", TarMaker{}.extension('L', "driver/b").file("driver/a", "x"),
                    "its only NUL"),
        hostile_tar("E8_GlobalHeader", TarMaker{}.pax("path", "driver/b", 'g').file("driver/a", "x"), "global header"),
        hostile_tar("E8_GlobalHeaderWithSize", TarMaker{}.pax("size", "0", 'g').file("driver/a", "x"), "global header"),
        hostile_tar("E8_SizeInHexadecimal", TarMaker{}.header({.name = "driver/a", .size = "0x000000010"}),
                    "no octal number"),
        hostile_tar("E8_SizeWithBytesBehind", TarMaker{}.header({.name = "driver/a", .size = "0000001 0000"}),
                    "no octal number"),
        hostile_tar("E8_SizeEmpty", TarMaker{}.header({.name = "driver/a", .size = ""}), "no octal number"),
        hostile_tar("E8_ChecksumWrong", TarMaker{}.header({.name = "driver/a", .checksum_off_by = 1}), ""),
        hostile_tar("E8_WithoutMagic", TarMaker{}.file("driver/a", "x").header({.name = "driver/b", .magic = ""}),
                    "neither of ustar nor of pax"),
        hostile_tar("E8_DirectoryWithContent", TarMaker{}.member("driver/d/", '5', hidden.without_end(), {}, 0755),
                    "has content"),
        hostile_tar("E8_ExtensionPaddedWithBytes",
                    TarMaker{}
                        .header({.name = "x", .type = 'L', .size = "00000000011"})
                        .raw(std::string{"driver/b\0", 9} + std::string(kBlock - 9, 'x'))
                        .file("driver/a", "x"),
                    "padded with bytes"),

        hostile_bytes("E9_CutInAHeader", whole.substr(0, 300), ""),
        hostile_bytes("E9_CutInContent", whole.substr(0, 2000), ""),
        hostile_bytes("E9_CutInPadding", whole.substr(0, kBlock + 3000 + 10), ""),
        hostile_bytes("E9_CutBehindAPaxHeader", TarMaker{}.pax("path", "driver/b").without_end(), ""),
        hostile_bytes("E9_PaxHeaderBeforeTheEnd", TarMaker{}.pax("path", "driver/b").tar(), ""),
        hostile_bytes("E9_NoEndBlocks", no_end, "two blocks of zeros"),
        hostile_bytes("E9_OneEndBlock", no_end + std::string(kBlock, '\0'), "two blocks of zeros"),
        hostile_bytes("E9_HalfAnEndBlock", no_end + std::string(kBlock / 2, '\0'), ""),
        hostile_bytes("E9_NoMembersAndNoEnd", std::string(kBlock, '\0'), "two blocks of zeros"),
        hostile_bytes("E9_DataBehindTheEnd", whole + "tail", "after the end"),
        hostile_bytes("E9_DataFarBehindTheEnd", whole + std::string(900'000, '\0') + "x", "after the end"),
        hostile_bytes("E9_SecondArchive", whole + TarMaker{}.file("driver/b", "x").tar(), "after the end"),
        hostile_bytes("E9_MemberBetweenTheEndBlocks", no_end + std::string(kBlock, '\0') + hidden.tar(),
                      "after the end"),
        lazy(
            "E9_BytesBehindTheZstdFrame", [whole] { return zstd(whole) + "tail!"; }, "zstd"),
        lazy(
            "E9_ZstdFrameCutShort", [whole] { return zstd(whole).substr(0, 30); }, "ends in the middle of a frame"),
        lazy(
            "E9_BytesBehindTheGzipMember", [whole] { return gzip(whole) + "tail!"; }, "gzip", kGzip),
        lazy(
            "E9_GzipMemberCutShort", [whole] { return gzip(whole).substr(0, 30); }, "gzip", kGzip),
        lazy(
            "E9_SecondArchiveInASecondFrame",
            [whole] { return zstd(whole) + zstd(TarMaker{}.file("driver/b", "x").tar()); }, "after the end"),
        lazy(
            "E9_NothingAtAll", [] { return kEmptyFrame; }, ""),
        lazy(
            "E9_NotCompressed", [whole] { return whole; }, "zstd"),
    };
    out.insert(out.end(), rows.begin(), rows.end());
}

HostileMember hostile_bytes(const std::string& name, const std::string& tar, const std::string& says) {
    return {.name = name, .layers = [tar] { return std::vector{zstd(tar)}; }, .says = says};
}

HostileMember hostile_tar(const std::string& name, const TarMaker& tar, const std::string& says) {
    return hostile_bytes(name, tar.tar(), says);
}

const std::vector<HostileMember>& hostile_members() {
    static const std::vector<HostileMember> kMembers = [] {
        std::vector<HostileMember> all;
        add_hostile_names(all);
        add_hostile_links(all);
        add_hostile_kinds(all);
        add_hostile_sizes(all);
        add_hostile_framing(all);
        return all;
    }();
    return kMembers;
}

}  // namespace overdrive
