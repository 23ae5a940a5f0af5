#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace overdrive {

/// A driver id: a driver version, with `-open` when its kernel modules are the open ones. `550.163.01-open`.
class DriverId {
public:
    /// @throws Error config when `text` is not digits and dots with an optional `-open`
    [[nodiscard]] static DriverId parse(std::string_view text);
    [[nodiscard]] static bool is_valid(std::string_view text) noexcept;

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// `550.163.01`
    [[nodiscard]] std::string_view version() const noexcept;
    /// The first number of the version: `550`.
    [[nodiscard]] std::string_view branch() const noexcept;
    [[nodiscard]] bool open_modules() const noexcept;

    friend bool operator==(const DriverId&, const DriverId&) = default;

private:
    explicit DriverId(std::string text) : text_{std::move(text)} {}
    std::string text_;
};

/// Compares dotted versions number by number; a missing number counts as lower (`550.9 < 550.10 < 550.10.1`).
[[nodiscard]] std::weak_ordering compare_versions(std::string_view left, std::string_view right) noexcept;

/// What the configuration asks for: a driver id (`535.309.01`), a branch (`535`, `550-open`) or a channel (`stable`).
struct DriverWish {
    /// @throws Error config
    [[nodiscard]] static DriverWish parse(std::string_view text);

    std::string text;
    bool is_branch = false;  ///< no driver id: what it means may move; see wish_meaning.hpp

    /// Whether `driver` is what is wished for: the very id, or any of the branch with its kind of modules, or any at
    /// all.
    [[nodiscard]] bool allows(const DriverId& driver) const noexcept;
    /// Whether `driver` may stand in at boot: same branch, and the kind of modules that is wished for.
    [[nodiscard]] bool same_branch(const DriverId& driver) const noexcept;
};

}  // namespace overdrive
