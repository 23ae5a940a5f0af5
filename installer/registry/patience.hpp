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

}  // namespace overdrive
