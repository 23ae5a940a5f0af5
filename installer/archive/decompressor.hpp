#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
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

/// @param media_type of the layer: `...+zstd`, `...+gzip`, `....tar.gzip`
/// @throws Error bad_archive when it is none of these
[[nodiscard]] std::unique_ptr<Decompressor> make_decompressor(std::string_view media_type, Decompressor::Pull pull);

}  // namespace overdrive
