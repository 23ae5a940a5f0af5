#pragma once

#include <archive.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "support/release_with.hpp"
#include "support/root.hpp"

namespace overdrive {

/// An uncompressed tar file, written beside its name and renamed by `publish`; without that it goes away again. The
/// same members give the same bytes: owner 0, time 0, mode 0644.
class TarWriter {
public:
    /// @throws Error usage when `path` is there already; io
    explicit TarWriter(const std::string& path);
    TarWriter(const TarWriter&) = delete;
    TarWriter& operator=(const TarWriter&) = delete;
    ~TarWriter();

    using Sink = std::function<void(std::string_view)>;
    /// Adds a regular file. @param produce gives exactly `size` bytes to the sink
    /// @throws Error truncated when it gives fewer or more; io; what `produce` throws
    void add(const std::string& member, std::uint64_t size, const std::function<void(const Sink&)>& produce);
    void add(const std::string& member, std::string_view content);
    /// Ends the archive, syncs it and gives it its name.
    void publish();

private:
    [[noreturn]] void fail(std::string_view doing) const;

    std::string path_;
    std::string name_;
    std::string beside_;
    Root directory_;
    UniqueFd file_;
    std::unique_ptr<archive, ReleaseWith<archive_write_free>> writer_;
};

}  // namespace overdrive
