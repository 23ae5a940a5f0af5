#include "fuzz/targets.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "devices/host_texts.hpp"
#include "model/completeness.hpp"
#include "model/config.hpp"
#include "model/driver_manifest.hpp"
#include "model/os_profile.hpp"
#include "model/os_release.hpp"
#include "model/pair.hpp"
#include "model/pair_index.hpp"
#include "overlay/mount_table.hpp"
#include "registry/image_manifest.hpp"
#include "registry/pair_index_manifest.hpp"
#include "registry/signature_manifest.hpp"
#include "registry/source_name.hpp"
#include "store/generation.hpp"
#include "store/record.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"
#include "transaction/journal.hpp"
#include "trust/simple_signing.hpp"

namespace overdrive {

namespace {

/// Runs a reader that may refuse.
template <typename Body>
void refusing(Body body) {
    try {
        body();
    } catch (const Error& error) {
        require_promise(*error.what() != '\0', "a refusal says why");
    }
}

void os_release(std::string_view bytes) {
    refusing([&] {
        const OsRelease release = OsRelease::parse(bytes);
        const std::string key = os_key(profile_for(release.id()), release, "6.1.0-1-test");
        require_promise(is_path_safe(key), "an OS key is one safe path component");
        const Pair pair{DriverId::parse("900.1.0"), key};
        require_promise(parse_pair_path(pair.path()) == pair, "a pair's path is read back");
        require_promise(tag_of(pair).size() <= 128, "a tag has at most 128 characters");
    });
}

void driver_json(std::string_view bytes) {
    refusing([&] {
        const DriverManifest manifest = DriverManifest::parse(bytes);
        for (const FileSpec& file : manifest.files)
            require_promise(is_plain_relative_path(file.path), "listed files stay inside");
        for (const std::string& name : manifest.libraries)
            require_promise(name.find('/') == std::string::npos, "a library is a name");
        for (const std::string& name : manifest.programs)
            require_promise(name.find('/') == std::string::npos, "a program is a name");
        for (const ModuleSpec& module : manifest.modules)
            require_promise(is_plain_relative_path(module.path), "modules stay inside");
        refusing([&] { require_complete(manifest); });
        const std::string again = manifest.to_json();
        require_promise(DriverManifest::parse(again).to_json() == again, "driver.json comes back as it was written");
    });
}

void image_manifest(std::string_view bytes) {
    for (const char* type :
         {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}) {
        refusing([&] { static_cast<void>(select_platform(parse_index(bytes, type, "index"), "amd64")); });
    }
    for (const char* type :
         {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}) {
        refusing([&] {
            const ImageManifest manifest = parse_image_manifest(bytes, type, "manifest");
            require_promise(manifest.layers.size() <= kMostLayers, "layers are counted");
            for (const LayerDescriptor& layer : manifest.layers)
                require_promise(layer.size <= kMostLayerBytes, "a layer's size is bounded");
        });
    }
    refusing([&] { static_cast<void>(parse_config_architecture(bytes, "config")); });
}

void source_name(std::string_view bytes) {
    refusing([&] {
        const SourceName name = parse_source_name(bytes);
        require_promise(name.text() == bytes, "a source's name is what was written");
        require_promise(name.host.find_first_of("/@ \n") == std::string::npos, "a host is a host");
        static_cast<void>(allows_plain_http(name.host, {"registry.example:5000", "localhost"}));
    });
}

/// Whether `tag` ends in the fingerprint that stands for what 128 characters cannot hold.
bool is_shortened(std::string_view tag) {
    constexpr std::size_t kDigits = 16;
    return tag.size() > kDigits && tag.find_last_not_of("0123456789abcdef") == tag.size() - kDigits - 1 &&
           tag[tag.size() - kDigits - 1] == '_';
}

void tag(std::string_view bytes) {
    if (const auto pair = pair_of_tag(bytes)) {
        require_promise(is_path_safe(pair->os_key), "a tag's OS key is one safe path component");
        const std::string text = tag_of(*pair);
        require_promise(text.size() <= 128, "a tag has at most 128 characters");
        if (is_shortened(text)) return;  // by design there is no way back
        const auto again = pair_of_tag(text);
        require_promise(again.has_value() && *again == *pair, "a pair read from a tag gives that tag's pair");
    }
    refusing([&] {
        const Pair pair = parse_pair_path(bytes);
        require_promise(pair.path() == bytes, "a pair's path is read back");
    });
    refusing([&] { static_cast<void>(DriverWish::parse(bytes)); });
}

void mountinfo(std::string_view bytes) {
    refusing([&] {
        const MountTable table{parse_mountinfo(bytes)};
        static_cast<void>(table.visible_at("/usr/lib64"));
        static_cast<void>(table.stack_at("/usr/lib64"));
        for (const MountEntry* mount : table.submounts_of("/usr"))
            require_promise(is_at_or_below(mount->target, "/usr"), "a submount is below");
    });
    refusing([&] { static_cast<void>(parse_modules(bytes)); });
    refusing([&] { static_cast<void>(parse_character_majors(bytes)); });
    refusing([&] { static_cast<void>(parse_driver_version(bytes)); });
    refusing([&] { static_cast<void>(parse_build_id(bytes)); });
}

/// A checksum that is right lets the bytes through to the fields behind it.
std::string with_checksum(std::string_view bytes) {
    auto document = nlohmann::json::parse(bytes, nullptr, false);
    if (!document.is_object()) return std::string{bytes};
    document.erase("checksum");
    try {
        document["checksum"] = sha256_hex(document.dump());
        return document.dump();
    } catch (const nlohmann::json::exception&) {  // not UTF-8
        return std::string{bytes};
    }
}

void record(std::string_view bytes) {
    static_cast<void>(Record::is_newer(bytes));
    refusing([&] { static_cast<void>(Record::parse(bytes)); });
    refusing([&] {
        const Record accepted = Record::parse(with_checksum(bytes));
        require_promise(Record::parse(accepted.to_json()) == accepted, "a record comes back as it was written");
    });
}

void signature_payload(std::string_view bytes) {
    refusing([&] {
        const SimpleSigning signing = SimpleSigning::parse(bytes);
        require_promise(signing.identity.find_first_of(" \n\x1b") == std::string::npos, "an identity can be shown");
        const std::string again = signing.to_json();
        require_promise(SimpleSigning::parse(again).to_json() == again, "a payload comes back as it was written");
    });
}

void pair_index(std::string_view bytes) {
    refusing([&] {
        const PairIndex index = PairIndex::parse(bytes);
        require_promise(PairIndex::parse(index.to_json()).offers_the_same(index), "an index survives its writing");
    });
    refusing([&] {
        const DocumentBlob blob =
            parse_pair_index_manifest(bytes, "application/vnd.oci.image.manifest.v1+json", "pair index");
        require_promise(blob.size <= PairIndex::kMostBytes, "no document is larger than an index may be");
    });
}

void signature_manifest(std::string_view bytes) {
    refusing([&] {
        const auto layers = parse_signature_manifest(bytes, "application/vnd.oci.image.manifest.v1+json", "signatures");
        require_promise(layers.size() <= kMostSignatures, "signatures are counted");
        for (const SignatureLayer& layer : layers)
            require_promise(layer.size <= kMostSignaturePayload && !layer.base64.empty(), "a payload is bounded");
    });
    refusing([&] {
        require_promise(parse_referrers(bytes, "referrers").size() <= kMostSignatureManifests, "referrers are counted");
    });
    refusing([&] { static_cast<void>(parse_subject(bytes, "manifest")); });
}

/// Every line with the checksum that lets it through to the fields behind it.
std::string with_line_checksums(std::string_view bytes) {
    constexpr std::size_t kDigits = 16;
    std::string out;
    while (!bytes.empty()) {
        const std::size_t end = std::min(bytes.find('\n'), bytes.size());
        std::string_view line = bytes.substr(0, end);
        bytes.remove_prefix(std::min(end + 1, bytes.size()));
        if (line.size() > kDigits && line[kDigits] == ' ') line.remove_prefix(kDigits + 1);
        out += sha256_hex(line).substr(0, kDigits) + " " + std::string{line} + "\n";
    }
    return out;
}

void read_journal_text(std::string_view text) {
    try {
        const auto found = JournalContent::parse(text);
        if (!found) return;
        std::string again = journal_line(found->header);
        for (const std::string& step : found->steps) again += journal_line(step);
        auto expected = *found;
        expected.torn = false;
        require_promise(JournalContent::parse(again) == expected, "a journal comes back as it was written");
    } catch (const Error& error) {
        require_promise(error.code() == Errc::bad_record, "a journal that cannot be read is a bad record");
    }
}

void journal(std::string_view bytes) {
    read_journal_text(bytes);
    read_journal_text(with_line_checksums(bytes));
}

void commit_record(std::string_view bytes) {
    refusing([&] {
        const GenerationInfo generation = parse_generation(bytes, "generation");
        require_promise(parse_pair_path(generation.pair.path()) == generation.pair, "its pair is one");
        const std::string again = to_json(generation);
        require_promise(to_json(parse_generation(again, "generation")) == again,
                        "a commit record comes back as it was written");
    });
}

void config(std::string_view bytes) {
    refusing([&] {
        Config accepted;
        apply_config(accepted, bytes, "config.toml", Strictness::interactive);
        require_promise(accepted.warnings.empty(), "what is accepted needs no warning");
    });
    refusing([&] {
        Config lenient;
        apply_config(lenient, bytes, "config.toml", Strictness::boot);
    });
}

}  // namespace

void require_promise(bool kept, const char* promise) {
    if (kept) return;
    static_cast<void>(std::fprintf(stderr, "broken promise: %s\n", promise));
    std::abort();
}

const std::vector<FuzzTarget>& fuzz_targets() {
    static const std::vector<FuzzTarget> kTargets{
        {"os-release", os_release},
        {"driver-json", driver_json},
        {"image-manifest", image_manifest},
        {"pair-index", pair_index},
        {"signature-manifest", signature_manifest},
        {"signature-payload", signature_payload},
        {"source-name", source_name},
        {"image-reference", fuzz_image_reference},
        {"auth-file", fuzz_auth_file},
        {"registries-conf", fuzz_registries_conf},
        {"tag", tag},
        {"mountinfo", mountinfo},
        {"record", record},
        {"commit-record", commit_record},
        {"config", config},
        {"journal", journal},
        {"module-signature", fuzz_module_signature},
        {"module-file", fuzz_module_file},
        {"kernel-symbols", fuzz_kernel_symbols},
        {"key-list", fuzz_key_list},
        {"dpkg-status", fuzz_dpkg_status},
        {"supported-gpus", fuzz_supported_gpus},
        {"container-state", fuzz_container_state},
        {"linker-config", fuzz_linker_config},
        {"cuda-library", fuzz_cuda_library},
        {"challenge", fuzz_challenge},
        {"http-fields", fuzz_http_fields},
        {"cdi-spec", fuzz_cdi_spec},
        {"nvml-answer", fuzz_nvml_answer},
        {"driver-library", fuzz_driver_library},
        {"tar-layer", fuzz_tar_layer},
        {"tar-walk", fuzz_tar_walk},
        {"compressed", fuzz_compressed},
        {"delta", fuzz_delta},
    };
    return kTargets;
}

}  // namespace overdrive
