#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "support/error.hpp"

namespace overdrive {

/// What a verb tells its caller.
class Report {
public:
    Report() = default;
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;
    virtual ~Report() = default;

    /// One line of what is being done, for people; not part of the result.
    virtual void note(std::string_view line) = 0;
    /// Carried on, but the operator should know.
    virtual void warn(std::string_view line) = 0;
    /// The result, once: as text for people or as JSON, whichever was asked for.
    virtual void result(const nlohmann::ordered_json& json, std::string_view text) = 0;
    /// One of several results of a run that goes on: it replaces the one before on a terminal; as JSON it is one line.
    virtual void update(const nlohmann::ordered_json& json, std::string_view text) { result(json, text); }
    /// The failure that ended the run: what failed and why, its reason and exit code, what to do, what the state now
    /// is.
    virtual void failure(std::string_view verb, const Error& error) = 0;
};

}  // namespace overdrive
