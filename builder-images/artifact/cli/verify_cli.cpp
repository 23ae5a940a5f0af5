#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "builder-images/artifact/cli/artifact_cli.hpp"
#include "builder-images/artifact/cli/place_opener.hpp"
#include "builder-images/artifact/files.hpp"
#include "builder-images/artifact/transfer/verify_image.hpp"
#include "support/visible_text.hpp"

namespace overdrive {

namespace {

struct VerifyArguments {
    std::vector<std::string> keys{};
    std::string what{};
    std::string signature{};
    std::vector<std::string> identity{};
    std::optional<std::string> architecture{};
    bool all = false;
    bool as_json = false;
};

/// A signature file has one signature a line.
std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream{text};
    for (std::string line; lines.size() < kMostSignatures && std::getline(stream, line);) lines.push_back(line);
    return lines;
}

void verify_file(const VerifyArguments& arguments, const TrustPolicy& policy, const TrustedKeys& trusted) {
    const std::string from = arguments.signature.empty() ? arguments.what + ".sig" : arguments.signature;
    const std::string bytes = read_small_file(arguments.what);
    const std::vector<std::string> signatures = lines_of(read_small_file(from));
    std::vector<bool> vouched;
    for (const TrustedKeys::Key& key : trusted.keys) {
        vouched.push_back(std::any_of(signatures.begin(), signatures.end(), [&](const std::string& signature) {
            return key.key.verifies(bytes, signature);
        }));
    }
    const auto enough = enough_keys(policy, trusted, vouched);
    if (!enough) {
        throw Error{Errc::answer_is_no, fmt::format("'{}' is not the signature of '{}' over '{}'", from,
                                                    fmt::join(arguments.keys, "', '"), arguments.what)};
    }
    print(fmt::format("'{}' is signed by '{}'\n", arguments.what, fmt::join(*enough, "', '")));
}

nlohmann::ordered_json answer_json(const ManifestAnswer& each) {
    nlohmann::ordered_json json{{"digest", each.digest.text()},
                                {"architecture", each.architecture},
                                {"verified", each.answer.vouching.has_value()},
                                {"keys", nlohmann::ordered_json::array()},
                                {"serial", nullptr},
                                {"why_not", nullptr}};
    if (!each.answer.vouching) {
        json["why_not"] = visible_text(each.answer.why_not);
        return json;
    }
    for (const std::string& key : each.answer.vouching->keys) json["keys"].push_back(key);
    if (each.answer.vouching->serial) json["serial"] = *each.answer.vouching->serial;
    return json;
}

void verify_place(ArtifactServices& services, const PlaceOptions& places, const VerifyArguments& arguments,
                  const TrustPolicy& policy, const TrustedKeys& trusted) {
    const PlaceReference reference = PlaceReference::parse(arguments.what);
    PlaceOpener opener{services, places};
    ImageReader& place = opener.reader(reference);
    const RawManifest top = find_image(place, reference);
    const std::vector<ManifestAnswer> answers = verify_image(
        place, top, policy, trusted,
        {.repository = reference.repository(), .tag = reference.tag, .architecture = arguments.architecture});
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    std::string lines;
    std::string why_not;
    for (const ManifestAnswer& each : answers) {
        list.push_back(answer_json(each));
        if (each.answer.vouching) {
            lines += fmt::format("{} {}: {}\n", each.digest.text(), each.architecture, to_text(*each.answer.vouching));
        } else if (why_not.empty()) {
            why_not = fmt::format("{} of '{}' is not vouched for: {}", each.digest.text(), arguments.what,
                                  each.answer.why_not);
        }
    }
    if (arguments.as_json) {
        print(nlohmann::ordered_json{{"image", arguments.what},
                                     {"digest", top.digest.text()},
                                     {"verified", why_not.empty()},
                                     {"manifests", list}}
                  .dump(2) +
              "\n");
    } else {
        print(lines);
    }
    if (!why_not.empty()) throw Error{Errc::answer_is_no, why_not};
}

void run_verify(ArtifactServices& services, const PlaceOptions& places, const VerifyArguments& arguments) {
    TrustPolicy policy;
    policy.keys = arguments.keys;
    policy.require_all = arguments.all;
    policy.identity = arguments.identity;
    TrustedKeys trusted;
    for (const std::string& path : arguments.keys)
        trusted.keys.push_back({path, PublicKey::parse(read_small_file(path), path)});
    if (names_a_place(arguments.what)) return verify_place(services, places, arguments, policy, trusted);
    verify_file(arguments, policy, trusted);
}

}  // namespace

void add_verify_verb(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<VerifyArguments>();
    const auto places = std::make_shared<PlaceOptions>();
    CLI::App* verb = app.add_subcommand(
        "verify", "check who signed an image, as nodes do, or FILE.sig; exits 8 when the keys did not");
    verb->footer(
        "Of an image every architecture has to be vouched for, by a signature over its manifest or over the index, "
        "for\n"
        "this repository and tag; named by REPOSITORY@DIGEST alone, by signatures that name no tag "
        "(REPOSITORY:TAG@DIGEST takes\n"
        "those for the tag). Any of the keys will do, unless --all is given.");
    verb->add_option("--key", arguments->keys, "public key: PEM, ECDSA P-256 or Ed25519; may be given several times")
        ->type_name("FILE")
        ->allow_extra_args(false)
        ->required();
    verb->add_flag("--all", arguments->all, "every key has to have signed, not any of them");
    verb->add_option("--identity", arguments->identity,
                     "HOST/REPOSITORY that signatures may name besides the one that is asked, for copies")
        ->type_name("NAME")
        ->allow_extra_args(false);
    verb->add_option("--architecture", arguments->architecture, "only this one (amd64, arm64)")->type_name("ARCH");
    verb->add_option("--signature", arguments->signature, "of a file: its signature; default: FILE.sig")
        ->type_name("FILE");
    verb->add_flag("--json", arguments->as_json, "of an image: print one JSON object");
    add_place_options(verb, places);
    verb->add_option("IMAGE|FILE", arguments->what, "docker://..., oci:..., oci-archive:..., or a file that was signed")
        ->required();
    verb->callback(
        [=, &chosen] { chosen = [=](ArtifactServices& services) { run_verify(services, *places, *arguments); }; });
}

}  // namespace overdrive
