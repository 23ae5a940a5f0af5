#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/host_facts.hpp"

namespace overdrive {

/// Parsers of what the kernel and its driver write under /proc and /sys. Pure; lines that do not fit are skipped, as
/// these formats only ever grow.

/// mountinfo, in its order, with octal escapes undone. @see proc(5)
[[nodiscard]] std::vector<MountEntry> parse_mountinfo(std::string_view text);

/// /proc/modules: name, refcount and users; versions are elsewhere.
[[nodiscard]] std::vector<LoadedModule> parse_modules(std::string_view text);

/// Whether a module is of the driver's family or one of its rivals (nouveau, nova_core).
[[nodiscard]] bool is_driver_module(std::string_view kernel_name) noexcept;

/// The version in /proc/driver/nvidia/version (`NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.309.01  ...`):
/// the first word of digits and dots after the colon.
[[nodiscard]] std::optional<std::string> parse_driver_version(std::string_view text);

/// The GNU build id in the notes of the kernel, as lower-case hex. @see elf(5), "Notes"
[[nodiscard]] std::optional<std::string> parse_build_id(std::string_view notes);

/// Major numbers of the character devices in /proc/devices by name.
[[nodiscard]] std::map<std::string, unsigned> parse_character_majors(std::string_view text);

/// The value after `name:` in a text of such lines, without blanks around it. nullopt when there is none.
[[nodiscard]] std::optional<std::string> value_of(std::string_view text, std::string_view name);

}  // namespace overdrive
