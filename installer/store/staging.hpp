#pragma once

#include <string>

#include "support/root.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

/// A tree that is being written, below .overdrive/staging. Removed with everything in it unless it was published or
/// handed over. While the object lives, so does a kernel-held lock on the directory.
class Staging {
public:
    /// @param path of an existing directory @param root must outlive it
    Staging(const Root& root, std::string path);
    Staging(Staging&& other) noexcept;
    Staging& operator=(Staging&& other) noexcept;
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;
    ~Staging();

    /// Whether a living process holds the tree at `path`: a container that has handed it over to the host.
    [[nodiscard]] static bool is_in_use(const Root& root, const std::string& path);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }  ///< host path
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The last part of the path: what another process needs to adopt it (Store::adopt_staging).
    [[nodiscard]] std::string id() const;
    /// Leaves the tree where it is: it was renamed, or another process takes it over. It stays in use by us.
    void release() noexcept { root_ = nullptr; }

private:
    void discard() noexcept;

    const Root* root_;
    std::string path_;
    UniqueFd fd_;
};

}  // namespace overdrive
