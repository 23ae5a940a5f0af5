#pragma once

#include <cstdint>
#include <string>

namespace overdrive {

/// `523.4 MB`: decimal units, as disks and networks are sold.
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

}  // namespace overdrive
