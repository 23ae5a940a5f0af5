#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cdi/spec.hpp"

namespace overdrive {

/// The specification as the document that a file holds; the members in one order, empty ones left out. The same spec
/// gives the same document.
[[nodiscard]] nlohmann::ordered_json to_document(const CdiSpec& spec);
[[nodiscard]] nlohmann::ordered_json to_document(const CdiEdits& edits);

/// The specification as YAML, byte for byte the same for the same spec. Whatever a reader of YAML 1.1 might take for
/// something else than a string (`0`, `0:1`, `yes`) is quoted.
[[nodiscard]] std::string to_yaml(const CdiSpec& spec);
/// The same as JSON, with a newline at its end.
[[nodiscard]] std::string to_json(const CdiSpec& spec);

}  // namespace overdrive
