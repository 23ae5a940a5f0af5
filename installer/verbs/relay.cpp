#include "verbs/relay.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include "support/visible_text.hpp"
#include "verbs/runtime_files.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostRelayBytes = 4U << 20U;

}  // namespace

RelayReport::RelayReport(const Root& root, const std::string& path) : file_{root.open(path, O_WRONLY | O_APPEND)} {}

void RelayReport::write(const ordered_json& line) {
    write_all(file_.get(), line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n", "relay");
}

void RelayReport::note(std::string_view line) { write({{"note", visible_text(line)}}); }
void RelayReport::warn(std::string_view line) { write({{"warn", visible_text(line)}}); }
void RelayReport::result(const ordered_json& json, std::string_view text) { write({{"result", json}, {"text", text}}); }
void RelayReport::failure(std::string_view verb, const Error& error) {
    write({{"failure", visible_text(error.what())},
           {"verb", verb},
           {"reason", reason_code(error.code())},
           {"remedy", error.remedy()}});
}

RelayReader::RelayReader(const Root& root, std::string id)
    : root_{root}, id_{std::move(id)}, path_{fmt::format("{}/relay-{}.jsonl", kRunDirectory, id_)} {
    root_.make_directories(kRunDirectory);
    root_.write_file(path_, "", 0600);
}

RelayReader::~RelayReader() {
    try {
        root_.remove(path_);
    } catch (const Error&) {
        // It is below /run and gone with the next boot.
        return;
    }
}

void RelayReader::pass_on(Report& report) {
    const std::string all = root_.read_file(path_, kMostRelayBytes).value_or("");
    for (std::size_t end = all.find('\n', seen_); end != std::string::npos; end = all.find('\n', seen_)) {
        take(all.substr(seen_, end - seen_), report);
        seen_ = end + 1;
    }
}

void RelayReader::take(const std::string& line, Report& report) {
    const auto json = ordered_json::parse(line, nullptr, false);
    if (!json.is_object()) return;
    if (json.contains("note")) report.note(json["note"].get<std::string>());
    if (json.contains("warn")) report.warn(json["warn"].get<std::string>());
    if (json.contains("result")) result_ = json;
    if (json.contains("failure")) {
        failure_ = Error{parse_reason_code(json.value("reason", "")).value_or(Errc::service_manager),
                         json["failure"].get<std::string>()}
                       .with_remedy(json.value("remedy", ""));
    }
}

void RelayReader::finish(Report& report) {
    if (failure_) throw Error{*failure_};
    if (result_) report.result((*result_)["result"], (*result_)["text"].get<std::string>());
}

}  // namespace overdrive
