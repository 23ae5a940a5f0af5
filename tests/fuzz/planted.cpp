// Two readers with a bug planted in each: `ci/fuzz --planted` must find them, or fuzzing here finds nothing. They are
// copies of what tar_framing.cpp does right.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

/// Bug: a record may be one byte longer than what is left, so that its last byte is read behind the end.
bool read_pax_record(std::string_view body) {
    std::size_t length = 0;
    std::size_t digits = 0;
    while (digits < body.size() && digits < 6 && body[digits] >= '0' && body[digits] <= '9')
        length = length * 10 + static_cast<std::size_t>(body[digits++] - '0');
    if (digits == 0 || digits == body.size() || body[digits] != ' ') return false;
    if (length > body.size() + 1 || length < digits + 4) return false;  // right: length > body.size()
    if (!body.substr(digits + 1).starts_with("size=")) return false;
    return body.data()[length - 1] == '\n';
}

/// Bug: the padding of a size near 2^64 wraps around to nothing, and the content behind it is read as headers.
bool read_octal_size(std::string_view field) {
    std::uint64_t size = 0;
    for (const char digit : field.substr(0, 22)) {
        if (digit < '0' || digit > '7') return false;
        if (size > (~0ULL >> 3U)) return false;
        size = size << 3U | static_cast<std::uint64_t>(digit - '0');
    }
    const std::uint64_t padded = (size + 511) / 512 * 512;  // right: sizes above 2^62 are refused before
    if (padded < size) {
        static_cast<void>(std::fprintf(stderr, "broken promise: padding only adds\n"));
        std::abort();
    }
    return true;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as characters
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    static_cast<void>(std::string_view{OVERDRIVE_PLANTED_BUG} == "pax-length" ? read_pax_record(bytes)
                                                                              : read_octal_size(bytes));
    return 0;
}
