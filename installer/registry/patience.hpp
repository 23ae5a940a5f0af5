#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace overdrive {

/// How often and for how long something that may pass is tried again. Pure; the caller sleeps.
///
/// Delays grow by doubling with full jitter. A server's Retry-After is a lower bound, honoured up to `most_delay`; when
/// it asks for more the source is given up at once, so that the next one is tried.
/// @see RFC 9110 10.2.3 (Retry-After)
struct Patience {
    int tries = 5;  ///< of one request, the first one included
    std::chrono::milliseconds first_delay{500};
    std::chrono::milliseconds most_delay{30'000};
    std::chrono::milliseconds budget{120'000};  ///< waited in all for one source
    std::uint64_t seed = 0;                     ///< of the jitter: the host's, so that a fleet spreads
};

/// How long to wait before another try; nullopt when patience is at its end.
/// @param tries_made   so far, at least 1
/// @param retry_after  what the server asked for: waited out in full, with jitter on top
/// @param waited       for this source so far, of the budget
/// @param draw         number of this decision, so that no two of one host draw the same jitter
[[nodiscard]] std::optional<std::chrono::milliseconds> next_delay(const Patience& patience, int tries_made,
                                                                  std::optional<std::chrono::seconds> retry_after,
                                                                  std::chrono::milliseconds waited, std::uint64_t draw);

/// A number from 0 to `most` that looks random and is always the same for the same `seed` and `draw`.
[[nodiscard]] std::uint64_t seeded_draw(std::uint64_t seed, std::uint64_t draw, std::uint64_t most) noexcept;

}  // namespace overdrive
