#pragma once

#include <string>
#include <thread>
#include <vector>

#include "support/root.hpp"

namespace overdrive {

/// Has the kernel bring files into memory, one after the other, while its owner does something else. A hint: what
/// cannot be read is left to whoever needs it. Ends early with its owner.
class ReadAhead {
public:
    /// @param root outlives this
    ReadAhead(const Root& root, std::vector<std::string> paths);

private:
    std::jthread thread_;
};

}  // namespace overdrive
