#pragma once

#include <optional>
#include <string>

#include "builder-images/artifact/oci_layout.hpp"
#include "builder-images/artifact/pack.hpp"

namespace overdrive {

/// Finished layers by what is in them: the same user space for another kernel is not compressed again.
class LayerCache {
public:
    /// @param directory made when absent
    explicit LayerCache(const std::string& directory);

    /// The key of a layer: a digest over all that decides its bytes, libraries' versions included.
    [[nodiscard]] static std::string key_of(const LayerContent& content, int zstd_level);
    /// Copies a layer into `layout`; nullopt when it is not here or damaged.
    [[nodiscard]] std::optional<PackedLayer> get(const std::string& key, OciLayout& layout) const;
    void put(const std::string& key, const PackedLayer& layer, const OciLayout& layout) const;

private:
    Root root_;
};

}  // namespace overdrive
