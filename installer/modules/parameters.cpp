#include "modules/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "model/nearest_name.hpp"
#include "support/error.hpp"

namespace overdrive {

namespace {

std::string quoted(std::string_view module_name, const std::string& name, const std::string& value) {
    const bool refused = std::any_of(value.begin(), value.end(), [](char c) {
        return c == '"' || std::iscntrl(static_cast<unsigned char>(c)) != 0;
    });
    if (refused) {
        throw Error{Errc::module_load,
                    fmt::format("parameter '{}' of module '{}' has a value with a quotation mark or a "
                                "control character, which the kernel cannot take",
                                name, module_name)};
    }
    return value.find(' ') == std::string::npos ? value : "\"" + value + "\"";
}

}  // namespace

std::string module_options(std::string_view module_name, const std::map<std::string, std::string>& parameters,
                           const std::vector<std::string>& known) {
    std::string options;
    for (const auto& [name, value] : parameters) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            const std::string nearest = nearest_name(name, known);
            throw Error{Errc::module_load,
                        fmt::format("module '{}' has no parameter '{}'{}", module_name, name,
                                    nearest.empty() ? "" : fmt::format("; the nearest one is '{}'", nearest))};
        }
        if (!options.empty()) options += ' ';
        options += name + "=" + quoted(module_name, name, value);
    }
    return options;
}

}  // namespace overdrive
