#include "devices/process_place.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace overdrive {

namespace {

constexpr std::size_t kIdLength = 64;
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        if (end > 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

bool remove_suffix(std::string_view& text, std::string_view suffix) {
    if (!text.ends_with(suffix)) return false;
    text.remove_suffix(suffix.size());
    return true;
}

bool is_hex(std::string_view text) { return text.find_first_not_of(kHexDigits) == std::string_view::npos; }

/// The container that a part of the path names: `cri-containerd-<id>.scope`, `crio-<id>`, `<id>`, and
/// `<slice>:cri-containerd:<id>`, which a runtime makes that is told a systemd path but has no systemd.
void read_container(std::string_view part, std::string_view parent, ProcessPlace& place) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kPrefixes{{{"docker", "docker"},
                                                                                      {"cri-containerd", "containerd"},
                                                                                      {"nerdctl", "containerd"},
                                                                                      {"crio", "cri-o"},
                                                                                      {"libpod", "podman"},
                                                                                      {"libpod-payload", "podman"}}};
    remove_suffix(part, ".scope");
    if (part.size() < kIdLength) return;
    const std::string_view id = part.substr(part.size() - kIdLength);
    if (!is_hex(id)) return;
    std::string_view before = part.substr(0, part.size() - kIdLength);
    std::string_view runtime;
    if (before.empty()) {
        runtime = parent == "docker" ? "docker" : "container";
    } else {
        before.remove_suffix(1);  // `-` or `:`
        before = before.substr(before.rfind(':') + 1);
        for (const auto& [prefix, name] : kPrefixes) {
            if (before == prefix) runtime = name;
        }
    }
    if (runtime.empty()) return;  // `libpod-conmon-<id>` and the like: beside a container, not in it
    place.runtime = runtime;
    place.container_id = id;
}

/// `kubepods-burstable-pod<uid with underscores>.slice` or `pod<uid>`.
void read_pod(std::string_view part, ProcessPlace& place) {
    constexpr std::string_view kPod = "pod";
    const bool slice = remove_suffix(part, ".slice");
    if (slice && !part.starts_with("kubepods")) return;
    const std::size_t dash = part.rfind('-');
    std::string_view word = slice && dash != std::string_view::npos ? part.substr(dash + 1) : part;
    if (!word.starts_with(kPod)) return;
    word.remove_prefix(kPod.size());
    std::string uid{word};
    std::replace(uid.begin(), uid.end(), '_', '-');
    constexpr std::size_t kUidLength = 36;
    constexpr std::size_t kStaticPodLength = 32;  // the kubelet names a static pod by the hash of its file
    const bool digits_only = uid.find_first_not_of("0123456789abcdef-") == std::string::npos;
    if (digits_only && (uid.size() == kUidLength || uid.size() == kStaticPodLength)) place.pod_uid = std::move(uid);
}

ProcessPlace place_in(std::string_view path) {
    ProcessPlace place;
    std::string_view scope;
    std::string_view parent;
    for (const std::string_view part : split(path, '/')) {
        read_container(part, parent, place);
        // `<slice>:cri-containerd:<id>` names the pod in front of its colon.
        read_pod(part.substr(0, part.find(':')), place);
        if (place.unit.empty() && part.ends_with(".service")) place.unit = part;
        if (part.ends_with(".scope")) scope = part;
        parent = part;
    }
    if (place.unit.empty() && place.container_id.empty()) place.unit = scope;
    return place;
}

}  // namespace

ProcessPlace parse_process_cgroup(std::string_view text) {
    ProcessPlace best;
    for (const std::string_view line : split(text, '\n')) {
        // 4:memory:/system.slice/foo.service
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        ProcessPlace place = place_in(line.substr(second + 1));
        if (best.unit.empty()) best.unit = place.unit;
        if (best.pod_uid.empty()) best.pod_uid = place.pod_uid;
        if (best.container_id.empty()) {
            best.runtime = place.runtime;
            best.container_id = place.container_id;
        }
    }
    return best;
}

}  // namespace overdrive
