#include "unit/archive/tar_maker.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <zstd.h>

#include <memory>
#include <numeric>
#include <stdexcept>

#include "support/release_with.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kBlock = 512;

void put(std::string& block, std::size_t at, std::size_t most, const std::string& text) {
    if (text.size() > most) throw std::length_error{"TarMaker: field too long"};
    block.replace(at, text.size(), text);
}

}  // namespace

TarMaker& TarMaker::header(const TarHeader& header) {
    std::string block(kBlock, '\0');
    put(block, 0, 100, header.name);
    put(block, 100, 8, header.mode);
    put(block, 108, 8, header.owner);
    put(block, 116, 8, header.owner);
    put(block, 124, 12, header.size);
    put(block, 136, 12, "14000000000");
    put(block, 148, 8, "        ");
    block[156] = header.type;
    put(block, 157, 100, header.target);
    put(block, 257, 8, header.magic);
    put(block, 329, 8, "0000001");
    put(block, 337, 8, "0000003");
    put(block, 345, 155, header.prefix);
    const unsigned sum = std::accumulate(block.begin(), block.end(), 0U,
                                         [](unsigned total, char c) { return total + static_cast<unsigned char>(c); });
    put(block, 148, 8,
        fmt::format("{:06o}", sum + static_cast<unsigned>(header.checksum_off_by)) + std::string{"\0 ", 2});
    return raw(block);
}

TarMaker& TarMaker::body(std::string_view content) {
    bytes_ += content;
    bytes_.append((kBlock - content.size() % kBlock) % kBlock, '\0');
    return *this;
}

TarMaker& TarMaker::member(const std::string& name, char type, std::string_view content, const std::string& target,
                           unsigned mode) {
    return header({.name = name,
                   .type = type,
                   .size = fmt::format("{:011o}", content.size()),
                   .target = target,
                   .mode = fmt::format("{:07o}", mode)})
        .body(content);
}

TarMaker& TarMaker::header_only(const std::string& name, std::uint64_t size) {
    return header({.name = name, .size = fmt::format("{:011o}", size)});
}

TarMaker& TarMaker::extension(char type, std::string_view content) {
    return member("././@extension", type, content, {}, 0644);
}

std::string TarMaker::pax_record(const std::string& key, std::string_view value) {
    std::size_t length = key.size() + value.size() + 3;
    while (std::to_string(length).size() + key.size() + value.size() + 3 != length)
        length = std::to_string(length).size() + key.size() + value.size() + 3;
    return fmt::format("{} {}={}\n", length, key, value);
}

std::string TarMaker::tar() const { return bytes_ + std::string(2 * kBlock, '\0'); }

std::string zstd(std::string_view bytes) {
    std::string out(ZSTD_compressBound(bytes.size()), '\0');
    const std::size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 1);
    if (ZSTD_isError(size) != 0) throw std::runtime_error{"zstd"};
    out.resize(size);
    return out;
}

std::string gzip(std::string_view bytes) {
    const std::unique_ptr<archive, ReleaseWith<archive_write_free>> writer{archive_write_new()};
    archive_write_set_format_raw(writer.get());
    archive_write_add_filter_gzip(writer.get());
    archive_write_set_bytes_in_last_block(writer.get(), 1);
    std::string out(bytes.size() + 65536, '\0');
    std::size_t used = 0;
    archive_write_open_memory(writer.get(), out.data(), out.size(), &used);
    const std::unique_ptr<archive_entry, ReleaseWith<archive_entry_free>> entry{archive_entry_new()};
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_write_header(writer.get(), entry.get());
    archive_write_data(writer.get(), bytes.data(), bytes.size());
    if (archive_write_close(writer.get()) != ARCHIVE_OK) throw std::runtime_error{"gzip"};
    out.resize(used);
    return out;
}

}  // namespace overdrive
