#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/root.hpp"

namespace overdrive {

/// The kernel's log from the moment of construction on. Where it cannot be read, it is empty: it only adds to messages.
class KernelLog {
public:
    explicit KernelLog(const Root& root);

    /// New lines that speak of the module (`<name>: ...`) or of the driver (`NVRM: ...`); at most the first four.
    [[nodiscard]] std::vector<std::string> lines_about(std::string_view module_name) const;

private:
    std::optional<UniqueFd> device_;
};

/// The last `most` lines of the whole log, oldest first, that speak of the driver, its modules, its rivals or module
/// signatures. Empty where it cannot be read. @see is_about_driver
[[nodiscard]] std::vector<std::string> driver_lines(const Root& root, std::size_t most);

/// Whether a line of the log helps to tell why a driver does not work. Never one that shows the kernel's command line,
/// which may hold secrets of other programs.
[[nodiscard]] bool is_about_driver(std::string_view line) noexcept;

/// The text of one record of /dev/kmsg (`6,1234,5678,-;text\n KEY=value\n`), without what follows its first line.
[[nodiscard]] std::string_view text_of_record(std::string_view record) noexcept;

}  // namespace overdrive
