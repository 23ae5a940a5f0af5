#include "builder-images/artifact/cli/place_opener.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "builder-images/artifact/transfer/layout_images.hpp"
#include "builder-images/artifact/transfer/registry_images.hpp"
#include "registry/curl_transport.hpp"
#include "registry/host_logins.hpp"
#include "registry/registry_places.hpp"
#include "support/root.hpp"

namespace overdrive {

namespace {

CurlSettings curl_settings(const Root& root) {
    CurlSettings settings;
    settings.ca_file = find_ca_file(root).value_or("");
    settings.user_agent = "overdrive-artifact/" OVERDRIVE_VERSION;
    return settings;
}

constexpr std::size_t kMostTags = 100'000;

std::vector<std::string> image_tags(ImageReader& place) {
    std::vector<std::string> tags = place.tags(kMostTags);
    std::erase_if(tags, [](const std::string& tag) { return tag.starts_with("sha256-"); });
    return tags;
}

}  // namespace

/// What this machine says about registries.
struct PlaceOpener::Machine {
    explicit Machine(ProcessRunner& processes)
        : environment{read_login_environment(root, false)}, logins{root, processes, environment} {}
    Root root{"/"};
    LoginEnvironment environment;
    HostLogins logins;
};

/// One registry with its connection.
struct PlaceOpener::Registry {
    Registry(Machine& machine, Clock& clock, const PlaceOptions& options, const SourceName& name, const char* actions)
        : transport{curl_settings(machine.root)},
          access{machine.root,
                 {transport, machine.logins, clock, {}},
                 {.insecure = options.insecure, .home = machine.environment.home}},
          session{access.own_place(name), transport, machine.logins, clock, {}},
          images{session, actions, {.piece_bytes = options.piece_mebibytes << 20U}} {}

    CurlTransport transport;
    RegistryAccess access;
    RegistrySession session;
    RegistryImages images;
};

PlaceOpener::PlaceOpener(ArtifactServices& services, PlaceOptions options)
    : services_{services}, options_{std::move(options)} {}

PlaceOpener::~PlaceOpener() = default;

PlaceOpener::Registry& PlaceOpener::open_registry(const PlaceReference& reference, const char* actions) {
    if (!machine_) machine_ = std::make_unique<Machine>(services_.processes);
    registries_.push_back(std::make_unique<Registry>(*machine_, services_.clock, options_, reference.place, actions));
    return *registries_.back();
}

ImageReader& PlaceOpener::reader(const PlaceReference& reference) {
    if (reference.is_registry()) return open_registry(reference, "pull").images;
    const SourceName& place = reference.place;
    layouts_.push_back(std::make_unique<LayoutImages>(place.text(), place.kind == SourceName::Kind::layout
                                                                        ? open_layout_directory(place.path)
                                                                        : open_layout_archive(place.path)));
    return *layouts_.back();
}

ImageWriter& PlaceOpener::writer(const PlaceReference& reference) {
    if (reference.is_registry()) return open_registry(reference, "pull,push").images;
    const SourceName& place = reference.place;
    std::unique_ptr<ImageWriter> made;
    if (place.kind == SourceName::Kind::layout) {
        made = std::make_unique<LayoutDirectory>(place.text(), place.path);
    } else {
        made = std::make_unique<LayoutArchive>(place.text(), place.path);
    }
    ImageWriter& writer = *made;
    layouts_.push_back(std::move(made));
    return writer;
}

std::string only_tag(ImageReader& place, const PlaceReference& reference) {
    if (reference.is_registry()) return {};
    const std::vector<std::string> tags = image_tags(place);
    return tags.size() == 1 ? tags.front() : std::string{};
}

RawManifest find_image(ImageReader& place, const PlaceReference& reference) {
    auto found = reference.digest ? place.manifest(*reference.digest) : place.tagged(reference.tag);
    if (found) return std::move(*found);
    Error missing{Errc::no_artifact, fmt::format("there is no '{}'", reference.text())};
    if (reference.is_registry()) throw missing;
    throw std::move(missing).with_remedy(fmt::format("its tags are: {}", fmt::join(image_tags(place), ", ")));
}

}  // namespace overdrive
