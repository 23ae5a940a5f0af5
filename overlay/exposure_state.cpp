#include "overlay/exposure_state.hpp"

#include <nlohmann/json.hpp>

#include "model/json_reader.hpp"

namespace overdrive {

namespace {

using nlohmann::json;

/// The document at `path` when this program can read it. What it holds can be derived anew, so a damaged one or one of
/// a newer program is no error.
std::optional<JsonReader> read_document(const Root& root, const char* path, int schema) {
    const auto text = root.read_file(path, 1U << 20U);
    if (!text) return std::nullopt;
    try {
        JsonReader reader = JsonReader::parse(*text, path, Errc::bad_record);
        reader.require_reader(schema);
        return reader;
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace

std::optional<MountedExposure> MountedExposure::load(const Root& root) {
    const auto reader = read_document(root, kPath, kSchema);
    if (!reader) return std::nullopt;
    try {
        MountedExposure state;
        state.generation = reader->string("generation");
        state.target = reader->string("target");
        state.libraries = reader->strings("libraries");
        const JsonReader mount = reader->object("mount");
        state.mount = {static_cast<int>(mount.number("id")), mount.number("unique_id")};
        const JsonReader base = reader->object("base");
        state.base = {static_cast<int>(base.number("mount_id")), base.number("unique_id"), base.number("device")};
        return state;
    } catch (const Error&) {
        return std::nullopt;
    }
}

void MountedExposure::save(const Root& root) const {
    const json document = {
        {"schema", kSchema},
        {"min_reader", 1},
        {"generation", generation},
        {"target", target},
        {"libraries", libraries},
        {"mount", {{"id", mount.id}, {"unique_id", mount.unique_id}}},
        {"base", {{"mount_id", base.mount_id}, {"unique_id", base.unique_id}, {"device", base.device}}}};
    root.make_directories("/run/overdrive");
    root.write_file(kPath, document.dump(2) + "\n");
}

void MountedExposure::forget(const Root& root) { static_cast<void>(root.remove(kPath)); }

LastingExposure LastingExposure::load(const Root& root) {
    const auto reader = read_document(root, kPath, kSchema);
    if (!reader) return {};
    try {
        LastingExposure state;
        state.generation = reader->string("generation");
        state.library_directory = reader->string("library_directory");
        state.cache_identity = reader->string("cache_identity");
        state.made_directories = reader->strings("made_directories");
        state.loader = reader->optional_string("loader").value_or("");
        state.asked_of = reader->optional_string("asked_of").value_or("");
        state.loader_searches = reader->boolean_or("loader_searches", false);
        return state;
    } catch (const Error&) {
        return {};
    }
}

void LastingExposure::save(const Root& root) const {
    if (generation.empty() && made_directories.empty() && loader.empty()) {
        forget(root);
        return;
    }
    const json document = {{"schema", kSchema},
                           {"min_reader", 1},
                           {"generation", generation},
                           {"library_directory", library_directory},
                           {"cache_identity", cache_identity},
                           {"made_directories", made_directories},
                           {"loader", loader},
                           {"asked_of", asked_of},
                           {"loader_searches", loader_searches}};
    root.make_directories("/opt/nvidia/.overdrive");
    root.write_file(kPath, document.dump(2) + "\n");
}

void LastingExposure::forget(const Root& root) { static_cast<void>(root.remove(kPath)); }

}  // namespace overdrive
