#include "builder-images/artifact/cli/index_arguments.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/artifact_cli.hpp"
#include "builder-images/artifact/delta/delta_image.hpp"
#include "builder-images/artifact/files.hpp"
#include "model/pair_index_view.hpp"

namespace overdrive {

using nlohmann::ordered_json;

void add_index_options(CLI::App* verb, const SharedIndexArguments& arguments, const std::string& about_keys) {
    verb->add_option("PLACE", arguments->place, "docker://HOST[:PORT]/REPOSITORY or oci:DIRECTORY")->required();
    verb->add_option("--key", arguments->keys, about_keys)->type_name("FILE")->allow_extra_args(false);
    verb->add_option("--repository", arguments->repository,
                     "of a layout: HOST/REPOSITORY that the index is for, as nodes will ask for it")
        ->type_name("NAME");
    verb->add_flag("--json", arguments->as_json, "print one JSON object");
    const std::shared_ptr<PlaceOptions> places{arguments, &arguments->places};
    add_place_options(verb, places);
}

PlaceReference index_place(const IndexArguments& arguments) {
    PlaceReference place = PlaceReference::parse(arguments.place);
    if (!place.tag.empty() || place.digest) {
        throw Error{Errc::usage,
                    fmt::format("'{}' names an image; an index is of the place that it lies in", arguments.place)};
    }
    return place;
}

IndexTrust index_trust(const IndexArguments& arguments, const PlaceReference& place) {
    IndexTrust trust{.policy = {}, .keys = {}, .repository = place.repository()};
    trust.policy.keys = arguments.keys;
    if (!arguments.repository.empty()) trust.policy.identity = {arguments.repository};
    for (const std::string& path : arguments.keys)
        trust.keys.keys.push_back({path, PublicKey::parse(read_small_file(path), path)});
    return trust;
}

ordered_json index_json(const PairIndex& index, const std::optional<Digest>& digest, bool verified) {
    ordered_json pairs = ordered_json::array();
    for (const OfferedPair& offer : index.pairs) pairs.push_back(offer_json(offer));
    ordered_json deltas = ordered_json::array();
    for (const OfferedDelta& delta : index.deltas) {
        deltas.push_back({{"tag", tag_of(delta)},
                          {"from_version", delta.from_version},
                          {"to_version", delta.to_version},
                          {"from", delta.from.text()},
                          {"to", delta.to.text()},
                          {"manifest", delta.manifest.text()},
                          {"blob", delta.blob.text()},
                          {"download_bytes", delta.download_bytes}});
    }
    return {{"schema", PairIndex::kSchema},   {"min_reader", 1},
            {"serial", index.serial},         {"created", index.created},
            {"repository", index.repository}, {"digest", digest ? ordered_json(digest->text()) : ordered_json(nullptr)},
            {"verified", verified},           {"channels", index.channels},
            {"pairs", std::move(pairs)},      {"deltas", std::move(deltas)}};
}

void add_index_verb(CLI::App& app, Chosen& chosen) {
    CLI::App* index = app.add_subcommand(
        "index", "the pair index of a repository: what nodes go by that want a branch, a channel or the newest driver");
    index->require_subcommand(1);
    index->footer(
        "It lies in the repository under the tag 'overdrive-index' and is signed as images are. Nodes never list "
        "tags: a\n"
        "pair that is not in the index is found by its full version alone.");
    add_index_editing_verbs(*index, chosen);
    add_index_looking_verbs(*index, chosen);
}

}  // namespace overdrive
