#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "devices/key_list.hpp"
#include "model/kernel_policy.hpp"
#include "support/root.hpp"

namespace overdrive {

/// The serials of the keys in a keyring; nullopt when it may not be read.
using ReadKeyring = std::function<std::optional<std::vector<std::int32_t>>(std::int32_t keyring)>;

/// keyctl(2), KEYCTL_READ: root may read the kernel's own keyrings.
[[nodiscard]] std::optional<std::vector<std::int32_t>> read_keyring(std::int32_t keyring);

/// What the running kernel lets in, from /proc and /sys of the root. What cannot be read is nullopt.
/// @param read asks the kernel for what is in a keyring
[[nodiscard]] KernelPolicy read_kernel_policy(const Root& root, const ReadKeyring& read = read_keyring);

/// `none [integrity] confidentiality` -> `integrity`; nullopt when nothing is in brackets.
[[nodiscard]] std::optional<std::string> chosen_in_brackets(std::string_view text);

}  // namespace overdrive
