#include "cdi/library_cache.hpp"

#include <cstdint>
#include <cstring>

namespace overdrive {

namespace {

constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
constexpr std::size_t kHeaderBytes = 48;  // magic, count, bytes of strings, flags, extension offset, three unused
constexpr std::size_t kEntryBytes = 24;   // flags, key, value, OS version, capabilities
constexpr std::size_t kValueOffset = 8;

std::uint32_t word_at(std::string_view bytes, std::size_t offset) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

}  // namespace

std::vector<std::string> libraries_in_cache(std::string_view bytes) {
    // An older format may stand in front of it; all offsets count from here.
    const std::size_t start = bytes.find(kMagic);
    if (start == std::string_view::npos) return {};
    bytes.remove_prefix(start);
    if (bytes.size() < kHeaderBytes) return {};
    const std::size_t count = word_at(bytes, kMagic.size());
    std::vector<std::string> paths;
    for (std::size_t index = 0; index < count; ++index) {
        const std::size_t entry = kHeaderBytes + index * kEntryBytes;
        if (entry + kEntryBytes > bytes.size()) break;
        const std::size_t value = word_at(bytes, entry + kValueOffset);
        if (value >= bytes.size() || bytes[value] != '/') continue;
        const std::size_t end = bytes.find('\0', value);
        if (end != std::string_view::npos) paths.emplace_back(bytes.substr(value, end - value));
    }
    return paths;
}

}  // namespace overdrive
