#pragma once

#include <string>

#include "cdi/read_spec.hpp"

namespace overdrive {

/// The smallest specification that is valid.
inline const std::string kSmallSpec =
    "cdiVersion: 0.3.0\nkind: example.com/card\ndevices:\n  - name: first\n    containerEdits:\n      env: [A=1]\n";

/// Reads a specification written in a test.
inline CdiSpec spec_of(const std::string& text) { return read_cdi_spec(text, "test"); }

}  // namespace overdrive
