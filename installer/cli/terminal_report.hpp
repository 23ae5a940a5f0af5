#pragma once

#include <cstdio>
#include <string>

#include "support/error.hpp"
#include "verbs/report.hpp"

namespace overdrive {

/// Results on stdout, people on stderr.
class TerminalReport final : public Report {
public:
    TerminalReport(bool json, bool quiet) : json_{json}, quiet_{quiet} {}

    void note(std::string_view line) override;
    void warn(std::string_view line) override;
    void result(const nlohmann::ordered_json& json, std::string_view text) override;
    void update(const nlohmann::ordered_json& json, std::string_view text) override;
    void failure(std::string_view verb, const Error& error) override;

private:
    bool json_;
    bool quiet_;
};

}  // namespace overdrive
