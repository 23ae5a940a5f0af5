#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace overdrive {

/// The fields of one header; numbers are written as they are.
struct TarHeader {
    std::string name;
    char type = '0';
    std::string size = "00000000000";  ///< 12 bytes of octal, or what a test wants there
    std::string target{};
    std::string mode = "0000644";
    std::string owner = "0001750";  ///< one that must not be kept
    std::string magic = {
        "ustar\0"
        "00",
        8};
    std::string prefix{};
    int checksum_off_by = 0;
};

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
    TarMaker& header(const TarHeader& header);
    /// Content, or an extended header's body, with its padding.
    TarMaker& body(std::string_view content);
    /// An extended header for the next member. @param type 'x', 'g' for all members, 'L' and 'K' for GNU's long names
    TarMaker& extension(char type, std::string_view content);
    TarMaker& pax(const std::string& key, std::string_view value, char type = 'x') {
        return extension(type, pax_record(key, value));
    }
    [[nodiscard]] static std::string pax_record(const std::string& key, std::string_view value);
    TarMaker& raw(std::string_view bytes) {
        bytes_ += bytes;
        return *this;
    }

    /// The archive with its end marker.
    [[nodiscard]] std::string tar() const;
    /// The archive without its end marker.
    [[nodiscard]] const std::string& without_end() const { return bytes_; }

private:
    std::string bytes_;
};

[[nodiscard]] std::string zstd(std::string_view bytes);
[[nodiscard]] std::string gzip(std::string_view bytes);

}  // namespace overdrive
