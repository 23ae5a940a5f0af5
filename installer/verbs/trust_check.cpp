#include "verbs/trust_check.hpp"

#include <fmt/format.h>

#include <iterator>

namespace overdrive {

PlaceTrust trust_for(const Services& services, const Config& config, const Overrides& overrides,
                     const std::string& place) {
    PlaceTrust trust{.policy = config.policy_for(place), .keys = {}};
    trust.keys = load_trusted_keys(trust.policy.keys, services.root);
    TrustedKeys own = load_trusted_keys(overrides.keys, Root{"/"});
    std::move(own.keys.begin(), own.keys.end(), std::back_inserter(trust.keys.keys));
    std::move(own.problems.begin(), own.problems.end(), std::back_inserter(trust.keys.problems));
    return trust;
}

std::string place_of(const FoundArtifact& found) {
    const std::string repository = claim_of(found).repository;
    return repository.empty() ? found.source->name() : repository;
}

ImageClaim claim_of(const FoundArtifact& found) {
    const ResolvedArtifact& artifact = found.artifact;
    ImageClaim claim{.repository = artifact.identity, .tag = tag_of(found.pair), .digests = {artifact.manifest_digest}};
    if (artifact.index_digest) claim.digests.push_back(*artifact.index_digest);
    if (claim.repository.ends_with(":" + claim.tag))
        claim.repository.resize(claim.repository.size() - claim.tag.size() - 1);
    return claim;
}

ImageAnswer hear_signatures(const PlaceTrust& trust, const Serials& known, const ImageClaim& claim,
                            ArtifactSource& source, const ResolvedArtifact& image) {
    const auto answer_of = [&](const std::vector<ImageSignature>& signatures) {
        return ask_signatures(trust.policy, trust.keys, claim, signatures);
    };
    return answer_of(source.signatures(image, [&](const std::vector<ImageSignature>& found) {
        const ImageAnswer answer = answer_of(found);
        return answer.vouching && is_not_older(known, claim, answer);
    }));
}

ImageAnswer ask_source(const PlaceTrust& trust, const Serials& known, FoundArtifact& found) {
    if (trust.keys.keys.empty()) return {};
    try {
        return hear_signatures(trust, known, claim_of(found), *found.source, found.artifact);
    } catch (const Error& error) {
        const bool is_no_answer = error.code() == Errc::unreachable || error.code() == Errc::login_refused ||
                                  error.code() == Errc::tls_refused || error.code() == Errc::interrupted;
        if (is_no_answer) throw;
        return {.vouching = {}, .why_not = fmt::format("the image's signatures cannot be read: {}", error.what())};
    }
}

Serials known_serials(const Store& store) {
    Serials serials;
    for (const GenerationInfo& generation : store.list_generations()) {
        if (!generation.vouching || !generation.vouching->serial) continue;
        const auto [known, is_new] = serials.emplace(generation.vouching->serial_of, *generation.vouching->serial);
        if (!is_new && known->second < *generation.vouching->serial) known->second = *generation.vouching->serial;
    }
    if (const auto record = store.load_usable_record()) {
        for (const auto& [identity, serial] : record->serials) serials[identity] = serial;
    }
    return serials;
}

void remember_serial(Record& record, const Vouching& vouching, const ImageClaim& claim) {
    if (vouching.serial)
        record.serials[vouching.serial_of] = *vouching.serial;
    else
        record.serials.erase(claim.repository + ":" + claim.tag);
}

nlohmann::ordered_json trust_json(const std::optional<Vouching>& vouching) {
    using nlohmann::ordered_json;
    if (!vouching) return nullptr;
    return {{"kind", to_string(vouching->kind)},
            {"signed_by", vouching->keys},
            {"serial", vouching->serial ? ordered_json(*vouching->serial) : ordered_json(nullptr)}};
}

}  // namespace overdrive
