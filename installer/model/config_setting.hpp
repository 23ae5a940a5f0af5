#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "model/toml_document.hpp"
#include "support/error.hpp"

namespace overdrive {

/// A value of the document with its place, for messages.
class Setting {
public:
    Setting(const toml::node& node, std::string file, std::string key)
        : node_{node}, file_{std::move(file)}, key_{std::move(key)} {}

    [[nodiscard]] const toml::node& node() const noexcept { return node_; }
    [[nodiscard]] const std::string& key() const noexcept { return key_; }

    [[noreturn]] void fail(std::string_view what) const {
        throw Error{Errc::config, fmt::format("{}:{}: '{}' {}", file_, node_.source().begin.line, key_, what)};
    }

    [[nodiscard]] std::string text() const { return text_of(node_, "must be a non-empty string"); }

    [[nodiscard]] bool boolean() const {
        const auto boolean = node_.value_exact<bool>();
        if (!boolean) fail("must be true or false");
        return *boolean;
    }

    [[nodiscard]] std::vector<std::string> texts() const {
        const toml::array* array = node_.as_array();
        if (array == nullptr) fail("must be an array of strings");
        std::vector<std::string> out;
        for (const toml::node& entry : *array) out.push_back(text_of(entry, "must hold non-empty strings only"));
        return out;
    }

    /// @param least, most the range that makes sense, in seconds
    [[nodiscard]] std::chrono::seconds seconds(std::int64_t least, std::int64_t most = 3600) const {
        const auto seconds = node_.value_exact<std::int64_t>();
        if (!seconds || *seconds < least || *seconds > most)
            fail(fmt::format("must be a number of seconds from {} to {}", least, most));
        return std::chrono::seconds{*seconds};
    }

    /// What another parser makes of the text.
    template <typename Parse>
    [[nodiscard]] auto parsed(Parse parse) const {
        try {
            return parse(text());
        } catch (const Error& error) {
            fail(error.what());
        }
    }

private:
    [[nodiscard]] std::string text_of(const toml::node& node, std::string_view otherwise) const {
        const auto text = node.value_exact<std::string>();
        if (!text || text->empty()) fail(otherwise);
        return *text;
    }

    const toml::node& node_;
    std::string file_;
    std::string key_;
};

}  // namespace overdrive
