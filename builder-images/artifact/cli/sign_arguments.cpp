#include "builder-images/artifact/cli/sign_arguments.hpp"

#include <fmt/format.h>

#include "builder-images/artifact/files.hpp"
#include "registry/signature_manifest.hpp"
#include "trust/simple_signing.hpp"

namespace overdrive {

PrivateKey SignArguments::read_key() const { return PrivateKey::parse(read_small_file(key), key); }

PrivateKey SignArguments::read_image_key() const {
    const std::string pem = read_small_file(key);
    try {
        return PrivateKey::parse(pem, key);
    } catch (const Error& error) {
        if (pem.find("ENCRYPTED") == std::string::npos) throw;
        throw Error{error.code(), error.what()}.with_remedy(fmt::format(
            "for an image: cosign sign --key {} --tlog-upload=false -a {}=$(date +%s) HOST/REPOSITORY@DIGEST", key,
            kSerialAnnotation));
    }
}

SignOptions SignArguments::options(const std::string& image_identity, Clock& clock) const {
    SignOptions options{.identity = identity.empty() ? image_identity : identity,
                        .serial = serial.value_or(static_cast<std::uint64_t>(clock.wall().count())),
                        .annotations = {},
                        .allow_lower_serial = allow_lower_serial};
    for (const std::string& annotation : annotations) {
        const std::size_t equals = annotation.find('=');
        if (equals == std::string::npos || equals == 0)
            throw Error{Errc::usage, fmt::format("'{}' is no annotation; it must be NAME=VALUE", annotation)};
        if (annotation.substr(0, equals) == kSerialAnnotation)
            throw Error{Errc::usage, fmt::format("the annotation '{}' is given by --serial", kSerialAnnotation)};
        options.annotations[annotation.substr(0, equals)] = annotation.substr(equals + 1);
    }
    return options;
}

void add_sign_options(CLI::App* verb, const std::shared_ptr<SignArguments>& arguments) {
    verb->add_option("--serial", arguments->serial,
                     "number in the signature, newer is greater: nodes do not go back to a smaller one for a tag; "
                     "default: the seconds since the epoch")
        ->type_name("N");
    verb->add_flag("--allow-lower-serial", arguments->allow_lower_serial,
                   "sign even when this key has signed a greater serial for the tag");
    verb->add_option("-a,--annotation", arguments->annotations,
                     "NAME=VALUE in the signature; may be given several times")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);
}

std::string identity_of(const PlaceReference& reference) {
    std::string identity = reference.repository();
    if (!reference.tag.empty() && !reference.digest) identity += ":" + reference.tag;
    return identity;
}

}  // namespace overdrive
