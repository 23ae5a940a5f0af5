#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/place_opener.hpp"
#include "builder-images/artifact/cli/remove_cli.hpp"
#include "builder-images/artifact/transfer/remove_images.hpp"
#include "registry/image_reference.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostTags = 100'000;

struct RemoveArguments {
    std::string place{};
    std::vector<std::string> tags{};
    bool dry_run = false;
    bool as_json = false;
};

ordered_json removal_json(const TagRemoval& told) {
    ordered_json json{{"tag", told.tag}, {"digest", nullptr}, {"removed", told.removed}, {"kept_because", nullptr}};
    if (told.digest) json["digest"] = told.digest->text();
    if (!told.kept_because.empty()) json["kept_because"] = told.kept_because;
    json["signatures"] = told.signatures;
    return json;
}

std::string removal_line(const TagRemoval& told, bool dry_run) {
    if (!told.digest) return fmt::format("{}: was not there\n", told.tag);
    if (!told.removed) return fmt::format("{}: kept: {}\n", told.tag, told.kept_because);
    return fmt::format("{}: {}, with {} tag{} of signatures and attestations\n", told.tag,
                       dry_run ? "would be removed" : "removed", told.signatures.size(),
                       told.signatures.size() == 1 ? "" : "s");
}

void run_remove(ArtifactServices& services, const PlaceOptions& places, const RemoveArguments& arguments) {
    const PlaceReference reference = PlaceReference::parse(arguments.place);
    if (!reference.is_registry() || !reference.tag.empty() || reference.digest)
        throw Error{Errc::usage, fmt::format("'{}' is no repository; remove wants docker://HOST/REPOSITORY, and then "
                                             "the tags",
                                             arguments.place)};
    for (const std::string& tag : arguments.tags)
        if (!is_tag(tag)) throw Error{Errc::bad_reference, fmt::format("'{}' is not a tag", tag.substr(0, 150))};
    PlaceOpener opener{services, places};
    ImageWriter& place = opener.writer(reference);
    auto* const remover = dynamic_cast<ImageRemover*>(&place);
    if (remover == nullptr) throw Error{Errc::usage, fmt::format("nothing can be removed from {}", place.name())};
    const auto told = remove_images(place, *remover, arguments.tags, kMostTags, arguments.dry_run);
    if (arguments.as_json) {
        ordered_json list = ordered_json::array();
        for (const TagRemoval& one : told) list.push_back(removal_json(one));
        print(ordered_json{{"place", reference.text()}, {"dry_run", arguments.dry_run}, {"tags", list}}.dump(2) + "\n");
    } else {
        std::string lines;
        for (const TagRemoval& one : told) lines += removal_line(one, arguments.dry_run);
        print(lines);
    }
    const auto kept =
        std::count_if(told.begin(), told.end(), [](const auto& one) { return !one.kept_because.empty(); });
    if (kept > 0)
        throw Error{Errc::unsupported,
                    fmt::format("{} of {} tags are still there; why is said above", kept, told.size())};
}

}  // namespace

void add_remove_verb(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<RemoveArguments>();
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb = app.add_subcommand("remove",
                                        "remove tags from a repository, with the signatures of what no tag "
                                        "names any more");
    verb->footer(
        "A registry that cannot remove a tag alone is asked to remove the image by its digest; then a tag is kept "
        "when\n"
        "another tag, one that is not to be removed, names the same image. Space is freed by the registry's garbage\n"
        "collection. Nodes that follow the index should not find a removed pair there: 'overdrive-artifact index\n"
        "remove' comes first (ci/retain does both).");
    verb->add_option("PLACE", arguments->place, "docker://HOST/REPOSITORY")->required();
    verb->add_option("TAG", arguments->tags, "the tags to remove")->required();
    verb->add_flag("--dry-run", arguments->dry_run, "say what would be removed and remove nothing");
    verb->add_flag("--json", arguments->as_json, "print one JSON object");
    add_place_options(verb, places);
    verb->callback(
        [=, &chosen] { chosen = [=](ArtifactServices& services) { run_remove(services, *places, *arguments); }; });
}

}  // namespace overdrive
