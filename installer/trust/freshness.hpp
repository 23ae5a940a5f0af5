#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "trust/image_trust.hpp"

namespace overdrive {

/// The serials of what was installed, by `repository:tag`.
using Serials = std::map<std::string, std::uint64_t>;

/// The serial that an image must reach; of a place without a repository the highest that any repository has for the
/// tag. nullopt when none is remembered.
[[nodiscard]] std::optional<Serials::value_type> remembered_serial(const Serials& serials, const ImageClaim& claim);

/// Whether an image is not older than what was installed before it; `require_not_older` says what is wrong with it.
[[nodiscard]] bool is_not_older(const Serials& serials, const ImageClaim& claim, const ImageAnswer& answer);

/// Sees that an image is not older than what was installed before it. Only signed serials count, never a clock.
/// @param answer what the image's own signatures say; driver.json carries no serial
/// @throws Error older_artifact naming both serials when one is remembered and the image has none or a lower one
void require_not_older(const Serials& serials, const ImageClaim& claim, const ImageAnswer& answer);

}  // namespace overdrive
