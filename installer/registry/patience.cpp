#include "registry/patience.hpp"

#include <algorithm>

namespace overdrive {

using std::chrono::milliseconds;

std::uint64_t seeded_draw(std::uint64_t seed, std::uint64_t draw, std::uint64_t most) noexcept {
    // SplitMix64: neighbouring seeds and draws come out far apart.
    std::uint64_t mixed = seed + (draw + 1) * 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
    mixed ^= mixed >> 31U;
    return most == UINT64_MAX ? mixed : mixed % (most + 1);
}

std::optional<milliseconds> next_delay(const Patience& patience, int tries_made,
                                       std::optional<std::chrono::seconds> retry_after, milliseconds waited,
                                       std::uint64_t draw) {
    if (tries_made >= patience.tries) return std::nullopt;
    if (retry_after && *retry_after > patience.most_delay) return std::nullopt;
    milliseconds most = patience.first_delay;
    for (int doubled = 1; doubled < tries_made && most < patience.most_delay; ++doubled) most *= 2;
    most = std::clamp(most, milliseconds{1}, std::max(patience.most_delay, milliseconds{1}));
    const milliseconds jitter{seeded_draw(patience.seed, draw, static_cast<std::uint64_t>(most.count()))};
    const milliseconds delay = milliseconds{retry_after.value_or(std::chrono::seconds{0})} + jitter;
    if (waited + delay > patience.budget) return std::nullopt;
    return delay;
}

}  // namespace overdrive
