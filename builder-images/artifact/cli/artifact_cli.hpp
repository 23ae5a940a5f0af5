#pragma once

#include <CLI/CLI.hpp>

#include "builder-images/artifact/cli/artifact_services.hpp"

namespace overdrive {

/// Each adds its verbs to the command line.
void add_packing_verbs(CLI::App& app, Chosen& chosen);  ///< pack, driver-json
void add_delta_verb(CLI::App& app, Chosen& chosen);
void add_moving_verbs(CLI::App& app, Chosen& chosen);   ///< push, copy
void add_looking_verbs(CLI::App& app, Chosen& chosen);  ///< inspect, list
void add_tag_verb(CLI::App& app, Chosen& chosen);       ///< tag
void add_resolve_verb(CLI::App& app, Chosen& chosen);   ///< resolve
void add_attach_verbs(CLI::App& app, Chosen& chosen);   ///< attach, attached
void add_sign_verb(CLI::App& app, Chosen& chosen);
void add_verify_verb(CLI::App& app, Chosen& chosen);
void add_index_verb(CLI::App& app, Chosen& chosen);  ///< index add, remove, rebuild, channel, list, show, verify

}  // namespace overdrive
