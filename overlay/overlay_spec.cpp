#include "overlay/overlay_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr unsigned kMostRecursion = 8;  // layers may name each other in circles once paths have been reused

void check_path(std::string_view path) {
    if (path.find_first_of(":,\\") == std::string_view::npos) return;
    throw Error{Errc::exposure, fmt::format("'{}' cannot be a layer of an overlay: it has a ':', ',' or '\\'", path)};
}

/// Splits at `separator`, honouring backslash escapes, which are undone; empty parts are dropped.
std::vector<std::string> split(std::string_view text, char separator, bool unescape) {
    std::vector<std::string> parts(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            if (!unescape) parts.back() += text[i];
            parts.back() += text[++i];
        } else if (text[i] == separator) {
            parts.emplace_back();
        } else {
            parts.back() += text[i];
        }
    }
    parts.erase(std::remove(parts.begin(), parts.end(), std::string{}), parts.end());
    return parts;
}

unsigned depth_at(const MountTable& table, std::string_view path, unsigned recursion) {
    const MountEntry* const mount = table.visible_at(path);
    if (mount == nullptr || mount->type != "overlay" || recursion == kMostRecursion) return 0;
    unsigned deepest = 0;
    for (const std::string& layer : layers_of(mount->super_options)) {
        // A layer at or below the mount's own target is what lies beneath it, and cannot be looked up by path.
        if (!layer.starts_with('/') || table.visible_at(layer) == mount) continue;
        deepest = std::max(deepest, depth_at(table, layer, recursion + 1));
    }
    return deepest + 1;
}

}  // namespace

std::string OverlaySpec::options() const {
    check_path(added);
    check_path(base);
    return fmt::format("lowerdir={}:{}", added, base);
}

std::vector<std::string> layers_of(std::string_view super_options) {
    constexpr std::array<std::string_view, 4> kKeys{"lowerdir=", "lowerdir+=", "datadir+=", "upperdir="};
    std::vector<std::string> layers;
    for (const std::string& option : split(super_options, ',', false)) {
        for (const std::string_view key : kKeys) {
            if (!option.starts_with(key)) continue;
            for (std::string& layer : split(std::string_view{option}.substr(key.size()), ':', true)) {
                layers.push_back(std::move(layer));
            }
        }
    }
    return layers;
}

unsigned stacking_depth(const MountTable& table, std::string_view path) { return depth_at(table, path, 0); }

void check_stacking_depth(const MountTable& table, std::string_view added, std::string_view base) {
    for (const std::string_view path : {base, added}) {
        const unsigned depth = stacking_depth(table, path);
        if (depth < kMostStackingDepth) continue;
        throw Error{Errc::exposure, fmt::format("'{}' lies on {} stacked overlays and the kernel allows {}: no overlay "
                                                "can be laid over it",
                                                path, depth, kMostStackingDepth)}
            .with_remedy("set exposure = \"links\" in /etc/overdrive/config.toml");
    }
}

}  // namespace overdrive
