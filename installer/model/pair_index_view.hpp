#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "model/pair_index.hpp"

namespace overdrive {

/// An offered pair as scripts read it: an object with all fields, `null` where nothing is known.
[[nodiscard]] nlohmann::ordered_json offer_json(const OfferedPair& offer);

/// One line for people: the tag, the kernel, how large it is, since when, how many checks it passed.
[[nodiscard]] std::string offer_line(const OfferedPair& offer, std::size_t tag_width);

/// `2026-11-21`, in UTC. @param seconds since the epoch
[[nodiscard]] std::string date_text(std::uint64_t seconds);

}  // namespace overdrive
