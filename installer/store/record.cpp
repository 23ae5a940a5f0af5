#include "store/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "model/json_reader.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

using nlohmann::json;

constexpr const char* kDocument = "record.json";
constexpr const char* kChecksum = "checksum";
constexpr std::array kKinds{"file", "link", "directory"};

/// SHA-256 of the document without its checksum, written compactly with sorted keys: fields of a newer program count.
std::string checksum_of(json document) {
    document.erase(kChecksum);
    return sha256_hex(document.dump());
}

json nullable(const std::optional<Pair>& pair) { return pair ? json(pair->path()) : json(nullptr); }

std::optional<Pair> optional_pair(const JsonReader& reader, const std::string& name) {
    const auto text = reader.optional_string(name);
    if (!text) return std::nullopt;
    return parse_pair_path(*text);
}

OwnedPath parse_owned(const JsonReader& reader) {
    OwnedPath out{.path = reader.string("path"), .kind = reader.string("kind"), .sha256 = reader.string("sha256")};
    if (!out.path.starts_with('/')) reader.fail("path", "is not absolute");
    if (std::find(kKinds.begin(), kKinds.end(), out.kind) == kKinds.end()) {
        reader.fail("kind", "is neither 'file' nor 'link' nor 'directory'");
    }
    return out;
}

Record parse_fields(const JsonReader& reader) {
    Record out;
    out.wanted = reader.optional_string("wanted");
    if (out.wanted) static_cast<void>(DriverWish::parse(*out.wanted));
    out.desired = optional_pair(reader, "desired");
    out.pending = optional_pair(reader, "pending");
    for (const auto& [release, pair] : reader.string_map("last_good")) {
        out.last_good.emplace(release, parse_pair_path(pair));
    }
    for (const JsonReader& attempt : reader.objects("attempts")) {
        out.attempts.push_back({.pair = parse_pair_path(attempt.string("pair")),
                                .boot_id = attempt.string("boot_id"),
                                .reason = attempt.string("reason")});
    }
    for (const JsonReader& owned : reader.objects("owned")) out.owned.push_back(parse_owned(owned));
    return out;
}

}  // namespace

Record Record::parse(std::string_view text) {
    const JsonReader reader = JsonReader::parse(text, kDocument, Errc::bad_record);
    reader.require_reader(kSchema);
    const std::string checksum = reader.string(kChecksum);
    if (checksum != checksum_of(json::parse(text))) {
        reader.fail(kChecksum, "does not match: the file is damaged or was edited by hand");
    }
    try {
        return parse_fields(reader);
    } catch (const Error& error) {
        if (error.code() == Errc::bad_record) throw;
        throw Error{Errc::bad_record, fmt::format("{}: {}", kDocument, error.what())};  // from another parser
    }
}

bool Record::is_newer(std::string_view text) noexcept {
    try {
        const JsonReader reader = JsonReader::parse(text, kDocument, Errc::bad_record);
        return reader.number_or("min_reader", 1) > static_cast<std::uint64_t>(kSchema);
    } catch (const std::exception&) {
        return false;
    }
}

std::string Record::to_json() const {
    json good = json::object();
    for (const auto& [release, pair] : last_good) good[release] = pair.path();
    json tried = json::array();
    for (const Attempt& attempt : attempts) {
        tried.push_back({{"pair", attempt.pair.path()}, {"boot_id", attempt.boot_id}, {"reason", attempt.reason}});
    }
    json paths = json::array();
    for (const OwnedPath& path : owned) {
        paths.push_back({{"path", path.path}, {"kind", path.kind}, {"sha256", path.sha256}});
    }
    json document{{"schema", kSchema},
                  {"min_reader", 1},
                  {"wanted", wanted ? json(*wanted) : json(nullptr)},
                  {"desired", nullable(desired)},
                  {"last_good", good},
                  {"pending", nullable(pending)},
                  {"attempts", tried},
                  {"owned", paths}};
    document[kChecksum] = checksum_of(document);
    return document.dump(2) + "\n";
}

}  // namespace overdrive
