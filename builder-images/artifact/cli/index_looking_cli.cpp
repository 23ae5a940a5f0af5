#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/index_arguments.hpp"
#include "builder-images/artifact/delta/delta_image.hpp"
#include "model/pair_index_view.hpp"

namespace overdrive {

namespace {

/// An index that was read, and the place that it lies in.
struct Looked {
    std::unique_ptr<PlaceOpener> opener;
    ImageReader* place;
    PublishedIndex published;
};

Looked look(ArtifactServices& services, const IndexArguments& arguments) {
    const PlaceReference place = index_place(arguments);
    auto opener = std::make_unique<PlaceOpener>(services, arguments.places);
    ImageReader& reader = opener->reader(place);
    auto published = read_published_index(reader, index_trust(arguments, place));
    if (!published) {
        throw Error{Errc::no_artifact, fmt::format("'{}' has no pair index", arguments.place)}.with_remedy(
            "make one: overdrive-artifact index add " + arguments.place + " TAG... --sign-key KEY");
    }
    return {std::move(opener), &reader, std::move(*published)};
}

std::string lines_of(const PairIndex& index) {
    std::size_t width = 0;
    for (const OfferedPair& offer : index.pairs) width = std::max(width, tag_of(offer.pair).size());
    std::string lines;
    for (const OfferedPair& offer : index.pairs) lines += offer_line(offer, width);
    return lines;
}

std::string head_of(const PublishedIndex& published) {
    const PairIndex& index = published.index;
    std::string text = fmt::format("repository  {}\nserial      {}, made on {}\nmanifest    {}\n", index.repository,
                                   index.serial, date_text(index.created), published.manifest.digest.text());
    text += fmt::format("signature   {}\n",
                        published.answer.vouching ? to_text(*published.answer.vouching) : "not checked (no --key)");
    for (const auto& [name, driver] : index.channels) text += fmt::format("channel     {} -> {}\n", name, driver);
    for (const OfferedDelta& delta : index.deltas)
        text += fmt::format("delta       {} -> {}, {:.1f} MB, {}\n", delta.from_version, delta.to_version,
                            static_cast<double>(delta.download_bytes) / 1e6, tag_of(delta));
    text += fmt::format("pairs       {}\n", index.pairs.size());
    return text;
}

void run_look(ArtifactServices& services, const IndexArguments& arguments, bool with_head) {
    const PublishedIndex published = look(services, arguments).published;
    if (arguments.as_json)
        return print(
            index_json(published.index, published.manifest.digest, published.answer.vouching.has_value()).dump(2) +
            "\n");
    print((with_head ? head_of(published) : std::string{}) + lines_of(published.index));
}

/// Offers and deltas whose image is not at the place any more, by digest.
std::vector<std::string> gone(ImageReader& place, const PairIndex& index) {
    std::vector<std::string> tags;
    for (const OfferedPair& offer : index.pairs)
        if (!place.manifest(offer.manifest)) tags.push_back(tag_of(offer.pair));
    for (const OfferedDelta& delta : index.deltas)
        if (!place.manifest(delta.manifest)) tags.push_back(tag_of(delta));
    return tags;
}

void run_verify(ArtifactServices& services, const IndexArguments& arguments, bool with_pairs) {
    std::optional<Looked> looked;
    try {
        looked = look(services, arguments);
    } catch (const Error& error) {
        const bool is_no = error.code() == Errc::untrusted || error.code() == Errc::bad_manifest;
        if (!is_no) throw;
        throw Error{Errc::answer_is_no, error.what()}.with_remedy(error.remedy());
    }
    const PublishedIndex& published = looked->published;
    const std::vector<std::string> missing =
        with_pairs ? gone(*looked->place, published.index) : std::vector<std::string>{};
    if (arguments.as_json) {
        print(nlohmann::ordered_json{{"digest", published.manifest.digest.text()},
                                     {"verified", missing.empty()},
                                     {"serial", published.index.serial},
                                     {"pairs", published.index.pairs.size()},
                                     {"gone", missing}}
                  .dump(2) +
              "\n");
    } else {
        print(head_of(published));
    }
    if (!missing.empty())
        throw Error{Errc::answer_is_no,
                    fmt::format("the index names images that are not there any more: {}", fmt::join(missing, ", "))}
            .with_remedy("overdrive-artifact index remove " + arguments.place + " TAG..., or publish them again");
}

}  // namespace

void add_index_looking_verbs(CLI::App& index, Chosen& chosen) {
    for (const bool with_head : {false, true}) {
        const auto arguments = std::make_shared<IndexArguments>();
        CLI::App* verb = with_head ? index.add_subcommand("show", "print the index with its channels and who signed it")
                                   : index.add_subcommand("list", "print the pairs of the index, one a line");
        add_index_options(verb, arguments, "public key that has to have signed it; without one nothing is checked");
        verb->callback(
            [=, &chosen] { chosen = [=](ArtifactServices& services) { run_look(services, *arguments, with_head); }; });
    }
    const auto arguments = std::make_shared<IndexArguments>();
    const auto with_pairs = std::make_shared<bool>(false);
    CLI::App* verb = index.add_subcommand("verify",
                                          "check who signed the index, as nodes do; exits 8 when the keys "
                                          "did not");
    add_index_options(verb, arguments, "public key: PEM, ECDSA P-256 or Ed25519; any of several will do");
    verb->get_option("--key")->required();
    verb->add_flag("--pairs", *with_pairs, "see as well that every image that it names is there");
    verb->callback(
        [=, &chosen] { chosen = [=](ArtifactServices& services) { run_verify(services, *arguments, *with_pairs); }; });
}

}  // namespace overdrive
