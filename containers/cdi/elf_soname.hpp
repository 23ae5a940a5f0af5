#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace overdrive {

/// Gives at most `size` bytes of a file from `offset` on; fewer at its end.
using ReadBytes = std::function<std::string(std::uint64_t offset, std::size_t size)>;

/// The name by which others ask for a shared object (DT_SONAME): empty for an object without one, nullopt for what is
/// no 64-bit little-endian shared object. Little is read, however large the file; any bytes may be given.
/// @see elf(5)
[[nodiscard]] std::optional<std::string> soname_in(const ReadBytes& read);

}  // namespace overdrive
