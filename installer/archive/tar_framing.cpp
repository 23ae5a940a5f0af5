#include "archive/tar_framing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "archive/member_rules.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kEndBytes = 2 * kBlock;
/// Most bytes of one extended header: a path and a link target of 4096 bytes and some times take less.
constexpr std::uint64_t kMostExtension = 64U << 10U;

[[noreturn]] void malformed(std::string_view why) {
    throw Error{Errc::bad_archive, fmt::format("malformed tar: {}", why)};
}

std::string_view field(const std::string& block, std::size_t at, std::size_t size) {
    return std::string_view{block}.substr(at, size);
}

bool is_zero(std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

/// Octal digits, between blanks before and blanks or NULs behind. Anything else, such as base 256, is no number here.
std::optional<std::uint64_t> octal(std::string_view text) {
    const std::size_t first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return std::nullopt;
    text.remove_prefix(first);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
    const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
    if (error != std::errc{} || rest.find_first_not_of(std::string_view{" \0", 2}) != std::string_view::npos)
        return std::nullopt;
    return value;
}

void require_checksum(const std::string& block) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(i >= 148 && i < 156 ? ' ' : block[i]);
    if (octal(field(block, 148, 8)) != sum) malformed("a header's checksum is wrong");
}

/// A field of text ends at its first NUL; what is behind it must not be there.
void require_plain_text(const std::string& block, std::size_t at, std::size_t size, std::string_view what) {
    const std::string_view text = field(block, at, size);
    const std::size_t end = std::min(text.find('\0'), text.size());
    if (!is_zero(text.substr(end))) {
        malformed(fmt::format("the {} '{}' has bytes behind its NUL", what, printable(text.substr(0, end))));
    }
}

std::uint64_t padded(std::uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

struct PaxRecord {
    std::string_view key;
    std::string_view value;
};

/// Cuts one record `<length> <key>=<value>\n` off the front.
PaxRecord next_record(std::string_view& body) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), length);
    const auto digits = static_cast<std::size_t>(end - body.data());
    if (error != std::errc{} || body.front() == '0' || length > body.size() || length < digits + 4 ||
        body[digits] != ' ' || body[length - 1] != '\n') {
        malformed("a pax record's length is wrong");
    }
    const std::string_view record = body.substr(digits + 1, length - digits - 2);
    body.remove_prefix(length);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) malformed("a pax record has no keyword");
    return {record.substr(0, equals), record.substr(equals + 1)};
}

/// What would be lost or done differently by two readers. Times, owners and comments may come; they are not used.
void require_harmless(const PaxRecord& record) {
    if (record.key.starts_with("GNU.sparse.") || record.key == "SCHILY.realsize") malformed("it is a sparse file");
    for (const std::string_view refused :
         {"SCHILY.xattr.", "LIBARCHIVE.xattr.", "SCHILY.acl.", "SCHILY.fflags", "RHT.security."}) {
        if (record.key.starts_with(refused))
            malformed(fmt::format("extended attribute '{}' is refused", printable(record.key)));
    }
    if (record.value.find('\0') != std::string_view::npos)
        malformed(fmt::format("the pax value of '{}' holds a NUL", printable(record.key)));
    if (record.value.empty() && (record.key == "path" || record.key == "linkpath" || record.key == "size"))
        malformed(fmt::format("the pax value of '{}' is empty", record.key));
}

}  // namespace

void TarFraming::take(std::string_view bytes) {
    while (!bytes.empty()) bytes.remove_prefix(take_some(bytes));
}

std::size_t TarFraming::take_some(std::string_view bytes) {
    if (state_ == State::end) {
        if (!is_zero(bytes)) throw Error{Errc::bad_archive, "there are bytes after the end of the archive"};
        end_zeros_ += bytes.size();
        return bytes.size();
    }
    if (state_ == State::content) {
        const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
        left_ -= part;
        if (left_ == 0) state_ = State::header;
        return part;
    }
    const std::uint64_t wanted = state_ == State::header ? kBlock - block_.size() : left_;
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, bytes.size()));
    block_ += bytes.substr(0, part);
    if (state_ == State::extension) left_ -= part;
    if (part < wanted) return part;
    if (state_ == State::header)
        take_header();
    else
        end_extension();
    block_.clear();
    return part;
}

void TarFraming::take_header() {
    if (is_zero(block_)) {
        if (!before_.empty()) malformed("an extended header has no member behind it");
        state_ = State::end;
        end_zeros_ = kBlock;
        return;
    }
    require_checksum(block_);
    if (field(block_, 257, 5) != "ustar") malformed("a header is neither of ustar nor of pax");
    require_plain_text(block_, 0, 100, "name");
    require_plain_text(block_, 157, 100, "link target");
    if (field(block_, 257, 6) == std::string_view{"ustar\0", 6}) require_plain_text(block_, 345, 155, "name's prefix");
    const auto size = octal(field(block_, 124, 12));
    if (!size) malformed(fmt::format("the size of '{}' is no octal number", printable(field(block_, 0, 100))));
    const char type = block_[156];
    if (type == 'x' || type == 'L' || type == 'K')
        begin_extension(type, *size);
    else
        begin_member(type, *size);
}

void TarFraming::begin_extension(char type, std::uint64_t size) {
    if (size == 0 || size > kMostExtension) {
        malformed(fmt::format("an extended header of {} bytes; 1 to {} are allowed", size, kMostExtension));
    }
    const bool is_pax = type == 'x';
    const bool has_pax = std::find(before_.begin(), before_.end(), 'x') != before_.end();
    const bool comes_twice = std::find(before_.begin(), before_.end(), type) != before_.end();
    if (comes_twice || (is_pax ? !before_.empty() : has_pax)) malformed("a chain of extended headers");
    before_.push_back(type);
    extension_ = type;
    extension_size_ = size;
    left_ = padded(size);
    state_ = State::extension;
}

void TarFraming::end_extension() {
    state_ = State::header;
    if (!is_zero(std::string_view{block_}.substr(extension_size_)))
        malformed("an extended header is padded with bytes");
    if (extension_ == 'x') return end_pax();
    const std::string_view text = std::string_view{block_}.substr(0, extension_size_);
    if (text.find('\0') != text.size() - 1 || text.size() < 2) malformed("a long name does not end with its only NUL");
}

void TarFraming::end_pax() {
    std::set<std::string_view> keys;
    std::string_view body = std::string_view{block_}.substr(0, extension_size_);
    while (!body.empty()) {
        const PaxRecord record = next_record(body);
        if (!keys.insert(record.key).second)
            malformed(fmt::format("pax keyword '{}' comes twice", printable(record.key)));
        require_harmless(record);
        if (record.key == "size") pax_size_ = record.value;
    }
}

void TarFraming::begin_member(char type, std::uint64_t size) {
    const std::string_view name = field(block_, 0, 100);
    const std::string shown = printable(name.substr(0, std::min(name.find('\0'), name.size())));
    if (type == 'g') malformed("a global header");
    if (type == 'S') malformed(fmt::format("'{}' is a sparse file", shown));
    if (type != '\0' && (type < '0' || type > '6'))
        malformed(fmt::format("'{}' has type '{}', which is refused", shown, printable({&type, 1})));
    if (!pax_size_.empty() && pax_size_ != std::to_string(size)) {
        malformed(fmt::format("'{}' has {} bytes by its header and {} by its extended header", shown, size,
                              printable(pax_size_)));
    }
    if (type != '\0' && type != '0' && size != 0) malformed(fmt::format("'{}' is no file, but has content", shown));
    // The sum of all is limited by who pulls the stream; this only keeps the rounding from wrapping.
    if (size > (1ULL << 62U)) malformed(fmt::format("'{}' is larger than any file", shown));
    before_.clear();
    pax_size_.clear();
    members_.push_back({type == '\0' ? '0' : type, size});
    left_ = padded(size);
    if (left_ != 0) state_ = State::content;
}

void TarFraming::finish() const {
    const bool is_whole = state_ == State::end && end_zeros_ >= kEndBytes;
    if (!is_whole) malformed("the archive ends without its two blocks of zeros");
}

}  // namespace overdrive
