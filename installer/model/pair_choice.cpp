#include "model/pair_choice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "model/wish_meaning.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// The first branch whose installer takes the open modules by default.
constexpr unsigned kOpenByDefault = 560;

bool prefers_open(const DriverId& driver) {
    unsigned branch = 0;
    const std::string_view text = driver.branch();
    std::from_chars(text.data(), text.data() + text.size(), branch);
    return branch >= kOpenByDefault;
}

/// Whether no GPU is known not to work with these modules. A stand-in has none of its own.
bool works_here(const OfferedPair& offer, const std::vector<unsigned>& gpus) {
    if (offer.module_type == "stand-in") return true;
    return std::all_of(gpus.begin(), gpus.end(), [&](unsigned device_id) {
        const auto architecture = architecture_of(device_id);
        if (!architecture) return true;
        return offer.pair.driver.open_modules() ? works_with_open_modules(*architecture)
                                                : works_with_proprietary_modules(*architecture);
    });
}

/// Whether `a` is to be taken rather than `b`.
bool is_better(const OfferedPair& a, const OfferedPair& b, const std::optional<DriverId>& in_force) {
    const DriverId& left = a.pair.driver;
    const DriverId& right = b.pair.driver;
    if (in_force && left.open_modules() != right.open_modules()) return left.open_modules() == in_force->open_modules();
    const auto order = compare_versions(left.version(), right.version());
    if (order != 0) return order > 0;
    return left.open_modules() != right.open_modules() && left.open_modules() == prefers_open(left);
}

}  // namespace

bool is_for_kernel(const OfferedPair& offer, const PairQuestion& question) {
    if (offer.pair.os_key != question.os_key || offer.architecture != question.architecture) return false;
    if (!question.kernel_release.empty() && offer.kernel_release != question.kernel_release) return false;
    return !offer.build_id || !question.build_id || *offer.build_id == *question.build_id;
}

DriverWish resolve_channel(const PairIndex& index, const DriverWish& wish) {
    if (!is_channel(wish) || wish.text == "newest") return wish;
    const auto found = index.channels.find(wish.text);
    if (found != index.channels.end()) return DriverWish::parse(found->second);
    std::vector<std::string> names;
    for (const auto& [name, driver] : index.channels) names.push_back(fmt::format("{} ({})", name, driver));
    names.emplace_back("newest");
    throw Error{Errc::no_artifact,
                fmt::format("{} has no channel '{}'; it has: {}", index.repository, wish.text, fmt::join(names, ", "))}
        .with_remedy("write one of them, a branch or a version as 'driver' into /etc/overdrive/config.toml");
}

std::vector<OfferedPair> choose_pairs(const PairIndex& index, const DriverWish& wish, const PairQuestion& question) {
    std::vector<OfferedPair> chosen;
    for (const OfferedPair& offer : index.pairs) {
        const bool is_wanted = is_for_kernel(offer, question) && wish.allows(offer.pair.driver);
        if (is_wanted && (module_kind(wish) != ModuleKind::either || works_here(offer, question.gpus)))
            chosen.push_back(offer);
    }
    std::stable_sort(chosen.begin(), chosen.end(),
                     [&](const OfferedPair& a, const OfferedPair& b) { return is_better(a, b, question.in_force); });
    return chosen;
}

std::vector<std::string> nearest_pairs(const std::vector<OfferedPair>& offers, const DriverWish& wish,
                                       const PairQuestion& question, std::size_t most) {
    std::vector<OfferedPair> near;
    for (const OfferedPair& offer : offers)
        if (offer.architecture == question.architecture) near.push_back(offer);
    const auto distance = [&](const OfferedPair& offer) {
        const DriverId& driver = offer.pair.driver;
        return (is_for_kernel(offer, question) ? 0 : 3) + (wish.allows(driver) ? 0 : wish.same_branch(driver) ? 1 : 2);
    };
    std::stable_sort(near.begin(), near.end(), [&](const OfferedPair& a, const OfferedPair& b) {
        if (distance(a) != distance(b)) return distance(a) < distance(b);
        if (a.pair.os_key != b.pair.os_key) return a.pair.os_key > b.pair.os_key;
        return compare_versions(a.pair.driver.version(), b.pair.driver.version()) > 0;
    });
    std::vector<std::string> names;
    for (const OfferedPair& offer : near) {
        const std::string name = offer.pair.path();
        if (names.size() < most && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
}

}  // namespace overdrive
