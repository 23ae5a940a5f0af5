#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <string>

#include "builder-images/artifact/files.hpp"
#include "builder-images/artifact/inspect.hpp"
#include "builder-images/artifact/pack.hpp"
#include "model/exit_code.hpp"
#include "support/error.hpp"
#include "trust/signature.hpp"

namespace overdrive {

namespace {

/// What the command line chose; run after it was read as a whole.
using Chosen = std::function<void()>;

void say(std::string_view line) { fmt::print(stderr, "overdrive-artifact: {}\n", line); }

void print(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
        throw Error{Errc::io, "cannot write to standard output"};
}

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
    verb->add_option("--zstd-level", options->zstd_level, "3 is quick, 19 is small and takes minutes")
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
        "Push it:    skopeo copy oci:DIR:TAG docker://REGISTRY/REPOSITORY:TAG\n"
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
        chosen = [options] {
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
    verb->callback([options, &chosen] { chosen = [options] { print(make_driver_json(*options, say)); }; });
}

void add_sign(CLI::App& app, Chosen& chosen) {
    const auto key = std::make_shared<std::string>();
    const auto file = std::make_shared<std::string>();
    CLI::App* verb = app.add_subcommand("sign", "write FILE.sig, base64 of the key's signature over FILE");
    verb->footer(
        "Make a key:  openssl genpkey -algorithm ed25519 -out first.key; openssl pkey -in first.key -pubout -out "
        "first.pub\n"
        "Checked by:  overdrive-artifact verify --key first.pub FILE\n"
        "             cosign verify-blob --key first.pub --insecure-ignore-tlog --signature FILE.sig FILE");
    verb->add_option("--key", *key, "private key: PEM, ECDSA P-256 or Ed25519, not encrypted")
        ->type_name("FILE")
        ->required();
    verb->add_option("FILE", *file, "what to sign")->required();
    verb->callback([=, &chosen] {
        chosen = [=] {
            const std::string signature = PrivateKey::parse(read_small_file(*key), *key).sign(read_small_file(*file));
            write_small_file(*file + ".sig", signature + "\n");
        };
    });
}

void add_verify(CLI::App& app, Chosen& chosen) {
    const auto key = std::make_shared<std::string>();
    const auto file = std::make_shared<std::string>();
    const auto signature = std::make_shared<std::string>();
    CLI::App* verb =
        app.add_subcommand("verify", "check FILE.sig; exits 8 when it is not the key's signature over FILE");
    verb->add_option("--key", *key, "public key: PEM, ECDSA P-256 or Ed25519")->type_name("FILE")->required();
    verb->add_option("--signature", *signature, "signature file; default: FILE.sig")->type_name("FILE");
    verb->add_option("FILE", *file, "what was signed")->required();
    verb->callback([=, &chosen] {
        chosen = [=] {
            const std::string from = signature->empty() ? *file + ".sig" : *signature;
            const PublicKey public_key = PublicKey::parse(read_small_file(*key), *key);
            if (!public_key.verifies(read_small_file(*file), read_small_file(from)))
                throw Error{Errc::answer_is_no,
                            fmt::format("'{}' is not the signature of '{}' over '{}'", from, *key, *file)};
            print(fmt::format("'{}' is signed by '{}'\n", *file, *key));
        };
    });
}

void add_inspect(CLI::App& app, Chosen& chosen) {
    const auto reference = std::make_shared<std::string>();
    const auto as_json = std::make_shared<bool>(false);
    CLI::App* verb = app.add_subcommand("inspect", "check every blob of an image in a layout and print what it is");
    verb->add_option("REFERENCE", *reference, "oci:DIR or oci:DIR:TAG")->required();
    verb->add_flag("--json", *as_json, "print one JSON object");
    verb->callback([=, &chosen] {
        chosen = [=] {
            const InspectedImage image = inspect(LayoutReference::parse(*reference));
            print(*as_json ? to_json(image) : to_text(image));
        };
    });
}

int report(const Error& error) {
    fmt::print(stderr, "overdrive-artifact: error ({}): {}\n", reason_code(error.code()), error.what());
    if (!error.remedy().empty()) fmt::print(stderr, "{}\n", error.remedy());
    return static_cast<int>(exit_code_of(error.code()));
}

int run(int argc, char** argv) {
    CLI::App app{"Makes, signs and inspects driver artifacts. Runs where images are built, never on a node."};
    app.name("overdrive-artifact");
    app.set_version_flag("--version", "overdrive-artifact " OVERDRIVE_VERSION);
    app.require_subcommand(1);
    app.footer("Exit codes: 0 done, 1 failed, 2 usage, configuration or trust, 8 the answer is no (verify).");
    Chosen chosen;
    add_pack(app, chosen);
    add_driver_json(app, chosen);
    add_sign(app, chosen);
    add_verify(app, chosen);
    add_inspect(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
    }
    chosen();
    return 0;
}

}  // namespace

}  // namespace overdrive

int main(int argc, char** argv) {
    try {
        return overdrive::run(argc, argv);
    } catch (const overdrive::Error& error) {
        return overdrive::report(error);
    } catch (const std::exception& error) {
        return overdrive::report(overdrive::Error{overdrive::Errc::unsupported, error.what()});
    }
}
