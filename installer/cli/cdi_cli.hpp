#pragma once

#include "cli/dispatch.hpp"

namespace overdrive {

/// cdi, with verbs of its own below it.
void add_cdi_verb(CLI::App& app, Dispatch& dispatch);

}  // namespace overdrive
