#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/digest.hpp"
#include "model/driver_manifest.hpp"
#include "model/pair.hpp"
#include "trust/vouching.hpp"

namespace overdrive {

/// The layers that a generation was installed from.
struct InstalledLayer {
    LayerRole role = LayerRole::user_space;
    Digest digest;
};

/// An installed generation, as its commit record describes it.
struct GenerationInfo {
    Pair pair;
    std::string kernel_release;
    std::optional<Digest> manifest_digest;  ///< nullopt: copied from an unpacked image
    std::string reference;                  ///< for people: where it came from
    Digest driver_json_digest;
    std::chrono::seconds installed_at{0};  ///< wall clock
    std::uint64_t size_bytes = 0;
    std::vector<InstalledLayer> layers;
    std::optional<Vouching>
        vouching{};  ///< who vouched when it was installed; nullopt: a program wrote it that kept none

    /// nullptr when it is not known.
    [[nodiscard]] const Digest* layer(LayerRole role) const noexcept;
};

inline constexpr int kGenerationSchema = 1;

/// @throws Error bad_record
[[nodiscard]] GenerationInfo parse_generation(std::string_view json, const std::string& document);
[[nodiscard]] std::string to_json(const GenerationInfo& generation);

}  // namespace overdrive
