#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "builder-images/artifact/cli/place_opener.hpp"
#include "builder-images/artifact/transfer/published_index.hpp"

namespace overdrive {

/// What the verbs about a pair index have in common, from the command line.
struct IndexArguments {
    std::string place{};
    std::vector<std::string> keys{};  ///< public keys whose word is taken
    std::string repository{};         ///< of a layout: the place that nodes will ask for it
    bool as_json = false;
    PlaceOptions places{};
};

using SharedIndexArguments = std::shared_ptr<IndexArguments>;

/// Adds the place, --key, --json and how registries are reached.
void add_index_options(CLI::App* verb, const SharedIndexArguments& arguments, const std::string& about_keys);

/// A registry's repository or a layout. @throws Error usage for a tar file, a tag or a digest
[[nodiscard]] PlaceReference index_place(const IndexArguments& arguments);

/// The keys that were named, any of which will do. @throws Error config for one that cannot be used
[[nodiscard]] IndexTrust index_trust(const IndexArguments& arguments, const PlaceReference& place);

/// The whole index, with what was found out about it. @param verified whether a key vouches for it
[[nodiscard]] nlohmann::ordered_json index_json(const PairIndex& index, const std::optional<Digest>& digest,
                                                bool verified);

/// The verbs below `index`, one file a family.
void add_index_editing_verbs(CLI::App& index, Chosen& chosen);  ///< add, remove, rebuild, channel
void add_index_looking_verbs(CLI::App& index, Chosen& chosen);  ///< list, show, verify

}  // namespace overdrive
