#include "support/environment.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace overdrive {

std::string environment_variable(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here ever sets one
    return value == nullptr ? std::string{} : std::string{value};
}

std::map<std::string, std::string> environment_for_helpers() {
    std::map<std::string, std::string> out;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        const std::size_t equals = text.find('=');
        if (equals == std::string_view::npos || text.starts_with("LD_") || text.starts_with("GLIBC_TUNABLES="))
            continue;
        out.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return out;
}

}  // namespace overdrive
