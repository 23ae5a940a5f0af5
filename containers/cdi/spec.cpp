#include "cdi/spec.hpp"

namespace overdrive {

namespace {

template <typename Item>
void add_all(std::vector<Item>& to, const std::vector<Item>& from) {
    to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

bool CdiEdits::empty() const noexcept {
    return env.empty() && device_nodes.empty() && net_devices.empty() && hooks.empty() && mounts.empty() &&
           !intel_rdt && additional_gids.empty();
}

void CdiEdits::append(const CdiEdits& other) {
    add_all(env, other.env);
    add_all(device_nodes, other.device_nodes);
    add_all(net_devices, other.net_devices);
    add_all(hooks, other.hooks);
    add_all(mounts, other.mounts);
    if (other.intel_rdt) intel_rdt = other.intel_rdt;
    add_all(additional_gids, other.additional_gids);
}

}  // namespace overdrive
