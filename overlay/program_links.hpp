#pragma once

#include <string>
#include <vector>

#include "support/root.hpp"

namespace overdrive {

/// Links to the driver's programs in a directory on the host's PATH: `/opt/bin/nvidia-smi ->
/// /opt/nvidia/current/bin/nvidia-smi`. A link is ours when its target lies below /opt/nvidia.
class ProgramLinks {
public:
    explicit ProgramLinks(const Root& root) : root_{root} {}

    /// Whether exactly these of ours are in `directory`.
    [[nodiscard]] bool match(const std::string& directory, const std::vector<std::string>& programs) const;
    /// @throws Error exposure naming every entry of these names that is not ours
    void check(const std::string& directory, const std::vector<std::string>& programs) const;
    /// Makes what is missing, corrects what is wrong, takes away ours that are not among `programs`.
    /// @throws Error exposure as `check`
    void ensure(const std::string& directory, const std::vector<std::string>& programs);
    /// Takes all of ours away, and the directories that `ensure` made if they are empty. @return whether any was there
    bool remove();

private:
    [[nodiscard]] std::vector<std::string> ours_in(const std::string& directory) const;

    const Root& root_;
};

}  // namespace overdrive
