#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/artifact_cli.hpp"
#include "builder-images/artifact/cli/place_opener.hpp"
#include "builder-images/artifact/cli/sign_arguments.hpp"
#include "builder-images/artifact/size_text.hpp"
#include "builder-images/artifact/transfer/copy_image.hpp"
#include "builder-images/artifact/transfer/push_signer.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

/// What push and copy have in common.
struct MoveArguments {
    std::string from;
    std::string to;
    std::optional<std::string> architecture{};
    bool without_signatures = false;
    bool dry_run = false;
    bool as_json = false;
};

ordered_json texts_of(const std::vector<Digest>& digests) {
    ordered_json texts = ordered_json::array();
    for (const Digest& digest : digests) texts.push_back(digest.text());
    return texts;
}

ordered_json count_of(const BlobCount& count) { return {{"blobs", count.blobs}, {"bytes", count.bytes}}; }

std::string to_json(const MoveArguments& arguments, const PlaceReference& to, const CopyReport& report,
                    const std::vector<Digest>& newly_signed) {
    return ordered_json{{"source", arguments.from},
                        {"destination", to.text()},
                        {"digest", report.digest.text()},
                        {"dry_run", arguments.dry_run},
                        {"tag_changed", report.tag_changed},
                        {"manifests", texts_of(report.brought)},
                        {"kept", texts_of(report.kept)},
                        {"there", count_of(report.there)},
                        {"mounted", count_of(report.mounted)},
                        {"uploaded", count_of(report.uploaded)},
                        {"copied_signatures", report.signatures},
                        {"signed", texts_of(newly_signed)}}
               .dump(2) +
           "\n";
}

void tell(const MoveArguments& arguments, const PlaceReference& to, const CopyReport& report) {
    const char* would = arguments.dry_run ? "would be " : "";
    say(fmt::format("{}: {} blobs ({}) {}sent, {} ({}) {}mounted, {} ({}) there already", to.text(),
                    report.uploaded.blobs, size_text(report.uploaded.bytes), would, report.mounted.blobs,
                    size_text(report.mounted.bytes), would, report.there.blobs, size_text(report.there.bytes)));
    for (const Digest& kept : report.kept) say(fmt::format("kept {} of another architecture", kept.text()));
    if (report.signatures > 0) say(fmt::format("{} signatures are there now", report.signatures));
    say(fmt::format("{} {}: {}", to.text(),
                    report.tag_changed ? (arguments.dry_run ? "would change" : "changed") : "is unchanged",
                    report.digest.text()));
}

/// Opens both ends, copies, and prints what came of it.
class Move {
public:
    Move(ArtifactServices& services, const PlaceOptions& places, const MoveArguments& arguments)
        : services_{services},
          arguments_{arguments},
          places_{services, places},
          from_{PlaceReference::parse(arguments.from)},
          to_{PlaceReference::parse(arguments.to)} {
        if (to_.digest)
            throw Error{Errc::usage, fmt::format("'{}' names a digest; a destination has a tag", arguments.to)};
        reader_ = &places_.reader(from_);
        if (to_.tag.empty()) to_.tag = from_.tag;
        if (to_.tag.empty()) to_.tag = only_tag(*reader_, from_);
        if (to_.tag.empty() && !to_.is_registry())
            throw Error{Errc::usage, fmt::format("'{}' names no tag, and neither does the source", arguments.to)};
    }

    [[nodiscard]] const PlaceReference& destination() const noexcept { return to_; }
    /// Opened on first use: an archive must not be begun before the source is known to be there.
    [[nodiscard]] ImageWriter& writer() {
        if (writer_ == nullptr) writer_ = &places_.writer(to_);
        return *writer_;
    }

    CopyOptions options() const {
        return {.tag = to_.tag,
                .architecture = arguments_.architecture,
                .signatures = !arguments_.without_signatures,
                .keep_other_architectures = false,
                .dry_run = arguments_.dry_run,
                .origin_host = from_.place.host,
                .origin_repository = from_.place.repository,
                .before_tag = {}};
    }

    RawManifest find() { return find_image(*reader_, from_); }

    CopyReport run(const RawManifest& top, const CopyOptions& options) {
        return copy_image(*reader_, top, writer(), options, services_.progress);
    }

    void finish(const CopyReport& report, const std::vector<Digest>& newly_signed) const {
        tell(arguments_, to_, report);
        print(arguments_.as_json ? to_json(arguments_, to_, report, newly_signed) : report.digest.text() + "\n");
    }

private:
    ArtifactServices& services_;
    const MoveArguments& arguments_;
    PlaceOpener places_;
    PlaceReference from_;
    PlaceReference to_;
    ImageReader* reader_ = nullptr;
    ImageWriter* writer_ = nullptr;
};

void add_move_options(CLI::App* verb, const std::shared_ptr<MoveArguments>& arguments,
                      const std::shared_ptr<PlaceOptions>& places) {
    verb->add_option("--architecture", arguments->architecture,
                     "only the manifest of this one (amd64, arm64); default: all that the image has")
        ->type_name("ARCH");
    verb->add_flag("--no-signatures", arguments->without_signatures, "leave the signatures behind");
    verb->add_flag("--dry-run", arguments->dry_run, "say what would be moved and change nothing");
    verb->add_flag("--json", arguments->as_json, "print one JSON object");
    add_upload_options(verb, places);
}

void add_copy(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<MoveArguments>();
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb = app.add_subcommand("copy", "copy an image with its signatures from anywhere to anywhere");
    verb->footer(
        "Digests are preserved; the destination's tag is replaced as a whole. Within one registry blobs are mounted,\n"
        "not sent. For an air gap: overdrive-artifact copy docker://REGISTRY/REPOSITORY:TAG oci-archive:FILE");
    verb->add_option("SOURCE", arguments->from, "docker://..., oci:... or oci-archive:...")->required();
    verb->add_option("DESTINATION", arguments->to, "the same; without a tag it gets the source's")->required();
    add_move_options(verb, arguments, places);
    verb->callback([=, &chosen] {
        chosen = [=](ArtifactServices& services) {
            Move move{services, *places, *arguments};
            const RawManifest top = move.find();
            move.finish(move.run(top, move.options()), {});
        };
    });
}

/// Says what nodes that go by the index will miss.
void tell_unsigned(const PushSigner& signer, const std::string& tag) {
    for (const Digest& other : signer.unsigned_others()) {
        say(fmt::format(
            "the index of '{}' is not signed: {} in it is not signed with this key; the manifests that were "
            "pushed are",
            tag, other.text()));
    }
}

void run_push(ArtifactServices& services, const PlaceOptions& places, const MoveArguments& arguments,
              const SignArguments& signing, bool replace) {
    Move move{services, places, arguments};
    const PlaceReference& to = move.destination();
    if (!to.is_registry())
        throw Error{Errc::usage, fmt::format("'{}' is no registry; copy goes to every kind of place", arguments.to)};
    if (to.tag.empty()) throw Error{Errc::usage, fmt::format("'{}' names no tag", arguments.to)};
    const RawManifest top = move.find();
    CopyOptions options = move.options();
    options.keep_other_architectures = !replace;
    if (signing.key.empty() || arguments.dry_run) return move.finish(move.run(top, options), {});
    const PrivateKey key = signing.read_image_key();
    PushSigner signer{move.writer(), to.tag, key, signing.options(identity_of(to), services.clock),
                      signing.serial.has_value()};
    options.before_tag = [&](const std::vector<RawManifest>& brought, const RawManifest& image) {
        signer.before_tag(brought, image);
    };
    const CopyReport report = move.run(top, options);
    tell_unsigned(signer, to.text());
    for (const Digest& image : signer.signed_images()) say(fmt::format("signed {}", image.text()));
    move.finish(report, signer.signed_images());
}

void add_push(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<MoveArguments>();
    const auto places = std::make_shared<PlaceOptions>();
    const auto signing = std::make_shared<SignArguments>();
    const auto replace = std::make_shared<bool>(false);
    CLI::App* verb = app.add_subcommand("push", "publish an image at a registry, signed");
    verb->footer(
        "What is there already is not sent again. The tag comes last, when everything it names is in place and "
        "signed.\n"
        "A tag that has other architectures keeps them. Let one job at a time push to a tag: a registry cannot "
        "exclude\n"
        "two of them; one that overwrites the other is noticed when it happens between a job's reading and reading "
        "again.");
    verb->add_option("SOURCE", arguments->from, "oci:DIRECTORY[:TAG] as pack made it, or any other place")->required();
    verb->add_option("DESTINATION", arguments->to,
                     "docker://HOST[:PORT]/REPOSITORY[:TAG]; without a tag it gets the source's")
        ->required();
    verb->add_option("--sign-key", signing->key, "private key (PEM, ECDSA P-256 or Ed25519) to sign the image with")
        ->type_name("FILE");
    add_sign_options(verb, signing);
    verb->add_flag("--replace", *replace, "do not keep the other architectures that the tag has");
    add_move_options(verb, arguments, places);
    verb->callback([=, &chosen] {
        chosen = [=](ArtifactServices& services) { run_push(services, *places, *arguments, *signing, *replace); };
    });
}

}  // namespace

void add_moving_verbs(CLI::App& app, Chosen& chosen) {
    add_push(app, chosen);
    add_copy(app, chosen);
}

}  // namespace overdrive
