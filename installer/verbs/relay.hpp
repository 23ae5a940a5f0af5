#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "support/root.hpp"
#include "verbs/report.hpp"

namespace overdrive {

/// Writes what a verb tells as JSON lines, so that a process in another namespace can pass it on.
class RelayReport final : public Report {
public:
    /// @param path host path of the file to append to; its directory exists
    RelayReport(const Root& root, const std::string& path);

    void note(std::string_view line) override;
    void warn(std::string_view line) override;
    void result(const nlohmann::ordered_json& json, std::string_view text) override;
    void failure(std::string_view verb, const Error& error) override;

private:
    void write(const nlohmann::ordered_json& line);
    UniqueFd file_;
};

/// Reads what a RelayReport writes, as it comes.
class RelayReader {
public:
    /// Makes the file. @param id distinguishes runs
    RelayReader(const Root& root, std::string id);
    RelayReader(const RelayReader&) = delete;
    RelayReader& operator=(const RelayReader&) = delete;
    ~RelayReader();

    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// Passes on the notes and warnings that have come since the last call; keeps the result or failure.
    void pass_on(Report& report);
    /// Passes on the result. @throws Error the failure that was told
    void finish(Report& report);

private:
    void take(const std::string& line, Report& report);

    const Root& root_;
    std::string id_;
    std::string path_;
    std::size_t seen_ = 0;
    std::optional<nlohmann::ordered_json> result_;
    std::optional<Error> failure_;
};

}  // namespace overdrive
