#pragma once

#include <span>
#include <string_view>

#include "model/config.hpp"
#include "model/config_setting.hpp"

namespace overdrive {

/// A key of the configuration and what its value does.
template <typename Target>
struct KnownKey {
    std::string_view key;  ///< `hold`, `registry.proxy`; `parameters.*` stands for every key of that table
    void (*set)(Target&, const Setting&);
};

/// The keys of a document, besides those of `[[trust.policy]]`.
[[nodiscard]] std::span<const KnownKey<Config>> config_keys();
/// The keys of one `[[trust.policy]]` table.
[[nodiscard]] std::span<const KnownKey<TrustPolicy>> policy_keys();

}  // namespace overdrive
