#include "model/delta_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/driver_manifest.hpp"
#include "model/json_reader.hpp"

namespace overdrive {

namespace {

using nlohmann::ordered_json;

constexpr const char* kDocument = "table of the delta";

std::uint64_t number_in(const JsonReader& reader, const std::string& name, std::uint64_t least, std::uint64_t most) {
    const std::uint64_t number = reader.number(name);
    if (number < least || number > most)
        reader.fail(name, fmt::format("is {}, not from {} to {}", number, least, most));
    return number;
}

std::string plain_path(const JsonReader& reader, const std::string& name) {
    std::string path = reader.string(name);
    if (!is_plain_relative_path(path))
        reader.fail(name, fmt::format("'{}' is not a plain relative path", path.substr(0, 200)));
    return path;
}

DeltaPiece parse_piece(const JsonReader& reader, bool has_old_file) {
    return {.bytes = number_in(reader, "bytes", 1, DeltaTable::kMostPieceBytes),
            .frame_bytes = number_in(reader, "frame", 1, DeltaTable::kMostFrameBytes),
            .slice_offset = number_in(reader, "offset", 0, has_old_file ? DeltaTable::kMostFileBytes : 0),
            .slice_bytes = number_in(reader, "slice", 0, has_old_file ? DeltaTable::kMostSliceBytes : 0)};
}

DeltaFile parse_file(const JsonReader& reader) {
    DeltaFile file{.path = plain_path(reader, "path")};
    if (reader.has("old")) file.old_path = plain_path(reader, "old");
    for (const JsonReader& piece : reader.objects("pieces"))
        file.pieces.push_back(parse_piece(piece, !file.old_path.empty()));
    if (file.size() > DeltaTable::kMostFileBytes) reader.fail("pieces", "make a file larger than 16 GiB");
    return file;
}

ordered_json file_json(const DeltaFile& file) {
    ordered_json json{{"path", file.path}};
    if (!file.old_path.empty()) json["old"] = file.old_path;
    json["pieces"] = ordered_json::array();
    for (const DeltaPiece& piece : file.pieces)
        json["pieces"].push_back({{"bytes", piece.bytes},
                                  {"frame", piece.frame_bytes},
                                  {"offset", piece.slice_offset},
                                  {"slice", piece.slice_bytes}});
    return json;
}

}  // namespace

std::uint64_t DeltaFile::size() const noexcept {
    std::uint64_t bytes = 0;
    for (const DeltaPiece& piece : pieces) bytes += piece.bytes;
    return bytes;
}

DeltaTable DeltaTable::parse(std::string_view json) {
    if (json.size() > kMostTableBytes)
        throw Error{Errc::bad_manifest, fmt::format("{}: {} bytes, more than the {} that are allowed", kDocument,
                                                    json.size(), kMostTableBytes)};
    const JsonReader reader = JsonReader::parse(json, kDocument, Errc::bad_manifest);
    reader.require_reader(kSchema);
    const auto digest = [&](const char* name) {
        return attempting(fmt::format("{}: {}", kDocument, name), [&] { return Digest::parse(reader.string(name)); });
    };
    DeltaTable table{.from = digest("from"), .to = digest("to")};
    std::size_t pieces = 0;
    for (const JsonReader& entry : reader.objects("files")) {
        table.files.push_back(parse_file(entry));
        pieces += table.files.back().pieces.size();
        if (table.files.size() > kMostFiles) reader.fail("files", fmt::format("are more than {}", kMostFiles));
        if (pieces > kMostPieces) reader.fail("files", fmt::format("have more than {} pieces", kMostPieces));
    }
    for (std::size_t i = 1; i < table.files.size(); ++i) {
        if (table.files[i - 1].path >= table.files[i].path)
            reader.fail("files", fmt::format("list '{}' twice, or not in order", table.files[i].path.substr(0, 200)));
    }
    return table;
}

std::string DeltaTable::to_json() const {
    ordered_json list = ordered_json::array();
    for (const DeltaFile& file : files) list.push_back(file_json(file));
    return ordered_json{
        {"schema", kSchema}, {"min_reader", 1}, {"from", from.text()}, {"to", to.text()}, {"files", std::move(list)}}
        .dump();
}

}  // namespace overdrive
