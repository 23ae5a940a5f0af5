#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/digest.hpp"
#include "registry/source_name.hpp"

namespace overdrive {

/// An image, or the place that it lies in, as the command line names it.
struct PlaceReference {
    /// `docker://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`, `oci:DIRECTORY[:TAG]`, `oci-archive:FILE[:TAG]`.
    /// @throws Error bad_reference
    [[nodiscard]] static PlaceReference parse(std::string_view text);

    SourceName place;              ///< without tag and digest
    std::string tag;               ///< empty when none is named
    std::optional<Digest> digest;  ///< of a registry's image only; what is meant wherever it is given

    [[nodiscard]] bool is_registry() const noexcept { return place.kind == SourceName::Kind::registry; }
    /// `HOST/REPOSITORY`, what signatures name; empty for a layout.
    [[nodiscard]] std::string repository() const;
    /// As it was written.
    [[nodiscard]] std::string text() const;
    /// The same place with this tag.
    [[nodiscard]] PlaceReference with_tag(std::string_view tag) const;
};

/// Whether `text` begins as one of the three kinds does, whatever follows.
[[nodiscard]] bool names_a_place(std::string_view text) noexcept;

}  // namespace overdrive
