#include "builder-images/artifact/cli/artifact_cli.hpp"

#include <fmt/format.h>

#include "builder-images/artifact/pack.hpp"

namespace overdrive {

namespace {

void add_inputs(CLI::App* verb, const std::shared_ptr<PackOptions>& options) {
    verb->add_option("--describe", options->describe,
                     "describe.json: driver.json without files, size, libraries, programs and user_space_layer, which "
                     "are computed from the trees")
        ->type_name("FILE")
        ->required();
    verb->add_option("--user-space", options->user_space, "tree with bin/ lib64/ lib/firmware/ usr/ etc/")
        ->type_name("DIR")
        ->required();
    verb->add_option("--modules", options->modules, "tree with lib/modules/<kernel release>/*.ko")
        ->type_name("DIR")
        ->required();
    verb->add_option("--program", options->program,
                     "what ci/bundle made; becomes /overdrive, entry point bin/overdrive")
        ->type_name("DIR")
        ->required();
    verb->add_option("--output", options->output, "OCI image layout; made, or added to when it is one already")
        ->type_name("DIR")
        ->required();
    verb->add_option("--architecture", options->architecture, "amd64 or arm64")
        ->type_name("ARCH")
        ->capture_default_str();
    verb->add_option("--zstd-level", options->zstd_level,
                     fmt::format("1 is quick, 19 is small and takes minutes; default: {}", kDefaultZstdLevel))
        ->capture_default_str()
        ->check(CLI::Range(3, 19));
    verb->add_option("--layer-cache", options->layer_cache,
                     "directory that keeps finished program and user-space layers by their content; without it they "
                     "are compressed again and come out with the same digest")
        ->type_name("DIR");
}

void add_pack(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<PackOptions>();
    CLI::App* verb = app.add_subcommand("pack", "make the artifact of one pair in an OCI image layout");
    verb->footer(
        "The same inputs give the same image, bit for bit, with two exceptions: an ECDSA signature is random, and\n"
        "another release of zstd or libarchive may write other bytes.\n"
        "Permissions become 0644 or 0755 by the owner's execute bit (set-id bits go), owner 0, time 0.\n"
        "Refused: devices, fifos, sockets; links that are absolute, lead out of the tree or to nothing.\n\n"
        "Push it:    overdrive-artifact push oci:DIR:TAG docker://REGISTRY/REPOSITORY:TAG\n"
        "Look at it: overdrive-artifact inspect oci:DIR:TAG");
    add_inputs(verb, options);
    verb->add_option("--tag", options->tag, "tag in the layout; default: the pair's own, which nodes look for")
        ->type_name("TAG");
    CLI::Option* key = verb->add_option("--sign-key", options->sign_key,
                                        "private key (PEM, ECDSA P-256 or Ed25519) to sign driver.json with")
                           ->type_name("FILE");
    verb->add_option("--signature", options->signature, "driver.json.sig made elsewhere over what 'driver-json' prints")
        ->type_name("FILE")
        ->excludes(key);
    verb->add_option("--public-key", options->public_key, "key that --signature is checked with")->type_name("FILE");
    verb->callback([options, &chosen] {
        chosen = [options](ArtifactServices& /*services*/) {
            const PackedImage image = pack(*options, say);
            say(fmt::format("{} {}: {}", image.tag, image.is_signed ? "signed" : "not signed",
                            image.manifest.digest.text()));
            print(fmt::format("{}\n", image.manifest.digest.text()));
        };
    });
}

void add_driver_json(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<PackOptions>();
    CLI::App* verb =
        app.add_subcommand("driver-json", "print the driver.json that pack would write, to sign it elsewhere");
    verb->footer(
        "For keys that this program cannot use, such as cosign's encrypted ones:\n"
        "  overdrive-artifact driver-json ... >driver.json\n"
        "  cosign sign-blob --key cosign.key --tlog-upload=false --output-signature driver.json.sig driver.json\n"
        "  overdrive-artifact pack ... --signature driver.json.sig --public-key cosign.pub");
    add_inputs(verb, options);
    verb->callback([options, &chosen] {
        chosen = [options](ArtifactServices& /*services*/) { print(make_driver_json(*options, say)); };
    });
}

}  // namespace

void add_packing_verbs(CLI::App& app, Chosen& chosen) {
    add_pack(app, chosen);
    add_driver_json(app, chosen);
}

}  // namespace overdrive
