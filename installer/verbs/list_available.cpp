#include "verbs/list_available.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "model/os_profile.hpp"
#include "model/pair_index_view.hpp"
#include "store/store.hpp"
#include "verbs/ask_index.hpp"
#include "verbs/trust_check.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostNear = 10;

/// What one source offers.
struct Offered {
    std::string source;
    std::optional<TrustedIndex> trusted;
    std::vector<OfferedPair> fitting;  ///< best first
    std::optional<Pair> wanted;        ///< what the wish means here
    std::vector<std::string> near;
};

Offered offered_by(ArtifactSource& source, std::optional<TrustedIndex> trusted, const std::optional<DriverWish>& wish,
                   const PairQuestion& question) {
    Offered offered{.source = source.name(), .trusted = std::move(trusted), .fitting = {}, .wanted = {}, .near = {}};
    if (!offered.trusted) return offered;
    const PairIndex& index = offered.trusted->index;
    const DriverWish all = DriverWish::parse("newest");
    for (const OfferedPair& offer : index.pairs)
        if (is_for_kernel(offer, question)) offered.fitting.push_back(offer);
    std::stable_sort(offered.fitting.begin(), offered.fitting.end(), [](const OfferedPair& a, const OfferedPair& b) {
        return compare_versions(a.pair.driver.version(), b.pair.driver.version()) > 0;
    });
    if (offered.fitting.empty()) offered.near = nearest_pairs(index.pairs, wish.value_or(all), question, kMostNear);
    try {
        if (wish) {
            const auto chosen = choose_pairs(index, resolve_channel(index, *wish), question);
            if (!chosen.empty()) offered.wanted = chosen.front().pair;
        }
    } catch (const Error& error) {
        if (error.code() != Errc::no_artifact) throw;  // a channel that it does not have
    }
    return offered;
}

std::string text_of(const Offered& offered, const PairQuestion& question) {
    if (!offered.trusted) return fmt::format("{} has no pair index\n", offered.source);
    const PairIndex& index = offered.trusted->index;
    std::string text =
        fmt::format("{}: {} of {} pairs are for kernel {}, index {}\n", offered.source, offered.fitting.size(),
                    index.pairs.size(), question.kernel_release, to_text(offered.trusted->word.vouching));
    for (const auto& [name, driver] : index.channels) text += fmt::format("  channel {} -> {}\n", name, driver);
    std::size_t width = 0;
    for (const OfferedPair& offer : offered.fitting) width = std::max(width, tag_of(offer.pair).size());
    for (const OfferedPair& offer : offered.fitting)
        text += fmt::format("{} {}", offered.wanted == offer.pair ? "*" : " ", offer_line(offer, width));
    if (!offered.near.empty()) text += fmt::format("  the nearest are {}\n", fmt::join(offered.near, ", "));
    return text;
}

ordered_json json_of(const Offered& offered) {
    ordered_json json{{"source", offered.source},
                      {"index", nullptr},
                      {"channels", ordered_json::object()},
                      {"pairs", ordered_json::array()},
                      {"nearest", offered.near}};
    if (!offered.trusted) return json;
    const PairIndex& index = offered.trusted->index;
    json["index"] = {{"serial", index.serial},
                     {"created", index.created},
                     {"pairs", index.pairs.size()},
                     {"trust", trust_json(offered.trusted->word.vouching)}};
    json["channels"] = index.channels;
    for (const OfferedPair& offer : offered.fitting) {
        ordered_json pair = offer_json(offer);
        pair["wanted"] = offered.wanted == offer.pair;
        json["pairs"].push_back(std::move(pair));
    }
    return json;
}

}  // namespace

ExitCode run_list_available(const ListAvailableOptions& options, Services& services, Report& report) {
    const Config config = load_config(services.root, options.overrides, Strictness::interactive);
    if (config.sources.empty()) {
        throw Error{Errc::config, "no source is configured"}.with_remedy(
            "write sources = [\"docker://REGISTRY/overdrive/nvidia-{os_id}\"] into /etc/overdrive/config.toml, or use "
            "'--source'");
    }
    const Store store{services.root};
    const HostFacts facts = services.read_facts();
    const PairQuestion question =
        pair_question(store, facts, os_key(profile_for(facts.os_release.id()), facts.os_release, facts.kernel_release));
    ordered_json sources = ordered_json::array();
    std::string text;
    bool any_index = false;
    for (const std::string& name : config.sources) {
        auto source = services.open_source(name, config, facts.os_release.id());
        auto trusted = ask_index(services, store, config, {options.overrides}, *source);
        any_index = any_index || trusted;
        const Offered offered = offered_by(*source, std::move(trusted), config.wish(), question);
        sources.push_back(json_of(offered));
        text += text_of(offered, question);
    }
    if (!any_index) {
        throw Error{Errc::no_artifact, fmt::format("there is no pair index in {}", fmt::join(config.sources, ", "))}
            .with_remedy("publish one where the drivers are built ('overdrive-artifact index add')");
    }
    report.result({{"schema", 1},
                   {"os_key", question.os_key},
                   {"kernel_release", question.kernel_release},
                   {"architecture", question.architecture},
                   {"sources", std::move(sources)}},
                  text);
    return ExitCode::ok;
}

}  // namespace overdrive
