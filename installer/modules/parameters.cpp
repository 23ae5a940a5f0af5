#include "modules/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>

#include "support/error.hpp"

namespace overdrive {

namespace {

/// Edit distance, letters compared without case.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t substituted = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({substituted, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

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

std::string nearest_name(std::string_view name, const std::vector<std::string>& names) {
    std::string nearest;
    std::size_t least = name.size() / 2 + 1;
    for (const std::string& candidate : names) {
        const std::size_t here = distance(name, candidate);
        if (here < least) {
            least = here;
            nearest = candidate;
        }
    }
    return nearest;
}

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
