#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/error.hpp"

namespace overdrive {

/// Reads fields of foreign JSON with errors that name the document and the field: `driver.json: kernel.release is
/// missing`.
class JsonReader {
public:
    /// Whether a message may quote the document.
    enum class Quoting {
        allowed,
        keys_only  ///< its values are secrets: a message names keys and positions, nothing else
    };

    /// Parses a document; nesting over 64, duplicate keys and more values than it weighs are refused.
    /// @throws Error with `code` when it is no JSON object
    static JsonReader parse(std::string_view text, std::string document, Errc code, Quoting quoting = Quoting::allowed);

    [[nodiscard]] JsonReader object(const std::string& name) const;
    [[nodiscard]] std::optional<JsonReader> optional_object(const std::string& name) const;
    [[nodiscard]] std::vector<JsonReader> objects(const std::string& name) const;
    [[nodiscard]] std::string string(const std::string& name) const;
    /// nullopt when absent or null.
    [[nodiscard]] std::optional<std::string> optional_string(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> strings(const std::string& name) const;
    /// @throws Error when it is no whole number from 0 to 2^63-1
    [[nodiscard]] std::uint64_t number(const std::string& name) const;
    [[nodiscard]] std::uint64_t number_or(const std::string& name, std::uint64_t fallback) const;
    [[nodiscard]] bool boolean_or(const std::string& name, bool fallback) const;
    [[nodiscard]] bool has(const std::string& name) const;
    [[nodiscard]] bool is_number(const std::string& name) const;
    /// Names of all members, those that are null too.
    [[nodiscard]] std::vector<std::string> names() const;
    /// Members with string values, as a map.
    [[nodiscard]] std::map<std::string, std::string> string_map(const std::string& name) const;

    /// Refuses a document whose `min_reader` is newer than `schema`.
    void require_reader(int schema) const;
    [[noreturn]] void fail(const std::string& name, std::string_view what) const;

private:
    /// What all readers of a document share: driver.json has an object for each of its files.
    struct Document {
        nlohmann::json value;
        std::string name;
        Errc code;
    };
    JsonReader(std::shared_ptr<const Document> document, const nlohmann::json& value, std::string place)
        : document_{std::move(document)}, value_{&value}, place_{std::move(place)} {}
    [[nodiscard]] const nlohmann::json* find(const std::string& name) const;
    [[nodiscard]] std::string named(const std::string& name) const;

    std::shared_ptr<const Document> document_;
    const nlohmann::json* value_;  ///< in it
    std::string place_;
};

}  // namespace overdrive
