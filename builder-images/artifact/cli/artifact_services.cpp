#include "builder-images/artifact/cli/artifact_services.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "support/error.hpp"

namespace overdrive {

void say(std::string_view line) { fmt::print(stderr, "overdrive-artifact: {}\n", line); }

void print(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
        throw Error{Errc::io, "cannot write to standard output"};
}

}  // namespace overdrive
