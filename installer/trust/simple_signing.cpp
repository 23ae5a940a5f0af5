#include "trust/simple_signing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "model/json_reader.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostPayload = 64U << 10U;
constexpr std::size_t kMostIdentity = 512;
constexpr std::size_t kMostAnnotations = 64;
constexpr const char* kDocument = "signature payload";
constexpr const char* kType = "cosign container image signature";
/// Decimal digits that a serial may have: no leading zero, so that a serial has one spelling.
constexpr std::size_t kMostSerialDigits = 18;

/// What a docker-reference consists of: host, port, repository, tag and digest, never white space or escapes.
bool is_reference_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"._-/:@[]+"}.find(c) != std::string_view::npos;
}

/// Whoever signs means every member; one that we do not know may restrict what the signature is for.
void require_only(const JsonReader& reader, std::initializer_list<std::string_view> known) {
    for (const std::string& name : reader.names()) {
        if (std::find(known.begin(), known.end(), name) == known.end())
            reader.fail(name.substr(0, 100), "is not known in a signature");
    }
}

std::string parse_identity(const JsonReader& identity) {
    require_only(identity, {"docker-reference"});
    std::string reference = identity.string("docker-reference");
    if (reference.empty() || reference.size() > kMostIdentity ||
        !std::all_of(reference.begin(), reference.end(), is_reference_character))
        identity.fail("docker-reference", "is not a repository");
    return reference;
}

Digest parse_image(const JsonReader& image) {
    require_only(image, {"docker-manifest-digest"});
    const std::string text = image.string("docker-manifest-digest");
    try {
        return Digest::parse(text);
    } catch (const Error&) {
        image.fail("docker-manifest-digest", "is not a sha256 digest");
    }
}

std::uint64_t parse_serial(const JsonReader& optional) {
    const std::string text = optional.string(kSerialAnnotation);
    std::uint64_t serial = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, serial);
    const bool is_plain = !text.empty() && text.size() <= kMostSerialDigits && (text == "0" || text.front() != '0');
    if (!is_plain || failure != std::errc{} || stop != end)
        optional.fail(kSerialAnnotation, "is not a decimal number of at most 18 digits without leading zeros");
    return serial;
}

void parse_optional(const JsonReader& optional, SimpleSigning& out) {
    const std::vector<std::string> names = optional.names();
    if (names.size() > kMostAnnotations)
        optional.fail("optional", fmt::format("has more than {} members", kMostAnnotations));
    for (const std::string& name : names) {
        if (name == kSerialAnnotation) {
            out.serial = parse_serial(optional);
        } else if (!optional.is_number(name)) {  // containers/image writes the time as one; nothing here goes by it
            out.annotations.emplace(name, optional.string(name));
        }
    }
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
}

/// Go's encoding/json writes these escaped, so that JSON may stand in HTML and in JavaScript. None of them can occur
/// outside strings.
std::string as_go_writes(std::string json) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kEscapes{{{"&", "\\u0026"},
                                                                                     {"<", "\\u003c"},
                                                                                     {">", "\\u003e"},
                                                                                     {"\xe2\x80\xa8", "\\u2028"},
                                                                                     {"\xe2\x80\xa9", "\\u2029"}}};
    for (const auto& [character, escape] : kEscapes) replace_all(json, character, escape);
    return json;
}

}  // namespace

SimpleSigning SimpleSigning::parse(std::string_view payload) {
    if (payload.size() > kMostPayload)
        throw Error{Errc::untrusted, fmt::format("{}: larger than {} bytes", kDocument, kMostPayload)};
    const JsonReader reader = JsonReader::parse(payload, kDocument, Errc::untrusted);
    require_only(reader, {"critical", "optional"});
    const JsonReader critical = reader.object("critical");
    require_only(critical, {"identity", "image", "type"});
    if (critical.string("type") != kType) critical.fail("type", fmt::format("is not '{}'", kType));
    SimpleSigning out{.identity = parse_identity(critical.object("identity")),
                      .manifest_digest = parse_image(critical.object("image")),
                      .serial = std::nullopt};
    if (const auto optional = reader.optional_object("optional")) parse_optional(*optional, out);
    return out;
}

std::string SimpleSigning::to_json() const {
    using nlohmann::ordered_json;
    std::map<std::string, std::string> all = annotations;  // sorted by bytes, as Go sorts a map
    if (serial) all[kSerialAnnotation] = std::to_string(*serial);
    const ordered_json document{{"critical",
                                 {{"identity", {{"docker-reference", identity}}},
                                  {"image", {{"docker-manifest-digest", manifest_digest.text()}}},
                                  {"type", kType}}},
                                {"optional", all.empty() ? ordered_json(nullptr) : ordered_json(all)}};
    return as_go_writes(document.dump());
}

}  // namespace overdrive
