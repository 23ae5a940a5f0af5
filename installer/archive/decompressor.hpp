#pragma once

#include <functional>
#include <span>
#include <string_view>

namespace overdrive {

/// Undoes the compression of a layer, pulling compressed bytes as it needs them.
class Decompressor {
public:
    Decompressor() = default;
    Decompressor(const Decompressor&) = delete;
    Decompressor& operator=(const Decompressor&) = delete;
    virtual ~Decompressor() = default;

    /// Gives the next compressed bytes, valid until the next call; empty at the end.
    using Pull = std::function<std::string_view()>;

    /// Fills `out`. @return bytes written; 0 only at the end
    /// @throws Error bad_archive: malformed, cut short, or bytes after the end
    [[nodiscard]] virtual std::size_t read(std::span<char> out) = 0;
};

}  // namespace overdrive
