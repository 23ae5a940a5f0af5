#include "hook/elf_file.hpp"

#include <elf.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace overdrive {

namespace {

constexpr std::size_t kMostHeaders = 4096;
constexpr std::size_t kMostBytes = 1U << 16U;

/// Exactly `size` bytes from `offset` on; nullopt when the file has fewer.
std::optional<std::string> bytes_at(int fd, std::uint64_t offset, std::size_t size) {
    if (offset > static_cast<std::uint64_t>(INT64_MAX) - size) return std::nullopt;
    std::string bytes(size, '\0');
    for (std::size_t got = 0; got < size;) {
        const ssize_t now = pread(fd, bytes.data() + got, size - got, static_cast<off_t>(offset + got));
        if (now <= 0) return std::nullopt;
        got += static_cast<std::size_t>(now);
    }
    return bytes;
}

template <typename Header>
Header header_from(std::string_view bytes) {
    Header header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    return header;
}

std::optional<Elf64_Ehdr> elf_header(int fd) {
    const auto bytes = bytes_at(fd, 0, sizeof(Elf64_Ehdr));
    if (!bytes || bytes->substr(0, SELFMAG) != ELFMAG || (*bytes)[EI_CLASS] != ELFCLASS64 ||
        (*bytes)[EI_DATA] != ELFDATA2LSB)
        return std::nullopt;
    return header_from<Elf64_Ehdr>(*bytes);
}

/// A table of the file, entry by entry; nullopt when it is damaged or unreasonably long.
template <typename Header>
std::optional<std::vector<Header>> table(int fd, std::uint64_t offset, std::size_t entry_size, std::size_t count) {
    if (entry_size != sizeof(Header) || count > kMostHeaders) return std::nullopt;
    const auto bytes = bytes_at(fd, offset, entry_size * count);
    if (!bytes) return std::nullopt;
    std::vector<Header> out;
    for (std::size_t i = 0; i < count; ++i)
        out.push_back(header_from<Header>(std::string_view{*bytes}.substr(i * entry_size)));
    return out;
}

std::size_t aligned(std::size_t size, std::size_t to) { return (size + to - 1) / to * to; }

/// The description of the first note in `section`, when it is by `owner`.
std::optional<std::string> note_by(std::string_view section, std::string_view owner, std::size_t alignment) {
    if (section.size() < sizeof(Elf64_Nhdr)) return std::nullopt;
    const auto note = header_from<Elf64_Nhdr>(section);
    section.remove_prefix(sizeof note);
    if (note.n_namesz > section.size()) return std::nullopt;
    std::string_view name = section.substr(0, note.n_namesz);
    name = name.substr(0, name.find('\0'));
    const std::size_t begin = aligned(note.n_namesz, alignment);
    if (name != owner || begin > section.size() || note.n_descsz > section.size() - begin) return std::nullopt;
    std::string_view description = section.substr(begin, note.n_descsz);
    description = description.substr(0, description.find('\0'));
    return std::string{description};
}

}  // namespace

bool is_static_program(int fd) {
    const auto header = elf_header(fd);
    if (!header || (header->e_type != ET_EXEC && header->e_type != ET_DYN)) return false;
    const auto segments = table<Elf64_Phdr>(fd, header->e_phoff, header->e_phentsize, header->e_phnum);
    if (!segments) return false;
    for (const Elf64_Phdr& segment : *segments) {
        if (segment.p_type == PT_INTERP) return false;
    }
    return true;
}

std::optional<std::string> elf_note(int fd, std::string_view section, std::string_view owner) {
    const auto header = elf_header(fd);
    if (!header) return std::nullopt;
    const auto sections = table<Elf64_Shdr>(fd, header->e_shoff, header->e_shentsize, header->e_shnum);
    if (!sections || header->e_shstrndx >= sections->size()) return std::nullopt;
    const Elf64_Shdr& strings = (*sections)[header->e_shstrndx];
    if (strings.sh_size > kMostBytes) return std::nullopt;
    const auto names = bytes_at(fd, strings.sh_offset, strings.sh_size);
    if (!names) return std::nullopt;
    for (const Elf64_Shdr& candidate : *sections) {
        if (candidate.sh_type != SHT_NOTE || candidate.sh_name >= names->size()) continue;
        if (std::string_view{names->c_str() + candidate.sh_name} != section) continue;
        if (candidate.sh_size > kMostBytes) return std::nullopt;
        const auto bytes = bytes_at(fd, candidate.sh_offset, candidate.sh_size);
        return bytes ? note_by(*bytes, owner, candidate.sh_addralign == 8 ? 8 : 4) : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace overdrive
