#include "builder-images/artifact/index_edit.hpp"

#include "builder-images/artifact/delta/delta_image.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "model/json_reader.hpp"

namespace overdrive {

namespace {

bool is_same_place(const OfferedPair& a, const OfferedPair& b) {
    return a.pair == b.pair && a.architecture == b.architecture;
}

bool has_version(const PairIndex& index, std::string_view version) {
    return std::any_of(index.pairs.begin(), index.pairs.end(),
                       [&](const OfferedPair& offer) { return offer.pair.driver.version() == version; });
}

/// A driver id names itself; a branch all of its drivers with modules of that kind.
bool has(const PairIndex& index, const std::string& driver) {
    const DriverWish wish = DriverWish::parse(driver);
    return std::any_of(index.pairs.begin(), index.pairs.end(),
                       [&](const OfferedPair& offer) { return wish.allows(offer.pair.driver); });
}

}  // namespace

ProofReport ProofReport::parse(std::string_view json, const std::string& name) {
    const JsonReader reader = JsonReader::parse(json, name, Errc::usage);
    reader.require_reader(1);
    const JsonReader artifact = reader.object("artifact");
    const auto digest = artifact.optional_string("digest");
    ProofReport report{Digest::parse(digest ? *digest : artifact.string("manifest")), {}};
    std::vector<std::string> failed;
    for (const JsonReader& check : reader.objects("checks")) {
        if (!check.has("ok")) continue;  // null: it was not run
        (check.boolean_or("ok", false) ? report.checks : failed).push_back(check.string("name"));
    }
    if (!failed.empty()) reader.fail("checks", fmt::format("failed: {}", fmt::join(failed, ", ")));
    if (report.checks.empty()) reader.fail("checks", "are none");
    std::sort(report.checks.begin(), report.checks.end());
    report.checks.erase(std::unique(report.checks.begin(), report.checks.end()), report.checks.end());
    return report;
}

void add_proof(std::vector<OfferedPair>& offers, const std::vector<ProofReport>& reports) {
    for (const ProofReport& report : reports) {
        bool used = false;
        for (OfferedPair& offer : offers) {
            if (report.artifact != offer.manifest && report.artifact != offer.image_index) continue;
            offer.proof = report.checks;
            used = true;
        }
        if (!used)
            throw Error{Errc::usage,
                        fmt::format("the report is about {}, which is none of what is added", report.artifact.text())};
    }
}

void add_offers(PairIndex& index, const std::vector<OfferedPair>& offers, std::uint64_t now) {
    for (OfferedPair offer : offers) {
        const auto old = std::find_if(index.pairs.begin(), index.pairs.end(),
                                      [&](const OfferedPair& each) { return is_same_place(each, offer); });
        const bool is_same = old != index.pairs.end() && old->manifest == offer.manifest;
        offer.created = is_same ? old->created : now;
        if (is_same && offer.proof.empty()) offer.proof = old->proof;
        if (old == index.pairs.end()) {
            index.pairs.push_back(std::move(offer));
        } else {
            *old = std::move(offer);
        }
    }
    sort_offers(index.pairs);
}

void replace_offers(PairIndex& index, const std::vector<OfferedPair>& offers, std::uint64_t now) {
    add_offers(index, offers, now);
    std::erase_if(index.pairs, [&](const OfferedPair& each) {
        return std::none_of(offers.begin(), offers.end(),
                            [&](const OfferedPair& offer) { return is_same_place(each, offer); });
    });
}

std::vector<std::string> remove_tags(PairIndex& index, const std::vector<std::string>& tags) {
    std::vector<std::string> missing;
    for (const std::string& tag : tags) {
        const auto removed =
            std::erase_if(index.pairs, [&](const OfferedPair& offer) { return tag_of(offer.pair) == tag; }) +
            std::erase_if(index.deltas, [&](const OfferedDelta& delta) { return tag_of(delta) == tag; });
        if (removed == 0) missing.push_back(tag);
    }
    return missing;
}

void add_deltas(PairIndex& index, const std::vector<OfferedDelta>& deltas) {
    for (const OfferedDelta& delta : deltas) {
        if (!has_version(index, delta.to_version))
            throw Error{
                Errc::usage,
                fmt::format("the delta {} leads to a driver version of which the index has no pair", tag_of(delta))}
                .with_remedy("add a pair of that version first, or in the same run");
        std::erase_if(index.deltas,
                      [&](const OfferedDelta& each) { return each.from == delta.from && each.to == delta.to; });
        index.deltas.push_back(delta);
    }
}

void drop_stale_deltas(PairIndex& index) {
    std::erase_if(index.deltas, [&](const OfferedDelta& delta) { return !has_version(index, delta.to_version); });
}

std::vector<std::string> empty_channels(const PairIndex& index) {
    std::vector<std::string> empty;
    for (const auto& [name, driver] : index.channels)
        if (!has(index, driver)) empty.push_back(fmt::format("{} -> {}", name, driver));
    return empty;
}

void set_channel(PairIndex& index, const std::string& name, const std::string& driver) {
    if (!is_channel_name(name)) {
        throw Error{Errc::usage, fmt::format("'{}' cannot name a channel: a lower-case letter, then up to 31 of a-z, "
                                             "0-9 and '-'; 'newest' always means the newest driver",
                                             name.substr(0, 100))};
    }
    if (!has(index, driver))
        throw Error{Errc::usage, fmt::format("the index has no pair of driver {}: a channel moves only to what is "
                                             "published",
                                             driver)};
    index.channels[name] = driver;
}

}  // namespace overdrive
