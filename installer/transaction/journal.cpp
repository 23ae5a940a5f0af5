#include "transaction/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "model/json_reader.hpp"
#include "support/error.hpp"
#include "support/sha256.hpp"

namespace overdrive {

namespace {

using nlohmann::json;

constexpr const char* kDocument = "journal";
constexpr std::size_t kChecksumLength = 16;  // hex digits: it finds torn lines, it is no protection
constexpr std::size_t kMostBytes = 1U << 20U;

std::string checksum(std::string_view line) { return sha256_hex(line).substr(0, kChecksumLength); }

std::string sealed(const json& line) {
    const std::string text = line.dump();
    return fmt::format("{} {}\n", checksum(text), text);
}

/// The JSON of the first line of `rest`, which is taken off it; nullopt when it is torn.
std::optional<std::string_view> take_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos || end < kChecksumLength + 1) return std::nullopt;
    const std::string_view line = rest.substr(0, end);
    const std::string_view text = line.substr(kChecksumLength + 1);
    if (line[kChecksumLength] != ' ' || line.substr(0, kChecksumLength) != checksum(text)) return std::nullopt;
    rest.remove_prefix(end + 1);
    return text;
}

std::optional<Pair> optional_pair(const JsonReader& reader, const std::string& name) {
    const auto text = reader.optional_string(name);
    if (!text) return std::nullopt;
    return parse_pair_path(*text);
}

JournalHeader parse_header(const JsonReader& reader) {
    return {.verb = reader.string("verb"),
            .program_version = reader.string("program"),
            .boot_id = reader.string("boot_id"),
            .at = std::chrono::seconds{static_cast<std::int64_t>(reader.number("at"))},
            .from = optional_pair(reader, "from"),
            .to = optional_pair(reader, "to")};
}

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

json nullable(const std::optional<Pair>& pair) { return pair ? json(pair->path()) : json(nullptr); }

}  // namespace

bool JournalContent::began(std::string_view step) const noexcept {
    return std::find(steps.begin(), steps.end(), step) != steps.end();
}

std::string_view JournalContent::last_step() const noexcept {
    return steps.empty() ? std::string_view{} : std::string_view{steps.back()};
}

std::string journal_line(const JournalHeader& header) {
    return sealed({{"schema", JournalContent::kSchema},
                   {"min_reader", JournalContent::kMinReader},
                   {"verb", header.verb},
                   {"program", header.program_version},
                   {"boot_id", header.boot_id},
                   {"at", header.at.count()},
                   {"from", nullable(header.from)},
                   {"to", nullable(header.to)}});
}

std::string journal_line(std::string_view step) { return sealed({{"step", step}}); }

std::optional<JournalContent> JournalContent::parse(std::string_view text) {
    const auto first = take_line(text);
    if (!first) return std::nullopt;
    const JsonReader reader = JsonReader::parse(*first, kDocument, Errc::bad_record);
    reader.require_reader(kSchema);
    JournalContent content{.header = parse_header(reader), .steps = {}};
    while (!text.empty()) {
        const auto line = take_line(text);
        if (!line) {
            content.torn = true;
            break;
        }
        content.steps.push_back(JsonReader::parse(*line, kDocument, Errc::bad_record).string("step"));
    }
    return content;
}

Journal::Journal(const Root& root, std::string path, Policy policy)
    : root_{root}, path_{std::move(path)}, policy_{policy} {}

void Journal::write(std::string_view what, const std::function<void()>& body) {
    if (gave_up_) return;
    try {
        attempting(what, body);
    } catch (const Error& error) {
        if (policy_ == Policy::required) throw;
        gave_up_ = true;
        spdlog::warn("ignoring that the journal cannot be written: {}", error.what());
    }
}

void Journal::begin(const JournalHeader& header) {
    write("begin the journal", [&] {
        // In place: a header that is half written has nothing after it, and says that nothing had begun.
        file_ = root_.open(path_, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0600);
        write_all(file_.get(), journal_line(header), path_);
        if (policy_ == Policy::required) sync();
    });
}

void Journal::step(std::string_view id, Line line) {
    write("write the journal", [&] {
        write_all(file_.get(), journal_line(id), path_);
        if (policy_ == Policy::required || line == Line::lasting) sync();
    });
}

void Journal::sync() {
    if (fdatasync(file_.get()) != 0) {
        const int saved_errno = errno;
        throw Error::from_errno(Errc::io, saved_errno, fmt::format("sync '{}'", path_));
    }
    if (entry_is_durable_) return;
    root_.sync_directory(parent_of(path_));
    entry_is_durable_ = true;
}

void Journal::end() {
    file_ = UniqueFd{};
    if (gave_up_) return;
    try {
        root_.remove(path_);
        // An activation's may come back: at boot every sync counts, and what it tells is looked at anyway.
        if (policy_ == Policy::required) root_.sync_directory(parent_of(path_));
    } catch (const Error& error) {
        spdlog::warn("ignoring that the journal cannot be removed: {}", error.what());
    }
}

std::optional<JournalContent> read_journal(const Root& root, const std::string& path) {
    const auto text = root.read_file(path, kMostBytes);
    if (!text) return std::nullopt;
    return attempting(path, [&] { return JournalContent::parse(*text); });
}

}  // namespace overdrive
