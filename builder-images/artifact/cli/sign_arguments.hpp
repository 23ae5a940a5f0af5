#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "builder-images/artifact/transfer/place_reference.hpp"
#include "builder-images/artifact/transfer/sign_image.hpp"
#include "ports/clock.hpp"

namespace overdrive {

/// How an image is signed, from the command line.
struct SignArguments {
    std::string key{};  ///< file; empty: nothing is signed
    std::optional<std::uint64_t> serial{};
    std::vector<std::string> annotations{};  ///< `name=value`
    std::string identity{};                  ///< empty: from the image's name
    bool allow_lower_serial = false;

    /// @throws Error config, naming what the key is instead and how to sign with it
    [[nodiscard]] PrivateKey read_key() const;
    /// The same for an image, which an encrypted key of cosign's signs by another command.
    [[nodiscard]] PrivateKey read_image_key() const;
    /// Without a serial: the seconds since the epoch. @throws Error usage: an annotation without `=`
    [[nodiscard]] SignOptions options(const std::string& identity, Clock& clock) const;
};

void add_sign_options(CLI::App* verb, const std::shared_ptr<SignArguments>& arguments);

/// What a signature of an image in a registry is for: `HOST/REPOSITORY:TAG`, without the tag when it is named by
/// digest.
[[nodiscard]] std::string identity_of(const PlaceReference& reference);

}  // namespace overdrive
