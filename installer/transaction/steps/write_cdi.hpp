#pragma once

#include <functional>
#include <optional>
#include <string>

#include "support/root.hpp"
#include "transaction/step.hpp"

namespace overdrive {

/// Writes the CDI specification of the driver, all at once, or takes it away where there is to be none.
class WriteCdi final : public Step {
public:
    /// What the file is to hold, asked when all else is in force; nullopt: there is to be no file.
    /// @throws Error when there must be one and it cannot be made
    using Make = std::function<std::optional<std::string>()>;

    WriteCdi(const Root& root, std::string path, Make make);

    [[nodiscard]] std::string_view id() const override { return "write-cdi"; }
    [[nodiscard]] std::string_view name() const override { return "tell container engines of the driver"; }
    void prepare() override {}
    /// A file that says the same already is left as it is.
    bool apply() override;
    void undo() override;

private:
    const Root& root_;
    std::string path_;
    Make make_;
    bool changed_ = false;
    std::optional<std::string> before_;
};

/// Takes the CDI specification away while the driver is swapped: a container that starts meanwhile would get libraries
/// and modules that do not belong together, and keep them as long as it lives.
class WithdrawCdi final : public Step {
public:
    WithdrawCdi(const Root& root, std::string path) : root_{root}, path_{std::move(path)} {}

    [[nodiscard]] std::string_view id() const override { return "withdraw-cdi"; }
    [[nodiscard]] std::string_view name() const override { return "withdraw the driver from container engines"; }
    void prepare() override;
    bool apply() override { return root_.remove(path_); }
    void undo() override;

private:
    const Root& root_;
    std::string path_;
    std::optional<std::string> before_;
};

}  // namespace overdrive
