#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "ports/clock.hpp"
#include "support/root.hpp"
#include "support/unique_fd.hpp"

namespace overdrive {

/// The one lock of the store, held by the kernel: it ends with the process, however that ends.
///
/// The file says who holds it (pid, verb, since), for people; the text counts for nothing.
class Lock {
public:
    /// @param path    of the lock file; its directory must exist
    /// @param verb    what we are doing, told to whom we keep waiting
    /// @param timeout zero: do not wait
    /// @throws Error busy naming the holder
    [[nodiscard]] static Lock acquire(const Root& root, const std::string& path, std::string_view verb,
                                      std::chrono::milliseconds timeout, Clock& clock);
    /// Who holds it now, for status; nullopt when nobody does.
    [[nodiscard]] static std::optional<std::string> holder(const Root& root, const std::string& path);

    Lock(Lock&&) noexcept = default;
    Lock& operator=(Lock&&) = delete;
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock();

private:
    explicit Lock(UniqueFd file) : file_{std::move(file)} {}
    UniqueFd file_;
};

}  // namespace overdrive
