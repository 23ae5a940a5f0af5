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

void TarMaker::header(const std::string& name, char type, std::uint64_t size, const std::string& target,
                      unsigned mode) {
    std::string block(kBlock, '\0');
    put(block, 0, 100, name);
    put(block, 100, 8, fmt::format("{:07o}", mode));
    put(block, 108, 8, "0001750");  // an owner that must not be kept
    put(block, 116, 8, "0001750");
    put(block, 124, 12, fmt::format("{:011o}", size));
    put(block, 136, 12, "14000000000");
    put(block, 148, 8, "        ");
    block[156] = type;
    put(block, 157, 100, target);
    put(block, 257, 8,
        std::string{"ustar\0"
                    "00",
                    8});
    put(block, 329, 8, "0000001");
    put(block, 337, 8, "0000003");
    const unsigned sum = std::accumulate(block.begin(), block.end(), 0U,
                                         [](unsigned total, char c) { return total + static_cast<unsigned char>(c); });
    put(block, 148, 8, fmt::format("{:06o}", sum) + std::string{"\0 ", 2});
    bytes_ += block;
}

TarMaker& TarMaker::member(const std::string& name, char type, std::string_view content, const std::string& target,
                           unsigned mode) {
    header(name, type, content.size(), target, mode);
    bytes_ += content;
    bytes_.append((kBlock - content.size() % kBlock) % kBlock, '\0');
    return *this;
}

TarMaker& TarMaker::header_only(const std::string& name, std::uint64_t size) {
    header(name, '0', size, {}, 0644);
    return *this;
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
