#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ports/artifact_source.hpp"
#include "registry/signature_manifest.hpp"

namespace overdrive {

/// Collects the signatures of an image from the places that may have some, until those that were found will do.
class SignatureSearch {
public:
    /// The payload of a signature that its manifest does not carry.
    using Fetch = std::function<std::string(const SignatureLayer&)>;
    /// @param enough may be empty: then every place is asked. Both must outlive the search
    SignatureSearch(const Fetch& fetch, const ArtifactSource::Enough& enough) : fetch_{fetch}, enough_{enough} {}

    /// Takes what a place has.
    /// @param rank of the place: what is of a higher rank counts as newer, whenever it is asked
    /// @return whether that will do
    [[nodiscard]] bool take(std::size_t rank, std::vector<SignatureLayer> layers);
    /// The last kMostSignatures of all, by rank and then as the place had them. Each payload is fetched once.
    [[nodiscard]] std::vector<ImageSignature> found();

private:
    [[nodiscard]] std::string payload_of(const SignatureLayer& layer);

    const Fetch& fetch_;
    const ArtifactSource::Enough& enough_;
    std::map<std::size_t, std::vector<SignatureLayer>> by_rank_;
    std::map<std::string, std::string> payloads_;  ///< by digest
};

}  // namespace overdrive
