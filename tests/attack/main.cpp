// The rename-exchange attack on the staging tree. Usage: staging_attack [--rounds N] [--seed N]
#include <fcntl.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>

#include "attack/canary.hpp"
#include "attack/victims.hpp"

namespace overdrive {
namespace {

struct Options {
    std::uint64_t rounds = 6000;
    std::uint64_t seed = 1;
};

std::optional<Options> parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::uint64_t value = 0;
        const char* end = argv[i + 1] + std::strlen(argv[i + 1]);
        if (const auto [at, error] = std::from_chars(argv[i + 1], end, value); error != std::errc{} || at != end)
            return std::nullopt;
        if (std::strcmp(argv[i], "--rounds") == 0)
            options.rounds = value;
        else if (std::strcmp(argv[i], "--seed") == 0)
            options.seed = value;
        else
            return std::nullopt;
    }
    if (argc % 2 == 0) return std::nullopt;
    return options;
}

/// The rounds until the canary was changed by a writer without RESOLVE flags; nullopt when it never was.
std::optional<std::uint64_t> rounds_until_hit(std::uint64_t most, std::uint64_t seed) {
    const TemporaryRoot dir;
    Canary canary{dir.path() + "/canary"};
    dir.root().make_directories("/tree");
    const UniqueFd tree = dir.root().open("/tree", O_RDONLY | O_DIRECTORY);
    plant(tree.get(), canary.path());
    Attacker attacker;
    attacker.attack(tree.get());
    std::mt19937_64 random{seed};
    for (std::uint64_t round = 1; round <= most; ++round) {
        write_without_resolve_flags(tree.get(), random);
        if (!canary.changes().empty()) return round;
    }
    return std::nullopt;
}

/// Whether the race was run long enough: the rounds that were asked for, and on until the kernel was seen to notice a
/// rename with EAGAIN, which a busy machine with few processors may keep from happening for a while.
bool is_enough(const AttackCounts& counts, std::uint64_t rounds) {
    constexpr std::uint64_t kMostTimes = 50;
    return counts.rounds >= rounds && (counts.eagain > 0 || counts.rounds >= rounds * kMostTimes);
}

/// @return whether all of the run was as it must be
bool run(const Options& options) {
    constexpr std::uint64_t kLookEvery = 128;
    const TemporaryRoot outside;
    Canary canary{outside.path() + "/canary"};
    Attacker attacker;
    Victims victims{canary.path(), attacker, options.seed};
    std::uint64_t escapes = 0;
    std::uint64_t next_look = kLookEvery;
    while (!is_enough(victims.counts(), options.rounds)) {
        victims.round();
        const std::uint64_t round = victims.counts().rounds;
        if (round < next_look && round < options.rounds) continue;
        next_look = round + kLookEvery;
        const auto changes = canary.changes();
        if (changes.empty()) continue;
        ++escapes;
        for (const std::string& change : changes)
            static_cast<void>(std::printf("escape by round %lu: %s\n", round, change.c_str()));
        canary.put_back();
    }
    const AttackCounts& counts = victims.counts();
    static_cast<void>(
        std::printf("rounds: %lu\nexchanges done: %lu\ncalls that were done: %lu\ncalls that were refused: %lu\n",
                    counts.rounds, attacker.exchanges(), counts.done, counts.refused));
    static_cast<void>(
        std::printf("EAGAIN seen: %lu\nEAGAIN 129 times in a row: %lu\n", counts.eagain, counts.given_up));
    const auto hit = rounds_until_hit(options.rounds, options.seed);
    static_cast<void>(std::printf("without RESOLVE flags: %s after %lu rounds\n",
                                  hit ? "the canary was changed" : "the canary was NOT changed",
                                  hit.value_or(options.rounds)));
    static_cast<void>(std::printf("escapes: %lu\n", escapes));
    return escapes == 0 && hit && attacker.exchanges() > 0 && counts.refused > 0 && counts.done > 0 &&
           counts.eagain > 0;
}

}  // namespace
}  // namespace overdrive

int main(int argc, char** argv) {
    try {
        const auto options = overdrive::parse(argc, argv);
        if (!options) {
            static_cast<void>(std::fprintf(stderr, "usage: staging_attack [--rounds N] [--seed N]\n"));
            return 2;
        }
        return overdrive::run(*options) ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception& error) {
        static_cast<void>(std::fprintf(stderr, "staging_attack: %s\n", error.what()));
        return EXIT_FAILURE;
    }
}
