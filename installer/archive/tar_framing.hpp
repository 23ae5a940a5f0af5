#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace overdrive {

/// One member as the headers frame it.
struct TarMember {
    char type = '0';         ///< typeflag: '0' file, '2' symbolic link, '5' directory ... @see tar(5)
    std::uint64_t size = 0;  ///< bytes of content
};

/// Walks the headers of an uncompressed tar stream before libarchive reads it, and refuses what two readers could read
/// in two ways: a size that pax and ustar headers tell differently (CVE-2025-62518), chains of extended headers, global
/// headers, sparse maps, names with a NUL inside, content behind links; and an archive without its two end blocks.
///
/// Its own view of the members is kept for the reader, which must agree with it.
/// @see POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header"
class TarFraming {
public:
    /// Takes the next bytes of the stream. @throws Error bad_archive
    void take(std::string_view bytes);
    /// The stream is over. @throws Error bad_archive when it is cut short or lacks its end
    void finish() const;

    /// Members whose headers came and that nobody took yet; at most one for each 512 bytes taken.
    [[nodiscard]] std::deque<TarMember>& members() noexcept { return members_; }

private:
    enum class State { header, extension, content, end };

    [[nodiscard]] std::size_t take_some(std::string_view bytes);
    void take_header();
    void begin_extension(char type, std::uint64_t size);
    void end_extension();
    void begin_member(char type, std::uint64_t size);
    void end_pax();

    State state_ = State::header;
    std::string block_;               ///< the header, or the extension's body, as far as it came
    std::uint64_t left_ = 0;          ///< bytes of content or of the extension's body to come, padding included
    std::size_t extension_size_ = 0;  ///< of the body, without padding
    char extension_ = '\0';
    std::vector<char> before_;       ///< extensions of the member to come
    std::string pax_size_;           ///< its pax `size`
    std::uint64_t end_zeros_ = 0;    ///< bytes of the end marker
    std::deque<TarMember> members_;  ///< not taken yet
};

}  // namespace overdrive
