#pragma once

#include <CLI/CLI.hpp>

#include "builder-images/artifact/cli/artifact_services.hpp"

namespace overdrive {

/// Adds the verb `remove`.
void add_remove_verb(CLI::App& app, Chosen& chosen);

}  // namespace overdrive
