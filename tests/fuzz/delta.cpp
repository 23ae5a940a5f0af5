#include <algorithm>
#include <string>

#include "archive/delta_reader.hpp"
#include "fuzz/targets.hpp"
#include "model/driver_manifest.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

/// An old tree that has every byte of every file.
void read_old(const std::string& path, std::uint64_t offset, std::span<char> out) {
    require_promise(is_plain_relative_path(path), "slices are of files inside the tree");
    require_promise(out.size() <= DeltaTable::kMostSliceBytes, "a slice is bounded");
    for (char& byte : out) byte = static_cast<char>(offset++);
}

void read_delta(std::string_view bytes) {
    constexpr std::size_t kSome = 1000;
    DeltaReader reader{[&] {
                           const std::string_view some = bytes.substr(0, kSome);
                           bytes.remove_prefix(some.size());
                           return some;
                       },
                       read_old};
    const DeltaTable table = reader.read_table();
    require_promise(DeltaTable::parse(table.to_json()) == table, "a table comes back as it was written");
    for (const DeltaFile& file : table.files) {
        require_promise(is_plain_relative_path(file.path), "new files stay inside");
        for (const DeltaPiece& piece : file.pieces)
            require_promise(reader.read_piece(file, piece).size() == piece.bytes, "a piece has the bytes it announces");
    }
    reader.finish();
}

}  // namespace

void fuzz_delta(std::string_view bytes) {
    try {
        read_delta(bytes);
    } catch (const Error& error) {
        require_promise(*error.what() != '\0', "a refusal says why");
    }
}

}  // namespace overdrive
