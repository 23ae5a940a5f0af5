#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "builder-images/artifact/cli/artifact_cli.hpp"
#include "builder-images/artifact/cli/place_opener.hpp"
#include "builder-images/artifact/cli/sign_arguments.hpp"
#include "builder-images/artifact/files.hpp"
#include "builder-images/artifact/transfer/copy_image.hpp"

namespace overdrive {

namespace {

void sign_file(const SignArguments& arguments, const std::string& file) {
    const std::string signature = arguments.read_key().sign(read_small_file(file));
    write_small_file(file + ".sig", signature + "\n");
}

/// @throws Error usage where an image cannot be signed, or nothing says what the signature is for
void require_signable(const PlaceReference& image, const SignArguments& arguments) {
    if (image.place.kind == SourceName::Kind::layout_archive) {
        throw Error{Errc::usage, fmt::format("'{}' is a tar file, which is written as a whole", image.text())}
            .with_remedy("sign the image where it came from and copy it with its signatures");
    }
    if (!image.is_registry() && arguments.identity.empty()) {
        throw Error{Errc::usage, "a layout has no name that a signature could be for"}.with_remedy(
            "give --identity HOST/REPOSITORY[:TAG], the place that nodes will ask for it");
    }
}

void sign_image(ArtifactServices& services, const PlaceOptions& places, const SignArguments& arguments,
                const std::string& text, bool as_json) {
    const PlaceReference reference = PlaceReference::parse(text);
    require_signable(reference, arguments);
    const PrivateKey key = arguments.read_image_key();
    PlaceOpener opener{services, places};
    ImageWriter& place = opener.writer(reference);
    const RawManifest top = find_image(place, reference);
    const SignOptions options =
        arguments.options(reference.is_registry() ? identity_of(reference) : std::string{}, services.clock);
    const std::vector<Digest> digests = sign_images(place, manifests_below(place, top), key, options);
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Digest& digest : digests) {
        say(fmt::format("signed {} as '{}', serial {}", digest.text(), options.identity, options.serial));
        list.push_back(digest.text());
    }
    if (as_json) {
        print(nlohmann::ordered_json{{"image", text},
                                     {"digest", top.digest.text()},
                                     {"identity", options.identity},
                                     {"serial", options.serial},
                                     {"signed", list}}
                  .dump(2) +
              "\n");
    }
}

}  // namespace

void add_sign_verb(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<SignArguments>();
    const auto what = std::make_shared<std::string>();
    const auto as_json = std::make_shared<bool>(false);
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb = app.add_subcommand("sign", "sign an image where it lies, or a file");
    verb->footer(
        "An image gets signatures as cosign makes them, over its index and each manifest in it, beside those that it "
        "has:\n"
        "under the tag sha256-<digest>.sig and, where the registry lists referrers, as referrers.\n"
        "A FILE gets FILE.sig, base64 of the key's signature over it.\n"
        "Make a key:  openssl genpkey -algorithm ed25519 -out first.key; openssl pkey -in first.key -pubout -out "
        "first.pub\n"
        "Checked by:  overdrive-artifact verify --key first.pub IMAGE|FILE\n"
        "             cosign verify --key first.pub --insecure-ignore-tlog IMAGE\n"
        "             cosign verify-blob --key first.pub --insecure-ignore-tlog --signature FILE.sig FILE\n"
        "An encrypted key of cosign's is used by cosign alone:\n"
        "             cosign sign --key cosign.key --tlog-upload=false -a org.overdrive.serial=$(date +%s) "
        "IMAGE@DIGEST");
    verb->add_option("--key", arguments->key, "private key: PEM, ECDSA P-256 or Ed25519, not encrypted")
        ->type_name("FILE")
        ->required();
    add_sign_options(verb, arguments);
    verb->add_option("--identity", arguments->identity,
                     "what the signature is for; default: the image's own HOST/REPOSITORY:TAG")
        ->type_name("NAME");
    verb->add_flag("--json", *as_json, "print one JSON object");
    add_place_options(verb, places);
    verb->add_option("IMAGE|FILE", *what, "docker://HOST/REPOSITORY[:TAG][@DIGEST], oci:DIRECTORY[:TAG], or a file")
        ->required();
    verb->callback([=, &chosen] {
        chosen = [=](ArtifactServices& services) {
            if (names_a_place(*what)) return sign_image(services, *places, *arguments, *what, *as_json);
            sign_file(*arguments, *what);
        };
    });
}

}  // namespace overdrive
