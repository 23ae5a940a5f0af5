#include "cdi/elf_soname.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace overdrive {

namespace {

/// The dynamic section of a driver's library has some 40 entries.
constexpr std::uint64_t kMostDynamicBytes = 64U << 10U;
constexpr std::size_t kMostName = 256;

/// A structure at `offset`; nullopt when it is not all inside.
template <typename Struct>
std::optional<Struct> read_at(const ReadBytes& read, std::uint64_t offset) {
    const std::string bytes = read(offset, sizeof(Struct));
    if (bytes.size() < sizeof(Struct)) return std::nullopt;
    Struct value{};
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::optional<Elf64_Shdr> section(const ReadBytes& read, const Elf64_Ehdr& header, std::uint64_t index) {
    if (index >= header.e_shnum) return std::nullopt;
    return read_at<Elf64_Shdr>(read, header.e_shoff + index * sizeof(Elf64_Shdr));
}

/// Where among the strings the name is told.
std::optional<std::uint64_t> soname_offset(const ReadBytes& read, const Elf64_Shdr& dynamic) {
    const std::string bytes = read(dynamic.sh_offset, std::min(dynamic.sh_size, kMostDynamicBytes));
    for (std::size_t at = 0; at + sizeof(Elf64_Dyn) <= bytes.size(); at += sizeof(Elf64_Dyn)) {
        Elf64_Dyn entry{};
        std::memcpy(&entry, bytes.data() + at, sizeof entry);
        if (entry.d_tag == DT_NULL) return std::nullopt;
        if (entry.d_tag == DT_SONAME) return entry.d_un.d_val;
    }
    return std::nullopt;
}

std::string text_at(const ReadBytes& read, const Elf64_Shdr& strings, std::uint64_t offset) {
    if (offset >= strings.sh_size) return {};
    const std::string bytes = read(strings.sh_offset + offset, kMostName);
    const std::size_t end = bytes.find('\0');
    return end == std::string::npos ? std::string{} : bytes.substr(0, end);
}

}  // namespace

std::optional<std::string> soname_in(const ReadBytes& read) {
    const auto header = read_at<Elf64_Ehdr>(read, 0);
    if (!header || std::memcmp(static_cast<const void*>(header->e_ident), ELFMAG, SELFMAG) != 0) return std::nullopt;
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB) return std::nullopt;
    if (header->e_shentsize != sizeof(Elf64_Shdr)) return std::nullopt;
    for (std::uint64_t index = 0; index < header->e_shnum; ++index) {
        const auto dynamic = section(read, *header, index);
        if (!dynamic || dynamic->sh_type != SHT_DYNAMIC) continue;
        const auto offset = soname_offset(read, *dynamic);
        const auto strings = section(read, *header, dynamic->sh_link);
        return offset && strings ? text_at(read, *strings, *offset) : std::string{};
    }
    return std::nullopt;
}

}  // namespace overdrive
