#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace overdrive {

/// Writes tar archives header by header, so that a test can write what no tar program would.
class TarMaker {
public:
    TarMaker& directory(const std::string& name, unsigned mode = 0755) { return member(name, '5', {}, {}, mode); }
    TarMaker& file(const std::string& name, std::string_view content, unsigned mode = 0644) {
        return member(name, '0', content, {}, mode);
    }
    TarMaker& link(const std::string& name, const std::string& target) { return member(name, '2', {}, target, 0777); }
    TarMaker& hard_link(const std::string& name, const std::string& target) {
        return member(name, '1', {}, target, 0644);
    }
    /// @param type the typeflag: '3' character device, '4' block device, '6' fifo ... @see tar(5)
    TarMaker& member(const std::string& name, char type, std::string_view content, const std::string& target,
                     unsigned mode);
    /// A member whose header announces `size` bytes, with no content after it.
    TarMaker& header_only(const std::string& name, std::uint64_t size);
    TarMaker& raw(std::string_view bytes) {
        bytes_ += bytes;
        return *this;
    }

    /// The archive with its end marker.
    [[nodiscard]] std::string tar() const;

private:
    void header(const std::string& name, char type, std::uint64_t size, const std::string& target, unsigned mode);
    std::string bytes_;
};

[[nodiscard]] std::string zstd(std::string_view bytes);
[[nodiscard]] std::string gzip(std::string_view bytes);

}  // namespace overdrive
