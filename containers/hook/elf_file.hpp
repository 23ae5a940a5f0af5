#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace overdrive {

/// Whether the file is a 64-bit little-endian ELF program that the kernel starts without a loader (no PT_INTERP).
/// A script, or anything else that is no ELF file, is not.
[[nodiscard]] bool is_static_program(int fd);

/// The contents of an ELF file's note section of this name, when the note is by `owner`; nullopt when the file is no
/// such ELF file, has no such note, or is damaged. At most 64 KiB are read of it.
/// @see elf(5), "Notes"
[[nodiscard]] std::optional<std::string> elf_note(int fd, std::string_view section, std::string_view owner);

}  // namespace overdrive
