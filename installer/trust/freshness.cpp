#include "trust/freshness.hpp"

#include <fmt/format.h>

#include "support/error.hpp"

namespace overdrive {

std::optional<Serials::value_type> remembered_serial(const Serials& serials, const ImageClaim& claim) {
    const auto own = serials.find(claim.repository + ":" + claim.tag);
    if (own != serials.end()) return *own;
    std::optional<Serials::value_type> highest;
    if (!claim.repository.empty()) return highest;
    for (const auto& known : serials) {
        if (known.first.ends_with(":" + claim.tag) && (!highest || known.second > highest->second))
            highest.emplace(known);
    }
    return highest;
}

namespace {

bool reaches(const std::optional<Serials::value_type>& known, const ImageAnswer& answer) {
    const auto serial = answer.vouching ? answer.vouching->serial : std::nullopt;
    return !known || (serial && *serial >= known->second);
}

}  // namespace

bool is_not_older(const Serials& serials, const ImageClaim& claim, const ImageAnswer& answer) {
    return reaches(remembered_serial(serials, claim), answer);
}

void require_not_older(const Serials& serials, const ImageClaim& claim, const ImageAnswer& answer) {
    const auto known = remembered_serial(serials, claim);
    if (reaches(known, answer)) return;
    const auto serial = answer.vouching ? answer.vouching->serial : std::nullopt;
    const std::string offered =
        serial ? fmt::format("serial {}", *serial)
               : fmt::format("no signed serial{}", answer.why_not.empty() ? "" : " (" + answer.why_not + ")");
    throw Error{Errc::older_artifact,
                fmt::format("what is offered for '{}' has {}, but what was installed from '{}' had serial {}",
                            claim.tag, offered, known->first, known->second)}
        .with_remedy(
            "a source that goes back may be replaying an old artifact: sign a newer one, or go back knowingly with "
            "'--allow-older'");
}

}  // namespace overdrive
