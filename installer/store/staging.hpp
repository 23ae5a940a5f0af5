#pragma once

#include <string>

#include "support/root.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

/// A tree that is being written, below .overdrive/staging. Removed with everything in it unless it was published or
/// handed over.
class Staging {
public:
    /// @param path of an existing directory @param root must outlive it
    Staging(const Root& root, std::string path);
    Staging(Staging&& other) noexcept;
    Staging& operator=(Staging&& other) noexcept;
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;
    ~Staging();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }  ///< host path
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The last part of the path: what another process needs to adopt it (Store::adopt_staging).
    [[nodiscard]] std::string id() const;
    /// Leaves the tree where it is: it was renamed, or another process takes it over.
    void release() noexcept { root_ = nullptr; }

private:
    void discard() noexcept;

    const Root* root_;
    std::string path_;
    UniqueFd fd_;
};

}  // namespace overdrive
