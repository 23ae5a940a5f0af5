#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace overdrive {

/// One node of a YAML document, untyped: which type a scalar has is decided by who reads it.
struct YamlNode {
    enum class Kind { scalar, sequence, mapping };

    Kind kind = Kind::scalar;
    std::string text;                                         ///< of a scalar
    bool plain = true;                                        ///< a scalar without quotes
    std::vector<YamlNode> items;                              ///< of a sequence
    std::vector<std::pair<std::string, YamlNode>> members{};  ///< of a mapping, in its order
    std::size_t line = 0;                                     ///< counted from 1

    /// A plain scalar that stands for nothing: empty, `~` or `null`.
    [[nodiscard]] bool is_null() const noexcept;
};

/// Reads the first document of `text`; JSON is YAML too.
///
/// The bytes may come from anybody: depth and number of nodes are limited, aliases count with all that they stand for.
/// @param name  for messages
/// @throws Error bad_manifest: not YAML, a key twice in one mapping, a key that is no scalar, or over the limits
[[nodiscard]] YamlNode parse_yaml(std::string_view text, std::string_view name);

}  // namespace overdrive
