#include "model/json_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

namespace overdrive {

namespace {

using nlohmann::json;

constexpr int kMostDepth = 64;
/// A value of one byte takes a hundred in memory. So a document may have as many as it has stretches of 16 bytes, and a
/// small one more: one of 4 MiB stays below 32 MiB. The densest that is honest is driver.json, 35 bytes a value; of 16
/// MiB it lists 70,000 files.
constexpr std::size_t kBytesOfValue = 16;
constexpr std::size_t kAlwaysAllowed = 150'000;

/// Looks at a document for what RFC 8259 leaves open and attackers use, before anything is built from it: duplicate
/// keys, endless nesting, and values that cost more than they weigh. (nlohmann's own parser callback takes a time that
/// grows with the square of an array's length.)
class Watcher final : public nlohmann::json_sax<json> {
public:
    explicit Watcher(std::size_t bytes) : most_values_{std::max(kAlwaysAllowed, bytes / kBytesOfValue)} {}
    [[nodiscard]] const std::string& refusal() const noexcept { return refusal_; }

    bool null() override { return count(); }
    bool boolean(bool /*value*/) override { return count(); }
    bool number_integer(number_integer_t /*value*/) override { return count(); }
    bool number_unsigned(number_unsigned_t /*value*/) override { return count(); }
    bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return count(); }
    bool string(string_t& /*value*/) override { return count(); }
    bool binary(binary_t& /*value*/) override { return count(); }
    bool start_object(std::size_t /*size*/) override {
        keys_.emplace_back();
        return enter();
    }
    bool end_object() override {
        keys_.pop_back();
        return leave();
    }
    bool start_array(std::size_t /*size*/) override { return enter(); }
    bool end_array() override { return leave(); }
    bool key(string_t& name) override {
        return keys_.back().insert(name).second || refuse("the key '" + name.substr(0, 100) + "' stands twice");
    }
    bool parse_error(std::size_t /*at*/, const std::string& /*token*/, const json::exception& /*error*/) override {
        return false;  // json::parse says it better
    }

private:
    bool refuse(std::string why) {
        refusal_ = std::move(why);
        return false;
    }
    bool count() {
        return ++values_ <= most_values_ || refuse(fmt::format("it holds more than {} values", most_values_));
    }
    bool enter() { return count() && (++depth_ <= kMostDepth || refuse("nested too deeply")); }
    bool leave() {
        --depth_;
        return true;
    }

    std::vector<std::set<std::string>> keys_;
    std::size_t most_values_;
    std::size_t values_ = 0;
    int depth_ = 0;
    std::string refusal_;
};

}  // namespace

JsonReader JsonReader::parse(std::string_view text, std::string document, Errc code, Quoting quoting) {
    Watcher watcher{text.size()};
    if (!json::sax_parse(text.begin(), text.end(), &watcher) && !watcher.refusal().empty())
        throw Error{code, fmt::format("{}: refused: {}", document, watcher.refusal())};
    json value;
    try {
        value = json::parse(text.begin(), text.end());
    } catch (const json::parse_error& error) {
        if (quoting == Quoting::keys_only)
            throw Error{code, fmt::format("{}: not JSON at byte {}", document, error.byte)};
        throw Error{code, fmt::format("{}: not JSON: {}", document, error.what())};
    } catch (const json::exception& error) {
        throw Error{code, fmt::format("{}: not JSON: {}", document,
                                      quoting == Quoting::keys_only ? "a value is refused" : error.what())};
    }
    if (!value.is_object()) throw Error{code, fmt::format("{}: not a JSON object", document)};
    const auto shared = std::make_shared<const Document>(Document{std::move(value), std::move(document), code});
    return {shared, shared->value, ""};
}

const json* JsonReader::find(const std::string& name) const {
    const auto found = value_->find(name);
    return found == value_->end() || found->is_null() ? nullptr : &*found;
}

std::string JsonReader::named(const std::string& name) const { return place_.empty() ? name : place_ + "." + name; }

void JsonReader::fail(const std::string& name, std::string_view what) const {
    throw Error{document_->code, fmt::format("{}: {} {}", document_->name, named(name), what)};
}

bool JsonReader::has(const std::string& name) const { return find(name) != nullptr; }

bool JsonReader::is_number(const std::string& name) const {
    const json* found = find(name);
    return found != nullptr && found->is_number();
}

std::vector<std::string> JsonReader::names() const {
    std::vector<std::string> out;
    for (const auto& member : value_->items()) out.push_back(member.key());
    return out;
}

JsonReader JsonReader::object(const std::string& name) const {
    auto found = optional_object(name);
    if (!found) fail(name, "is missing");
    return std::move(*found);
}

std::optional<JsonReader> JsonReader::optional_object(const std::string& name) const {
    const json* found = find(name);
    if (found == nullptr) return std::nullopt;
    if (!found->is_object()) fail(name, "is not an object");
    return JsonReader{document_, *found, named(name)};
}

std::vector<JsonReader> JsonReader::objects(const std::string& name) const {
    const json* found = find(name);
    if (found == nullptr) fail(name, "is missing");
    if (!found->is_array()) fail(name, "is not an array");
    std::vector<JsonReader> out;
    out.reserve(found->size());
    for (std::size_t i = 0; i < found->size(); ++i) {
        const std::string place = fmt::format("{}[{}]", named(name), i);
        if (!(*found)[i].is_object())
            throw Error{document_->code, fmt::format("{}: {} is not an object", document_->name, place)};
        out.push_back(JsonReader{document_, (*found)[i], place});
    }
    return out;
}

std::string JsonReader::string(const std::string& name) const {
    auto found = optional_string(name);
    if (!found) fail(name, "is missing");
    return std::move(*found);
}

std::optional<std::string> JsonReader::optional_string(const std::string& name) const {
    const json* found = find(name);
    if (found == nullptr) return std::nullopt;
    if (!found->is_string()) fail(name, "is not a string");
    return found->get<std::string>();
}

std::vector<std::string> JsonReader::strings(const std::string& name) const {
    const json* found = find(name);
    if (found == nullptr) fail(name, "is missing");
    if (!found->is_array()) fail(name, "is not an array");
    std::vector<std::string> out;
    out.reserve(found->size());
    for (const json& entry : *found) {
        if (!entry.is_string()) fail(name, "holds something other than strings");
        out.push_back(entry.get<std::string>());
    }
    return out;
}

std::uint64_t JsonReader::number(const std::string& name) const {
    const json* found = find(name);
    if (found == nullptr) fail(name, "is missing");
    if (!found->is_number_integer() || (found->is_number_integer() && !found->is_number_unsigned())) {
        fail(name, "is not a whole number of 0 or more");
    }
    const auto value = found->get<std::uint64_t>();
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) fail(name, "is too large");
    return value;
}

std::uint64_t JsonReader::number_or(const std::string& name, std::uint64_t fallback) const {
    return has(name) ? number(name) : fallback;
}

bool JsonReader::boolean_or(const std::string& name, bool fallback) const {
    const json* found = find(name);
    if (found == nullptr) return fallback;
    if (!found->is_boolean()) fail(name, "is neither true nor false");
    return found->get<bool>();
}

std::map<std::string, std::string> JsonReader::string_map(const std::string& name) const {
    std::map<std::string, std::string> out;
    const json* found = find(name);
    if (found == nullptr) return out;
    if (!found->is_object()) fail(name, "is not an object");
    for (const auto& [key, value] : found->items()) {
        if (!value.is_string()) fail(name, "holds something other than strings");
        out[key] = value.get<std::string>();
    }
    return out;
}

void JsonReader::require_reader(int schema) const {
    const std::uint64_t min_reader = number_or("min_reader", 1);
    if (min_reader > static_cast<std::uint64_t>(schema)) {
        fail("min_reader",
             fmt::format("is {}, this program reads up to {}: a newer overdrive wrote it", min_reader, schema));
    }
}

}  // namespace overdrive
