#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <string_view>

#include "verbs/report.hpp"

namespace overdrive {

/// Passes what library code logs to the report, so that a warning reaches whoever reads along: the terminal, or the
/// container that relays what the host does.
class ReportSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    explicit ReportSink(Report& report) : report_{report} {}

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const std::string_view text{message.payload.data(), message.payload.size()};
        if (message.level >= spdlog::level::warn) {
            report_.warn(text);
        } else {
            report_.note(text);
        }
    }
    void flush_() override {}

private:
    Report& report_;
};

}  // namespace overdrive
