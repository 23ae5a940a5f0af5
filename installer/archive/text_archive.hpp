#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace overdrive {

/// A file of a text archive.
struct TextFile {
    std::string path;  ///< relative, with plain parts
    std::string content;
};

/// A gzip-compressed tar of small files, made in memory, each readable by its owner alone.
/// @param top the directory in front of every path @param at the time of every member, since the epoch
/// @throws Error io when libarchive refuses
[[nodiscard]] std::string make_text_archive(const std::string& top, const std::vector<TextFile>& files,
                                            std::chrono::seconds at);

}  // namespace overdrive
