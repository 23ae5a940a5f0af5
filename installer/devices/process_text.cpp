#include "devices/process_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "devices/number_text.hpp"
#include "devices/process_place.hpp"

namespace overdrive {

namespace {

constexpr std::size_t kMostCommand = 100;
constexpr std::size_t kMostHosts = 64U << 10U;

std::string shortened(std::string text, std::size_t most) {
    if (text.size() > most) text.replace(most, text.size() - most, "...");
    return text;
}

std::string text_of(const Root& root, const std::string& pid, const char* file) {
    return root.read_file(fmt::format("/proc/{}/{}", pid, file)).value_or("");
}

/// The last host in the file that the kubelet writes for a pod with a network of its own is the pod's name. A pod on
/// the host's network has the node's names in it, and says so in the first line.
std::optional<std::string> name_in_hosts(const std::string& hosts) {
    if (!hosts.starts_with("# Kubernetes-managed hosts file.\n")) return std::nullopt;
    const std::string_view marker = "\n# Entries added by HostAliases";
    std::string_view text{hosts};
    text = text.substr(0, text.find(marker));
    while (text.ends_with('\n')) text.remove_suffix(1);
    const std::string_view last = text.substr(text.rfind('\n') + 1);
    const std::size_t tab = last.rfind('\t');
    if (tab == std::string_view::npos || last.starts_with('#')) return std::nullopt;
    const std::string name = printable_ascii(last.substr(tab + 1));
    return name.empty() || name.starts_with("ip6-") ? std::nullopt : std::optional{name};
}

}  // namespace

std::string printable_ascii(std::string_view text) {
    std::string out{text};
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, ' ');
    while (out.ends_with(' ')) out.pop_back();
    return out;
}

bool is_pid(std::string_view name) { return name.find_first_not_of("0123456789") == std::string_view::npos; }

DeviceHolder describe_process(const Root& root, const std::string& pid) {
    DeviceHolder holder;
    holder.pid = parse_number<int>(pid).value_or(0);
    holder.program = printable_ascii(text_of(root, pid, "comm"));
    holder.command = shortened(printable_ascii(text_of(root, pid, "cmdline")), kMostCommand);
    const ProcessPlace place = parse_process_cgroup(text_of(root, pid, "cgroup"));
    holder.unit = printable_ascii(place.unit);
    if (!place.container_id.empty())
        holder.container = fmt::format("{} {}", place.runtime, place.container_id.substr(0, 12));
    if (!place.pod_uid.empty()) holder.pod = pod_name(root, place.pod_uid);
    return holder;
}

std::string pod_name(const Root& root, const std::string& uid) {
    // /var/log/pods/<namespace>_<name>_<uid>; no name has an underscore.
    for (const std::string& directory : root.list("/var/log/pods")) {
        if (!directory.ends_with("_" + uid)) continue;
        std::string name = directory.substr(0, directory.size() - uid.size() - 1);
        std::replace(name.begin(), name.end(), '_', '/');
        return printable_ascii(name);
    }
    try {
        const auto hosts = root.read_file(fmt::format("/var/lib/kubelet/pods/{}/etc-hosts", uid), kMostHosts);
        if (hosts) return name_in_hosts(*hosts).value_or(uid);
    } catch (const Error&) {  // it went meanwhile, or is none of the kubelet's
    }
    return uid;
}

}  // namespace overdrive
