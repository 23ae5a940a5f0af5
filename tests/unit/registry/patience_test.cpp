#include "registry/patience.hpp"

#include <gtest/gtest.h>

#include <set>

#include "registry/host_seed.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Patience, DelaysAreDrawnFromARangeThatDoublesUpToTheMost) {
    const Patience patience{.tries = 100, .first_delay = milliseconds{100}, .most_delay = milliseconds{1000}};
    for (const auto& [tries, most] : {std::pair{1, 100}, {2, 200}, {3, 400}, {4, 800}, {5, 1000}, {60, 1000}}) {
        milliseconds largest{0};
        for (std::uint64_t draw = 0; draw < 300; ++draw) {
            const auto delay = next_delay(patience, tries, std::nullopt, milliseconds{0}, draw);
            ASSERT_TRUE(delay);
            EXPECT_LE(*delay, milliseconds{most});
            largest = std::max(largest, *delay);
        }
        EXPECT_GT(largest, milliseconds{most * 9 / 10}) << "after " << tries;
    }
}

TEST(Patience, ARetryAfterIsWaitedOutAndSpread) {
    const Patience patience{.first_delay = milliseconds{500}};
    std::set<milliseconds> drawn;
    for (std::uint64_t draw = 0; draw < 50; ++draw) {
        const auto delay = next_delay(patience, 1, seconds{7}, milliseconds{0}, draw);
        ASSERT_TRUE(delay);
        EXPECT_GE(*delay, seconds{7});
        EXPECT_LE(*delay, milliseconds{7500});
        drawn.insert(*delay);
    }
    EXPECT_GT(drawn.size(), 25U);
}

TEST(Patience, EndsWithTheTriesTheBudgetAndAnAbsurdRetryAfter) {
    const Patience patience;
    EXPECT_FALSE(next_delay(patience, patience.tries, std::nullopt, milliseconds{0}, 0));
    EXPECT_FALSE(next_delay(patience, 1, std::nullopt, patience.budget + milliseconds{1}, 0));
    EXPECT_FALSE(next_delay(patience, 1, seconds{31}, milliseconds{0}, 0));
    EXPECT_FALSE(next_delay(patience, 1, seconds{1'000'000'000}, milliseconds{0}, 0));
    EXPECT_TRUE(next_delay(patience, 1, seconds{30}, milliseconds{0}, 0));
}

TEST(HostSeed, DiffersFromHostToHostAndStaysTheSameOnOne) {
    const TemporaryRoot a;
    const TemporaryRoot b;
    EXPECT_EQ(host_seed(a.root()), 0U);
    a.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    b.write("etc/machine-id", "0123456789abcdef0123456789abcdee\n");
    EXPECT_EQ(host_seed(a.root()), host_seed(a.root()));
    EXPECT_NE(host_seed(a.root()), host_seed(b.root()));
    b.write("etc/machine-id", "uninitialized\n");
    b.write("etc/hostname", "node-b\n");
    EXPECT_NE(host_seed(b.root()), 0U);
}

}  // namespace
}  // namespace overdrive
