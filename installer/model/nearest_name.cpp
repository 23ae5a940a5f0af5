#include "model/nearest_name.hpp"

#include <algorithm>
#include <cctype>
#include <numeric>

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

}  // namespace overdrive
