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
constexpr std::array kKinds{"file", "link", "directory", "user"};
constexpr std::array kFields{"schema", "min_reader", "wanted",  "desired",     "last_good", "pending", "attempts",
                             "owned",  "foreign",    "history", "rolled_back", "serials",   "staged",  kChecksum};

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
    if (std::find(kKinds.begin(), kKinds.end(), out.kind) == kKinds.end()) {
        reader.fail("kind", "is neither 'file' nor 'link' nor 'directory' nor 'user'");
    }
    if (!out.path.starts_with('/') && out.kind != "user") reader.fail("path", "is not absolute");
    return out;
}

ForeignUnit parse_foreign(const JsonReader& reader) {
    const auto action = parse_foreign_action(reader.string("action"));
    if (!action) reader.fail("action", "is none that this program knows");
    ForeignUnit out{.path = reader.string("path"), .action = *action};
    if (!out.path.starts_with('/')) reader.fail("path", "is not absolute");
    return out;
}

Event parse_event(const JsonReader& reader) {
    return {.at = std::chrono::seconds{static_cast<std::int64_t>(reader.number("at"))},
            .verb = reader.string("verb"),
            .pair = optional_pair(reader, "pair"),
            .outcome = reader.string("outcome"),
            .detail = reader.string("detail")};
}

json event_json(const Event& event) {
    return {{"at", event.at.count()},
            {"verb", event.verb},
            {"pair", nullable(event.pair)},
            {"outcome", event.outcome},
            {"detail", event.detail}};
}

json rolled_back_json(const std::optional<RolledBack>& back) {
    if (!back) return nullptr;
    return {{"configured", back->configured ? json(*back->configured) : json(nullptr)},
            {"from", back->from.path()},
            {"to", back->to.path()}};
}

json staged_json(const std::optional<Staged>& staged) {
    if (!staged) return nullptr;
    return {{"pair", staged->pair.path()}, {"os", staged->os}};
}

std::map<std::string, std::string> unknown_fields(const json& document) {
    std::map<std::string, std::string> out;
    for (const auto& [name, value] : document.items()) {
        if (std::find(kFields.begin(), kFields.end(), name) == kFields.end()) out.emplace(name, value.dump());
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
                                .reason = attempt.string("reason"),
                                .interrupted = attempt.number_or("interrupted", 0)});
    }
    for (const JsonReader& owned : reader.objects("owned")) out.owned.push_back(parse_owned(owned));
    if (reader.has("foreign")) {
        for (const JsonReader& foreign : reader.objects("foreign")) out.foreign.push_back(parse_foreign(foreign));
    }
    if (reader.has("history")) {
        for (const JsonReader& event : reader.objects("history")) out.history.push_back(parse_event(event));
    }
    if (const auto back = reader.optional_object("rolled_back")) {
        out.rolled_back = RolledBack{.configured = back->optional_string("configured"),
                                     .from = parse_pair_path(back->string("from")),
                                     .to = parse_pair_path(back->string("to"))};
    }
    if (const auto staged = reader.optional_object("staged"))
        out.staged = Staged{.pair = parse_pair_path(staged->string("pair")), .os = staged->string("os")};
    if (const auto serials = reader.optional_object("serials")) {
        for (const std::string& identity : serials->names()) out.serials.emplace(identity, serials->number(identity));
    }
    return out;
}

}  // namespace

Record Record::parse(std::string_view text) {
    const JsonReader reader = JsonReader::parse(text, kDocument, Errc::bad_record);
    reader.require_reader(kSchema);
    const std::string checksum = reader.string(kChecksum);
    const json document = json::parse(text);
    if (checksum != checksum_of(document)) {
        reader.fail(kChecksum, "does not match: the file is damaged or was edited by hand");
    }
    try {
        Record out = parse_fields(reader);
        out.unknown = unknown_fields(document);
        return out;
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

void Record::add_event(Event event) {
    history.push_back(std::move(event));
    if (history.size() > kMostEvents) history.erase(history.begin(), history.end() - kMostEvents);
}

const Attempt* Record::attempt(const Pair& pair) const noexcept {
    const auto found =
        std::find_if(attempts.begin(), attempts.end(), [&](const Attempt& each) { return each.pair == pair; });
    return found == attempts.end() ? nullptr : &*found;
}

void Record::remember(Attempt attempt) {
    forget_attempt(attempt.pair);
    attempts.push_back(std::move(attempt));
}

void Record::forget_attempt(const Pair& pair) {
    std::erase_if(attempts, [&](const Attempt& each) { return each.pair == pair; });
}

std::string Record::to_json() const {
    json good = json::object();
    for (const auto& [release, pair] : last_good) good[release] = pair.path();
    json tried = json::array();
    for (const Attempt& attempt : attempts) {
        tried.push_back({{"pair", attempt.pair.path()},
                         {"boot_id", attempt.boot_id},
                         {"reason", attempt.reason},
                         {"interrupted", attempt.interrupted}});
    }
    json paths = json::array();
    for (const OwnedPath& path : owned) {
        paths.push_back({{"path", path.path}, {"kind", path.kind}, {"sha256", path.sha256}});
    }
    json others = json::array();
    for (const ForeignUnit& unit : foreign) others.push_back({{"path", unit.path}, {"action", to_string(unit.action)}});
    json events = json::array();
    for (const Event& event : history) events.push_back(event_json(event));
    json document{{"schema", kSchema},
                  {"min_reader", kMinReader},
                  {"wanted", wanted ? json(*wanted) : json(nullptr)},
                  {"desired", nullable(desired)},
                  {"last_good", good},
                  {"pending", nullable(pending)},
                  {"attempts", tried},
                  {"owned", paths},
                  {"foreign", others},
                  {"history", events},
                  {"rolled_back", rolled_back_json(rolled_back)},
                  {"serials", json(serials)},
                  {"staged", staged_json(staged)}};
    for (const auto& [name, value] : unknown) document[name] = json::parse(value);
    document[kChecksum] = checksum_of(document);
    return document.dump(2) + "\n";
}

}  // namespace overdrive
