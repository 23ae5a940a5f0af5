#pragma once

#include <functional>
#include <string_view>

#include "ports/clock.hpp"
#include "ports/process_runner.hpp"
#include "ports/progress.hpp"

namespace overdrive {

/// What the verbs of overdrive-artifact may use; main builds the real ones.
struct ArtifactServices {
    ProcessRunner& processes;  ///< for credential helpers
    Clock& clock;
    Progress& progress;
};

/// What the command line chose; run after it was read as a whole.
using Chosen = std::function<void(ArtifactServices&)>;

/// One line for people, on standard error.
void say(std::string_view line);
/// What was asked for, on standard output. @throws Error io
void print(std::string_view text);

}  // namespace overdrive
