#include "modules/kernel_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>

#include "model/host_facts.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostLines = 4;
constexpr std::size_t kMostRecords = 1U << 18U;  // the log is a ring; one that is written faster than read has no end

/// The next record; nullopt at the end.
std::optional<std::string_view> next_record(int device, std::array<char, 8192>& buffer) {
    while (true) {
        const ssize_t got = ::read(device, buffer.data(), buffer.size());
        if (got < 0 && (errno == EPIPE || errno == EINTR)) continue;  // EPIPE: records were overwritten meanwhile
        if (got <= 0) return std::nullopt;
        return std::string_view{buffer.data(), static_cast<std::size_t>(got)};
    }
}

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
        const auto got = next_record(device_->get(), record);
        if (!got) break;
        const std::string_view line = text_of_record(*got);
        if (speaks_of(line, name)) lines.emplace_back(line);
    }
    return lines;
}

bool is_about_driver(std::string_view line) noexcept {
    constexpr std::array<std::string_view, 3> kNever{"Kernel command line",
                                                     "Command line:", "Unknown kernel command line"};
    constexpr std::array<std::string_view, 9> kWords{"NVRM:",
                                                     "nvidia",
                                                     "nouveau",
                                                     "nova_core",
                                                     "vfio-pci",
                                                     "module verification failed",
                                                     "Lockdown:",
                                                     "Loading of unsigned module",
                                                     "Loading of module with unavailable key"};
    const auto has = [line](std::string_view word) { return line.find(word) != std::string_view::npos; };
    return std::none_of(kNever.begin(), kNever.end(), has) && std::any_of(kWords.begin(), kWords.end(), has);
}

std::vector<std::string> driver_lines(const Root& root, std::size_t most) {
    std::deque<std::string> lines;
    try {
        const auto device = root.open_if_exists("/dev/kmsg", O_RDONLY | O_NONBLOCK);
        std::array<char, 8192> buffer{};
        for (std::size_t seen = 0; device && seen < kMostRecords; ++seen) {
            const auto record = next_record(device->get(), buffer);
            if (!record) break;
            const std::string_view line = text_of_record(*record);
            if (is_about_driver(line)) lines.emplace_back(line);
            if (lines.size() > most) lines.pop_front();
        }
    } catch (const Error&) {  // not allowed (dmesg_restrict): the facts have to do without it
    }
    return {lines.begin(), lines.end()};
}

}  // namespace overdrive
