#include "modules/kernel_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "model/host_facts.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostLines = 4;

bool speaks_of(std::string_view line, std::string_view module_name) {
    return (line.starts_with(module_name) && line.substr(module_name.size()).starts_with(':')) ||
           line.starts_with("NVRM:");
}

}  // namespace

std::string_view text_of_record(std::string_view record) noexcept {
    const std::size_t semicolon = record.find(';');
    if (semicolon == std::string_view::npos) return {};
    record.remove_prefix(semicolon + 1);
    return record.substr(0, record.find('\n'));
}

KernelLog::KernelLog(const Root& root) {
    try {
        device_ = root.open_if_exists("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    } catch (const Error&) {
        return;  // not allowed: messages have to do without the kernel's own words
    }
    if (device_ && lseek(device_->get(), 0, SEEK_END) < 0) device_.reset();
}

std::vector<std::string> KernelLog::lines_about(std::string_view module_name) const {
    std::vector<std::string> lines;
    const std::string name = kernel_spelling(module_name);
    std::array<char, 8192> record{};
    while (device_ && lines.size() < kMostLines) {
        const ssize_t got = ::read(device_->get(), record.data(), record.size());
        if (got < 0 && (errno == EPIPE || errno == EINTR)) continue;  // EPIPE: records were overwritten meanwhile
        if (got <= 0) break;
        const std::string_view line = text_of_record({record.data(), static_cast<std::size_t>(got)});
        if (speaks_of(line, name)) lines.emplace_back(line);
    }
    return lines;
}

}  // namespace overdrive
