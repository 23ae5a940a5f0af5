#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "support/unique_fd.hpp"

namespace overdrive {

/// Reads slices of the files below a directory, no link followed; one file is open at a time.
class SliceReader {
public:
    explicit SliceReader(UniqueFd directory) : directory_{std::move(directory)} {}

    /// Fills `out` with the bytes at `offset`.
    /// @throws Error incomplete_artifact: it is not there, or shorter; io
    void read(const std::string& path, std::uint64_t offset, std::span<char> out);

private:
    void open(const std::string& path);

    UniqueFd directory_;
    std::string path_;
    UniqueFd file_;
};

}  // namespace overdrive
