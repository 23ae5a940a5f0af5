#pragma once

#include <cstdint>
#include <string>

namespace overdrive {

/// `259.9 MiB`, `4.4 KiB`, `17 bytes`
[[nodiscard]] std::string size_text(std::uint64_t bytes);

}  // namespace overdrive
