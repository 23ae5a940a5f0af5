#include "model/toml_document.hpp"

#include <fmt/format.h>

#include "support/error.hpp"

namespace overdrive {

toml::table parse_toml(std::string_view text, const std::string& name) {
    try {
        return toml::parse(text, name);
    } catch (const toml::parse_error& error) {
        throw Error{Errc::config,
                    fmt::format("{}:{}: not TOML: {}", name, error.source().begin.line, error.description())};
    }
}

}  // namespace overdrive
