#pragma once

#include <string>

#include "store/store.hpp"
#include "support/sha256.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {

/// A small driver.json for `driver` on kernel 6.1.0-1-test: two required modules, one optional, one node, one library.
inline DriverManifest small_manifest(const std::string& driver, const std::string& os_key = "4081.2.1",
                                     const std::string& kernel = "6.1.0-1-test") {
    const DriverId id = DriverId::parse(driver);
    const std::string version{id.version()};
    const std::string modules = "lib/modules/" + kernel + "/";
    DriverManifest manifest{
        .driver = id,
        .driver_version = version,
        .module_type = "stand-in",
        .os_id = "coreos",
        .os_version_id = "4081.2.1",
        .os_key = os_key,
        .architecture = "x86_64",
        .kernel_release = kernel,
        .vermagic = kernel + " SMP mod_unload ",
        .build_id = {},
        .config_sha256 = {},
        .flavour = "test",
        .signer = {},
        .modules = {{"nvidia", modules + "nvidia.ko", version, {}, {}, true, true},
                    {"nvidia-uvm", modules + "nvidia-uvm.ko", version, {"nvidia"}, {}, true, true},
                    {"nvidia-drm", modules + "nvidia-drm.ko", version, {"nvidia"}, {}, false, true}},
        .prerequisites = {"drm"},
        .firmware = {"nvidia/" + version + "/gsp_tu10x.bin"},
        .device_nodes = {{"nvidiactl", "nvidia", 255, 0666}},
        .daemons = {},
        .programs = {"nvidia-smi"},
        .libraries = {"libcuda.so.1"},
        .user_space_layer = {},
        .files = {}};
    return manifest;
}

/// Publishes a generation that consists of its driver.json.
inline Pair install_small_driver(const Root& root, const DriverManifest& manifest) {
    Store store{root};
    store.prepare();
    Staging staging = store.make_staging();
    const std::string json = manifest.to_json();
    root.write_file(staging.path() + "/driver.json", json);
    store.publish(std::move(staging), {.pair = manifest.pair(),
                                       .kernel_release = manifest.kernel_release,
                                       .manifest_digest = {},
                                       .reference = "test",
                                       .driver_json_digest = Digest::from_hex(sha256_hex(json)),
                                       .installed_at = std::chrono::seconds{1},
                                       .size_bytes = 1,
                                       .layers = {}});
    return manifest.pair();
}

}  // namespace overdrive
