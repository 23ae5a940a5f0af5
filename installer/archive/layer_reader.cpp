#include "archive/layer_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "archive/member_rules.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// Most bytes of headers and padding that one member may cost.
constexpr std::uint64_t kMostOverhead = 16U << 10U;
constexpr std::uint64_t kMostPadding = 1U << 20U;

[[noreturn]] void refuse(std::string_view path, std::string_view why) {
    throw Error{Errc::bad_archive, fmt::format("member '{}' is refused: {}", printable(path), why)};
}

bool vouches(const UnpackRules& rules) { return rules.layer_vouches && rules.expected != nullptr; }

std::string_view type_word(unsigned type) {
    switch (type) {
        case AE_IFCHR:
        case AE_IFBLK:
            return "it is a device";
        case AE_IFIFO:
            return "it is a fifo";
        case AE_IFSOCK:
            return "it is a socket";
        default:
            return "it is of an unknown type";
    }
}

}  // namespace

LayerReader::LayerReader(Pull pull, int staging, const UnpackRules& rules)
    : pull_{std::move(pull)},
      rules_{rules},
      writer_{staging, vouches(rules) ? TreeWriter::Hashing::none : TreeWriter::Hashing::every_file},
      reader_{archive_read_new()} {
    if (!reader_) throw std::bad_alloc{};
    archive_read_support_format_tar(reader_.get());  // and no filter: the stream is not compressed any more
}

std::string_view LayerReader::pull_counted() {
    const std::string_view block = pull_();
    pulled_ += block.size();
    if (pulled_ > rules_.most_bytes + rules_.most_members * kMostOverhead + kMostPadding) {
        throw Error{Errc::bad_archive,
                    fmt::format("the archive is larger than the {} bytes that are allowed", rules_.most_bytes)};
    }
    framing_.take(block);
    return block;
}

la_ssize_t LayerReader::on_read(archive* /*reader*/, void* self, const void** data) noexcept {
    auto& me = *static_cast<LayerReader*>(self);
    try {
        const std::string_view bytes = me.pull_counted();
        *data = bytes.data();
        return static_cast<la_ssize_t>(bytes.size());
    } catch (...) {
        me.failure_ = std::current_exception();
        return ARCHIVE_FATAL;
    }
}

void LayerReader::require(int answer) {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (answer == ARCHIVE_OK) return;  // a warning is refused too: it tells of something that we would lose
    const char* words = archive_error_string(reader_.get());
    throw Error{Errc::bad_archive, fmt::format("malformed tar: {}", words == nullptr ? "unknown" : printable(words))};
}

void LayerReader::run() {
    require(archive_read_open(reader_.get(), this, nullptr, &on_read, nullptr));
    while (true) {
        archive_entry* entry = nullptr;
        const int answer = archive_read_next_header(reader_.get(), &entry);
        if (answer == ARCHIVE_EOF && !failure_) break;
        require(answer);
        take_member(entry);
    }
    while (!pull_counted().empty()) {  // what is behind the end is framing's to judge
    }
    framing_.finish();
    if (!framing_.members().empty()) throw Error{Errc::bad_archive, "malformed tar: it holds members behind its end"};
}

void LayerReader::require_agreement(archive_entry* entry, std::string_view name) {
    std::deque<TarMember>& members = framing_.members();
    if (members.empty()) refuse(name, "two readers of its header disagree");
    const TarMember framed = members.front();
    members.pop_front();
    const bool is_hard_link = archive_entry_hardlink(entry) != nullptr;
    const unsigned type = archive_entry_filetype(entry);
    const bool same_type = framed.type == '1'   ? is_hard_link
                           : framed.type == '0' ? type == AE_IFREG && !is_hard_link
                           : framed.type == '2' ? type == AE_IFLNK
                           : framed.type == '5' ? type == AE_IFDIR
                                                : true;  // refused whatever it is
    const auto size = static_cast<std::uint64_t>(std::max<la_int64_t>(archive_entry_size(entry), 0));
    if (!same_type || size != framed.size) refuse(name, "two readers of its header disagree");
}

/// On a file system that does not tell cases apart two such members would be one.
void LayerReader::require_one_spelling(const std::string& path) {
    for (std::size_t end = 0; end != std::string::npos;) {
        end = path.find('/', end + 1);
        const std::string upto = path.substr(0, end);
        std::string lower = upto;
        for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
        const auto [known, is_new] = spellings_.try_emplace(std::move(lower), upto);
        if (!is_new && known->second != upto)
            refuse(path, fmt::format("it differs from '{}' only in upper and lower case", known->second));
    }
}

void LayerReader::take_member(archive_entry* entry) {
    if (++members_ > rules_.most_members) {
        throw Error{Errc::bad_archive,
                    fmt::format("the archive has more than the {} members that are allowed", rules_.most_members)};
    }
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr || *name == '\0') throw Error{Errc::bad_archive, "a member has no readable name"};
    const std::string path = member_path(name, rules_.prefix);
    require_agreement(entry, name);
    const unsigned type = archive_entry_filetype(entry);
    if (archive_entry_hardlink(entry) != nullptr) refuse(name, "it is a hard link");
    if (archive_entry_sparse_count(entry) != 0) refuse(name, "it is a sparse file");
    if (!seen_.insert(path).second) refuse(name, "its name comes twice");
    if (path.empty() && type != AE_IFDIR) refuse(name, "it is no directory");
    require_one_spelling(path);
    switch (type) {
        case AE_IFDIR:
            if (!path.empty()) take_directory(path);
            return;
        case AE_IFREG:
            return take_file(entry, path);
        case AE_IFLNK:
            return take_link(entry, path);
        default:
            refuse(name, type_word(type));
    }
}

void LayerReader::take_directory(const std::string& path) {
    if (rules_.expected != nullptr) {
        const auto below = rules_.expected->lower_bound(path + "/");
        if (below == rules_.expected->end() || !below->first.starts_with(path + "/")) {
            refuse(path, "driver.json lists nothing in this directory");
        }
    }
    writer_.make_directory(path);
}

const FileSpec* LayerReader::expected_at(const std::string& path, bool is_link) const {
    if (rules_.expected == nullptr) return nullptr;
    const auto found = rules_.expected->find(path);
    if (found == rules_.expected->end()) refuse(path, "driver.json does not list it in this layer");
    if (found->second.is_link() != is_link) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("'{}' is {}, driver.json says otherwise", path, is_link ? "a link" : "a file")};
    }
    return &found->second;
}

void LayerReader::check_size(const std::string& path, std::uint64_t size, const FileSpec* spec) {
    if (spec != nullptr && spec->size != size) {
        throw Error{Errc::digest_mismatch,
                    fmt::format("'{}' has {} bytes, driver.json says {}", path, size, spec->size)};
    }
    if (size > rules_.most_bytes - content_bytes_) {
        throw Error{Errc::bad_archive, fmt::format("with '{}' the archive unpacks to more than the {} bytes that are "
                                                   "allowed",
                                                   path, rules_.most_bytes)};
    }
    if (rules_.most_top_file != 0 && size > rules_.most_top_file && path.find('/') == std::string::npos) {
        refuse(path, fmt::format("it is larger than {} bytes", rules_.most_top_file));
    }
    content_bytes_ += size;
}

void LayerReader::take_file(archive_entry* entry, const std::string& path) {
    const FileSpec* spec = expected_at(path, false);
    if (archive_entry_size_is_set(entry) == 0 || archive_entry_size(entry) < 0) refuse(path, "it has no size");
    const auto size = static_cast<std::uint64_t>(archive_entry_size(entry));
    check_size(path, size, spec);
    const bool executable = (archive_entry_perm(entry) & 0100U) != 0;
    const unsigned mode = executable ? 0755 : 0644;
    if (spec != nullptr && spec->mode != mode) {
        throw Error{Errc::incomplete_artifact,
                    fmt::format("'{}' has mode {:04o}, driver.json says {:04o}", path, mode, spec->mode)};
    }
    writer_.begin_file(path, executable);
    copy_content(path, size);
    std::string sha256 = writer_.end_file();
    if (vouches(rules_)) sha256 = spec->sha256;
    if (spec != nullptr && spec->sha256 != sha256) {
        throw Error{Errc::digest_mismatch,
                    fmt::format("'{}' hashes to {}, driver.json says {}", path, sha256, spec->sha256)};
    }
    written_.push_back({.path = path, .mode = mode, .size = size, .sha256 = std::move(sha256), .link_target = {}});
}

void LayerReader::copy_content(const std::string& path, std::uint64_t size) {
    std::uint64_t at = 0;
    while (true) {
        const void* data = nullptr;
        std::size_t bytes = 0;
        la_int64_t offset = 0;
        const int answer = archive_read_data_block(reader_.get(), &data, &bytes, &offset);
        if (answer == ARCHIVE_EOF && !failure_) break;
        require(answer);
        if (static_cast<std::uint64_t>(offset) != at || bytes > size - at) refuse(path, "its content has holes");
        writer_.write({static_cast<const char*>(data), bytes});
        at += bytes;
    }
    if (at != size) refuse(path, fmt::format("it ends after {} of {} bytes", at, size));
}

void LayerReader::take_link(archive_entry* entry, const std::string& path) {
    const FileSpec* spec = expected_at(path, true);
    const char* raw = archive_entry_symlink(entry);
    const std::string target = raw == nullptr ? "" : raw;
    if (!link_stays_inside(path, target)) {
        refuse(path, fmt::format("it links to '{}', which is not inside the tree", printable(target)));
    }
    if (spec != nullptr && spec->link_target != target) {
        throw Error{Errc::digest_mismatch,
                    fmt::format("'{}' links to '{}', driver.json says '{}'", path, target, spec->link_target)};
    }
    writer_.make_link(path, target);
    written_.push_back({.path = path, .mode = 0777, .size = 0, .sha256 = {}, .link_target = target});
}

}  // namespace overdrive
