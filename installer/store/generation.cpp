#include "store/generation.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/json_reader.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

InstalledLayer parse_layer(const JsonReader& reader) {
    const auto role = parse_layer_role(reader.string("role"));
    if (!role) reader.fail("role", "is not known");
    return {.role = *role, .digest = Digest::parse(reader.string("digest"))};
}

Vouching parse_vouching(const JsonReader& reader) {
    const auto kind = parse_vouching_kind(reader.string("kind"));
    if (!kind) reader.fail("kind", "is not known");
    Vouching out{.kind = *kind, .keys = reader.strings("signed_by")};
    if (reader.has("serial")) out.serial = reader.number("serial");
    out.serial_of = reader.optional_string("serial_of").value_or("");
    return out;
}

ordered_json vouching_json(const std::optional<Vouching>& vouching) {
    if (!vouching) return nullptr;
    return {{"kind", to_string(vouching->kind)},
            {"signed_by", vouching->keys},
            {"serial", vouching->serial ? ordered_json(*vouching->serial) : ordered_json(nullptr)},
            {"serial_of", vouching->serial_of}};
}

GenerationInfo parse_fields(const JsonReader& reader) {
    reader.require_reader(kGenerationSchema);
    GenerationInfo out{.pair = parse_pair_path(reader.string("pair")),
                       .kernel_release = reader.string("kernel_release"),
                       .manifest_digest = std::nullopt,
                       .reference = reader.string("reference"),
                       .driver_json_digest = Digest::parse(reader.string("driver_json_digest")),
                       .installed_at = std::chrono::seconds{static_cast<std::int64_t>(reader.number("installed_at"))},
                       .size_bytes = reader.number("size_bytes"),
                       .layers = {}};
    if (const auto digest = reader.optional_string("manifest_digest")) out.manifest_digest = Digest::parse(*digest);
    for (const JsonReader& layer : reader.objects("layers")) out.layers.push_back(parse_layer(layer));
    if (const auto vouching = reader.optional_object("trust")) out.vouching = parse_vouching(*vouching);
    return out;
}

}  // namespace

const Digest* GenerationInfo::layer(LayerRole role) const noexcept {
    const auto found =
        std::find_if(layers.begin(), layers.end(), [&](const InstalledLayer& layer) { return layer.role == role; });
    return found == layers.end() ? nullptr : &found->digest;
}

GenerationInfo parse_generation(std::string_view json, const std::string& document) {
    const JsonReader reader = JsonReader::parse(json, document, Errc::bad_record);
    try {
        return parse_fields(reader);
    } catch (const Error& error) {
        if (error.code() == Errc::bad_record) throw;
        throw Error{Errc::bad_record, document + ": " + error.what()};  // a digest or pair of another parser
    }
}

std::string to_json(const GenerationInfo& generation) {
    ordered_json layers = ordered_json::array();
    for (const InstalledLayer& layer : generation.layers) {
        layers.push_back({{"role", to_string(layer.role)}, {"digest", layer.digest.text()}});
    }
    const ordered_json document{
        {"schema", kGenerationSchema},
        {"min_reader", 1},
        {"pair", generation.pair.path()},
        {"kernel_release", generation.kernel_release},
        {"manifest_digest", generation.manifest_digest ? ordered_json(generation.manifest_digest->text()) : nullptr},
        {"reference", generation.reference},
        {"driver_json_digest", generation.driver_json_digest.text()},
        {"installed_at", generation.installed_at.count()},
        {"size_bytes", generation.size_bytes},
        {"layers", layers},
        {"trust", vouching_json(generation.vouching)}};
    return document.dump(2) + "\n";
}

}  // namespace overdrive
