#pragma once

#include <cstdint>
#include <string_view>

namespace overdrive {

/// Receives what a long run is doing. Calls come from one thread at a time.
class Progress {
public:
    Progress() = default;
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    virtual ~Progress() = default;

    /// A new stretch of work begins. @param total_bytes 0 when the amount is not known
    virtual void begin(std::string_view what, std::uint64_t total_bytes) = 0;
    virtual void advance(std::uint64_t bytes) = 0;
    virtual void end() = 0;
};

}  // namespace overdrive
