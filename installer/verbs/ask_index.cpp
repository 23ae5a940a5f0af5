#include "verbs/ask_index.hpp"

#include <fmt/format.h>

#include "store/store.hpp"
#include "trust/freshness.hpp"
#include "verbs/trust_check.hpp"

namespace overdrive {

namespace {

/// Without the tag: what policies and signatures name.
std::string repository_of(const ResolvedArtifact& image) {
    const std::string tag = std::string{":"} + kPairIndexTag;
    return image.identity.ends_with(tag) ? image.identity.substr(0, image.identity.size() - tag.size())
                                         : image.identity;
}

ImageAnswer answer_of(const PlaceTrust& trust, const Serials& known, const ImageClaim& claim, ArtifactSource& source,
                      const ResolvedArtifact& image) {
    if (trust.keys.keys.empty()) return {.vouching = {}, .why_not = "no usable key is configured to check it"};
    return hear_signatures(trust, known, claim, source, image);
}

Error not_vouched_for(const std::string& reference, const PlaceTrust& trust, const std::string& why) {
    std::string problems;
    for (const std::string& problem : trust.keys.problems) problems += "; " + problem;
    return Error{Errc::untrusted, fmt::format("the pair index {} is not vouched for: {}{}", reference, why, problems)}
        .with_remedy(trust_remedy(trust.policy));
}

}  // namespace

std::optional<TrustedIndex> ask_index(const Services& services, const Store& store, const Config& config,
                                      const IndexTrusting& trusting, ArtifactSource& source) {
    const auto found = source.find_pair_index();
    if (!found) return std::nullopt;
    const ResolvedArtifact& image = found->image;
    ImageClaim claim{.repository = repository_of(image), .tag = kPairIndexTag, .digests = {image.manifest_digest}};
    const PlaceTrust trust =
        trust_for(services, config, trusting.overrides, claim.repository.empty() ? source.name() : claim.repository);
    const Serials known = known_serials(store);
    const ImageAnswer answer = answer_of(trust, known, claim, source, image);
    if (!answer.vouching && !trust.policy.allow_unsigned) throw not_vouched_for(image.reference, trust, answer.why_not);
    if (!trusting.allow_older) require_not_older(known, claim, answer);
    PairIndex index =
        attempting(image.reference, [&] { return PairIndex::parse(source.read_document(found->document)); });
    if (!is_for(index.repository, claim, trust.policy)) {
        throw Error{Errc::bad_manifest,
                    fmt::format("the pair index {} is that of '{}'", image.reference, index.repository)}
            .with_remedy("where this is a copy of that repository, name it as 'identity' in the policy for this place");
    }
    return TrustedIndex{std::move(index), {std::move(claim), answer.vouching.value_or(Vouching{})}};
}

PairQuestion pair_question(const Store& store, const HostFacts& facts, const std::string& os_key) {
    PairQuestion question{.os_key = os_key,
                          .kernel_release = facts.kernel_release,
                          .build_id = facts.kernel_build_id,
                          .architecture = facts.architecture};
    for (const GpuFunction& gpu : facts.gpus) question.gpus.push_back(gpu.device_id);
    if (const auto record = store.load_usable_record(); record && record->desired) {
        question.in_force = record->desired->driver;
    } else if (const auto current = store.read_current()) {
        question.in_force = current->driver;
    }
    return question;
}

}  // namespace overdrive
