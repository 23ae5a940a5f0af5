#include "builder-images/artifact/transfer/place_reference.hpp"

#include <fmt/format.h>

#include "registry/image_reference.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::string_view kRegistry = "docker://";
constexpr std::string_view kLayout = "oci:";
constexpr std::string_view kArchive = "oci-archive:";

PlaceReference parse_registry(std::string_view text) {
    ImageReference image = parse_image_reference(text);
    return {.place = {.kind = SourceName::Kind::registry,
                      .host = std::move(image.host),
                      .repository = std::move(image.repository),
                      .path = {}},
            .tag = std::move(image.tag),
            .digest = std::move(image.digest)};
}

PlaceReference parse_layout(std::string_view text) {
    const std::size_t prefix = text.starts_with(kArchive) ? kArchive.size() : kLayout.size();
    const std::size_t colon = text.rfind(':');
    const bool has_tag = colon >= prefix && text.find('/', colon) == std::string_view::npos;
    const std::string_view tag = has_tag ? text.substr(colon + 1) : std::string_view{};
    if (has_tag && !is_tag(tag)) {
        throw Error{Errc::bad_reference,
                    fmt::format("'{}' has '{}' where a tag should be", text.substr(0, 300), tag.substr(0, 150))};
    }
    return {.place = parse_source_name(has_tag ? text.substr(0, colon) : text), .tag = std::string{tag}, .digest = {}};
}

}  // namespace

bool names_a_place(std::string_view text) noexcept {
    return text.starts_with(kRegistry) || text.starts_with(kLayout) || text.starts_with(kArchive);
}

PlaceReference PlaceReference::parse(std::string_view text) {
    if (text.starts_with(kRegistry)) return parse_registry(text);
    if (text.starts_with(kLayout) || text.starts_with(kArchive)) return parse_layout(text);
    throw Error{Errc::bad_reference,
                fmt::format("'{}' names no image; an image is docker://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST], "
                            "oci:DIRECTORY[:TAG] or oci-archive:FILE[:TAG]",
                            text.substr(0, 300))};
}

std::string PlaceReference::repository() const {
    return is_registry() ? fmt::format("{}/{}", place.host, place.repository) : std::string{};
}

std::string PlaceReference::text() const {
    std::string text = place.text();
    if (!tag.empty()) text += ":" + tag;
    if (digest) text += "@" + digest->text();
    return text;
}

PlaceReference PlaceReference::with_tag(std::string_view new_tag) const {
    PlaceReference other = *this;
    other.tag = new_tag;
    other.digest.reset();
    return other;
}

}  // namespace overdrive
