#include "model/pair_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>

#include "model/json_reader.hpp"
#include "model/os_profile.hpp"
#include "model/wish_meaning.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kDocument = "pair index";
constexpr std::size_t kMostProofs = 1000;
constexpr std::size_t kMostChecks = 100;
constexpr std::size_t kMostText = 300;
/// 2100-01-01: what is later is no date.
constexpr std::uint64_t kMostSeconds = 4'102'444'800;
constexpr std::uint64_t kMostSize = 1ULL << 40U;

bool is_lower_word(std::string_view text, std::size_t most) noexcept {
    return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

bool is_printable(std::string_view text) noexcept {
    return text.size() <= kMostText &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// What pairs of one kernel have in common, in the order of the document.
auto system_of(const OfferedPair& offer) {
    return std::tie(offer.os_id, offer.pair.os_key, offer.kernel_release, offer.architecture, offer.os_version_id,
                    offer.vermagic, offer.build_id);
}

std::string text_of(const JsonReader& reader, const std::string& name, bool (*is_good)(std::string_view) noexcept) {
    std::string text = reader.string(name);
    if (!is_good(text)) reader.fail(name, fmt::format("'{}' cannot be one", text.substr(0, 100)));
    return text;
}

std::uint64_t number_up_to(const JsonReader& reader, const std::string& name, std::uint64_t most) {
    const std::uint64_t number = reader.number(name);
    if (number > most) reader.fail(name, fmt::format("is {}, more than {}", number, most));
    return number;
}

Digest digest_of(const JsonReader& reader, const std::string& name) {
    try {
        return Digest::parse(reader.string(name));
    } catch (const Error& error) {
        reader.fail(name, error.what());
    }
}

void sort_deltas(std::vector<OfferedDelta>& deltas) {
    std::sort(deltas.begin(), deltas.end(), [](const OfferedDelta& a, const OfferedDelta& b) {
        return std::tie(a.to, a.from) < std::tie(b.to, b.from);
    });
}

class IndexReader {
public:
    explicit IndexReader(const JsonReader& reader) : reader_{reader} {}

    PairIndex read() {
        reader_.require_reader(PairIndex::kSchema);
        PairIndex index{.serial = reader_.number("serial"),
                        .created = number_up_to(reader_, "created", kMostSeconds),
                        .repository = text_of(reader_, "repository", is_printable)};
        index.channels = reader_.string_map("channels");
        check_channels(index.channels);
        read_proofs();
        for (const JsonReader& system : reader_.objects("systems")) read_system(system, index.pairs);
        sort_offers(index.pairs);
        check_once(index.pairs);
        if (reader_.has("deltas")) index.deltas = read_deltas();
        return index;
    }

private:
    void check_channels(const std::map<std::string, std::string>& channels) const {
        if (channels.size() > PairIndex::kMostChannels)
            reader_.fail("channels", fmt::format("are more than {}", PairIndex::kMostChannels));
        for (const auto& [name, driver] : channels) {
            if (!is_channel_name(name))
                reader_.fail("channels", fmt::format("have the name '{}', which cannot be one", name.substr(0, 100)));
            if (!is_version_or_branch(driver))
                reader_.fail("channels", fmt::format("name '{}' for '{}', neither a driver nor a branch",
                                                     driver.substr(0, 100), name));
        }
    }

    static bool is_version_or_branch(const std::string& text) {
        try {
            return !is_channel(DriverWish::parse(text));
        } catch (const Error&) {
            return false;
        }
    }

    void read_proofs() {
        for (const JsonReader& entry : reader_.objects("proofs")) {
            std::vector<std::string> checks = entry.strings("checks");
            for (const std::string& name : checks)
                if (!is_lower_word(name, 64)) entry.fail("checks", fmt::format("hold '{}'", name.substr(0, 100)));
            if (checks.size() > kMostChecks) entry.fail("checks", fmt::format("are more than {}", kMostChecks));
            proofs_.push_back(std::move(checks));
        }
        if (proofs_.size() > kMostProofs) reader_.fail("proofs", fmt::format("are more than {}", kMostProofs));
    }

    void read_system(const JsonReader& system, std::vector<OfferedPair>& pairs) const {
        const JsonReader os = system.object("os");
        const std::string key = text_of(os, "key", is_path_safe);
        const std::string id = text_of(os, "id", is_path_safe);
        const std::string version = text_of(os, "version", is_printable);
        const std::string release = text_of(system, "kernel_release", is_path_safe);
        const std::string architecture = text_of(system, "architecture", is_path_safe);
        const std::string vermagic = text_of(system, "vermagic", is_printable);
        const auto build_id = system.optional_string("build_id");
        if (build_id && !is_lower_word(*build_id, 128)) system.fail("build_id", "is no build id");
        for (const JsonReader& entry : system.objects("pairs")) {
            if (pairs.size() == PairIndex::kMostPairs)
                reader_.fail("systems", fmt::format("have more than {} pairs", PairIndex::kMostPairs));
            OfferedPair offer = read_pair(entry, key);
            offer.os_id = id;
            offer.os_version_id = version;
            offer.kernel_release = release;
            offer.vermagic = vermagic;
            offer.build_id = build_id;
            offer.architecture = architecture;
            pairs.push_back(std::move(offer));
        }
    }

    [[nodiscard]] OfferedPair read_pair(const JsonReader& entry, const std::string& os_key) const {
        const std::string driver = entry.string("driver");
        if (!DriverId::is_valid(driver))
            entry.fail("driver", fmt::format("'{}' is not a driver id", driver.substr(0, 100)));
        OfferedPair offer{.pair = {DriverId::parse(driver), os_key},
                          .module_type = entry.string("module_type"),
                          .manifest = digest_of(entry, "digest"),
                          .created = number_up_to(entry, "created", kMostSeconds),
                          .download_bytes = number_up_to(entry, "download_bytes", kMostSize),
                          .unpacked_bytes = number_up_to(entry, "unpacked_bytes", kMostSize)};
        constexpr std::array<std::string_view, 3> kTypes{"open", "proprietary", "stand-in"};
        if (std::find(kTypes.begin(), kTypes.end(), offer.module_type) == kTypes.end())
            entry.fail("module_type", fmt::format("'{}' is no type of modules", offer.module_type.substr(0, 100)));
        if (entry.has("image_index")) offer.image_index = digest_of(entry, "image_index");
        const std::uint64_t proof = entry.number("proof");
        if (proof >= proofs_.size()) entry.fail("proof", "is none of the proofs");
        offer.proof = proofs_[proof];
        return offer;
    }

    [[nodiscard]] std::vector<OfferedDelta> read_deltas() const {
        std::vector<OfferedDelta> deltas;
        for (const JsonReader& entry : reader_.objects("deltas")) {
            const auto version = [&](const char* name) {
                std::string text = entry.string(name);
                if (!DriverId::is_valid(text)) entry.fail(name, "is no driver version");
                return text;
            };
            deltas.push_back({.from = digest_of(entry, "from"),
                              .to = digest_of(entry, "to"),
                              .from_version = version("from_version"),
                              .to_version = version("to_version"),
                              .manifest = digest_of(entry, "manifest"),
                              .blob = digest_of(entry, "blob"),
                              .download_bytes = number_up_to(entry, "download_bytes", kMostSize)});
        }
        if (deltas.size() > PairIndex::kMostDeltas)
            reader_.fail("deltas", fmt::format("are more than {}", PairIndex::kMostDeltas));
        sort_deltas(deltas);
        const auto twice = std::adjacent_find(
            deltas.begin(), deltas.end(),
            [](const OfferedDelta& a, const OfferedDelta& b) { return a.from == b.from && a.to == b.to; });
        if (twice != deltas.end())
            reader_.fail("deltas", fmt::format("lead from {} to {} twice", twice->from.text(), twice->to.text()));
        return deltas;
    }

    /// A node that asks for a pair must find one answer.
    void check_once(std::vector<OfferedPair>& pairs) const {
        std::vector<std::tuple<std::string_view, std::string_view, std::string_view>> names;
        names.reserve(pairs.size());
        for (const OfferedPair& offer : pairs)
            names.emplace_back(offer.pair.os_key, offer.pair.driver.text(), offer.architecture);
        std::sort(names.begin(), names.end());
        const auto twice = std::adjacent_find(names.begin(), names.end());
        if (twice != names.end())
            reader_.fail("systems", fmt::format("have driver {} for {} ({}) twice", std::get<1>(*twice),
                                                std::get<0>(*twice), std::get<2>(*twice)));
    }

    const JsonReader& reader_;
    std::vector<std::vector<std::string>> proofs_;
};

ordered_json pair_json(const OfferedPair& offer, std::size_t proof) {
    ordered_json json{
        {"driver", offer.pair.driver.text()}, {"module_type", offer.module_type}, {"digest", offer.manifest.text()}};
    if (offer.image_index) json["image_index"] = offer.image_index->text();
    json["created"] = offer.created;
    json["download_bytes"] = offer.download_bytes;
    json["unpacked_bytes"] = offer.unpacked_bytes;
    json["proof"] = proof;
    return json;
}

ordered_json system_json(const OfferedPair& offer) {
    ordered_json json{{"os", {{"id", offer.os_id}, {"version", offer.os_version_id}, {"key", offer.pair.os_key}}},
                      {"kernel_release", offer.kernel_release},
                      {"vermagic", offer.vermagic},
                      {"architecture", offer.architecture}};
    if (offer.build_id) json["build_id"] = *offer.build_id;
    json["pairs"] = ordered_json::array();
    return json;
}

ordered_json delta_json(const OfferedDelta& delta) {
    return {{"from", delta.from.text()},
            {"to", delta.to.text()},
            {"from_version", delta.from_version},
            {"to_version", delta.to_version},
            {"manifest", delta.manifest.text()},
            {"blob", delta.blob.text()},
            {"download_bytes", delta.download_bytes}};
}

std::vector<OfferedPair> sorted(std::vector<OfferedPair> pairs) {
    sort_offers(pairs);
    return pairs;
}

std::vector<OfferedDelta> sorted(std::vector<OfferedDelta> deltas) {
    sort_deltas(deltas);
    return deltas;
}

}  // namespace

bool is_channel_name(std::string_view text) noexcept { return is_channel_word(text) && text != "newest"; }

void sort_offers(std::vector<OfferedPair>& pairs) {
    for (OfferedPair& offer : pairs) std::sort(offer.proof.begin(), offer.proof.end());
    std::sort(pairs.begin(), pairs.end(), [](const OfferedPair& a, const OfferedPair& b) {
        return std::tuple_cat(system_of(a), std::tie(a.pair.driver.text())) <
               std::tuple_cat(system_of(b), std::tie(b.pair.driver.text()));
    });
}

PairIndex PairIndex::parse(std::string_view json) {
    if (json.size() > kMostBytes)
        throw Error{Errc::bad_manifest,
                    fmt::format("{}: {} bytes, more than the {} that are allowed", kDocument, json.size(), kMostBytes)};
    const JsonReader reader = JsonReader::parse(json, kDocument, Errc::bad_manifest);
    return IndexReader{reader}.read();
}

std::string PairIndex::to_json() const {
    const std::vector<OfferedPair> all = sorted(pairs);
    std::vector<std::vector<std::string>> proofs;
    for (const OfferedPair& offer : all) proofs.push_back(offer.proof);
    std::sort(proofs.begin(), proofs.end());
    proofs.erase(std::unique(proofs.begin(), proofs.end()), proofs.end());
    ordered_json list = ordered_json::array();
    for (const auto& checks : proofs) list.push_back({{"checks", checks}});
    ordered_json systems = ordered_json::array();
    const OfferedPair* before = nullptr;
    for (const OfferedPair& offer : all) {
        if (before == nullptr || system_of(*before) != system_of(offer)) systems.push_back(system_json(offer));
        before = &offer;
        const auto proof = std::lower_bound(proofs.begin(), proofs.end(), offer.proof) - proofs.begin();
        systems.back()["pairs"].push_back(pair_json(offer, static_cast<std::size_t>(proof)));
    }
    ordered_json document{{"schema", kSchema},         {"min_reader", 1},
                          {"serial", serial},          {"created", created},
                          {"repository", repository},  {"channels", channels},
                          {"proofs", std::move(list)}, {"systems", std::move(systems)}};
    if (!deltas.empty()) document["deltas"] = ordered_json::array();
    for (const OfferedDelta& delta : sorted(deltas)) document["deltas"].push_back(delta_json(delta));
    std::string text = document.dump() + "\n";
    try {
        static_cast<void>(parse(text));
    } catch (const Error& error) {
        throw Error{Errc::usage, fmt::format("nodes would refuse this index: {}", error.what())}.with_remedy(
            "remove pairs that nobody runs any more ('overdrive-artifact index remove'), or publish to more "
            "repositories");
    }
    return text;
}

bool PairIndex::offers_the_same(const PairIndex& other) const {
    return repository == other.repository && channels == other.channels && sorted(pairs) == sorted(other.pairs) &&
           sorted(deltas) == sorted(other.deltas);
}

}  // namespace overdrive
