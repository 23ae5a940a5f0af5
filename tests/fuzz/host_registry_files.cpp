// What a host says about registries, and the names of images.

#include "fuzz/targets.hpp"
#include "registry/auth_file.hpp"
#include "registry/image_reference.hpp"
#include "registry/registries_conf.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// A password that a message must never repeat, where `is_secret`.
constexpr std::string_view kSecret = "hunter2-hunter2";

template <typename Body>
void refusing(Body body, bool is_secret) {
    try {
        body();
    } catch (const Error& error) {
        require_promise(*error.what() != '\0', "a refusal says why");
        const bool shown = std::string_view{error.what()}.find(kSecret) != std::string_view::npos;
        require_promise(!is_secret || !shown, "a secret stays one");
    }
}

/// Characters that no host and no repository may bring into a URL, a header or a path.
bool is_plain(std::string_view name) { return name.find_first_of("@ \t\r\n?#%\\{}\"'") == std::string_view::npos; }

}  // namespace

void fuzz_image_reference(std::string_view bytes) {
    refusing(
        [&] {
            const ImageReference image = parse_image_reference(bytes);
            require_promise(image.text() == bytes, "a reference is what was written");
            require_promise(is_plain(image.host) && image.host.find('/') == std::string::npos, "a host is a host");
            require_promise(is_plain(image.repository) && image.repository.find("..") == std::string::npos,
                            "a repository stays below /v2/");
            require_promise(image.tag.size() <= 128 && is_plain(image.tag) && image.tag.find('/') == std::string::npos,
                            "a tag is one part of a path");
        },
        may_hold_credentials(bytes));
}

void fuzz_auth_file(std::string_view bytes) {
    refusing(
        [&] {
            const AuthFile file = AuthFile::parse(bytes, "'auth.json'");
            for (const char* host : {"registry.example", "registry.example:5000", "docker.io", ""}) {
                const auto answer = file.find(host, "overdrive/nvidia-coreos");
                if (!answer) continue;
                require_promise(answer->login.has_value() != !answer->helper.empty(),
                                "an answer is a login or a helper");
                require_promise(
                    answer->helper.find_first_of("/ \n") == std::string::npos && answer->helper.size() <= 64,
                    "a helper is one name");
                require_promise(!answer->place.empty(), "an answer says where it stands");
            }
        },
        true);
    refusing([&] { static_cast<void>(parse_helper_answer(bytes, "docker-credential-x")); }, true);
}

void fuzz_registries_conf(std::string_view bytes) {
    refusing(
        [&] {
            RegistriesConf conf;
            conf.apply(bytes, "registries.conf");
            for (const char* host :
                 {"registry.example", "registry.example:5000", "sub.registry.example", "docker.io"}) {
                refusing(
                    [&] {
                        const auto places = conf.places(host, "overdrive/nvidia-coreos");
                        require_promise(!places.empty() && !places.back().is_mirror, "the place itself comes last");
                        for (const RegistriesConf::Place& place : places) {
                            require_promise(is_registry_host(place.host), "a place's host is one");
                            require_promise(is_repository(place.repository), "a place's repository is one");
                        }
                    },
                    false);
            }
        },
        false);
}

}  // namespace overdrive
