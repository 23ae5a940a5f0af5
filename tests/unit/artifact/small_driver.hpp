#pragma once

#include <sys/stat.h>

#include <string>

#include "builder-images/artifact/pack.hpp"
#include "support/temporary_root.hpp"

namespace overdrive {

/// The inputs of `pack` in a temporary directory: a small driver for one kernel.
class SmallDriver {
public:
    explicit SmallDriver(std::string kernel = "6.1.0-1-test") : kernel_{std::move(kernel)} {
        script("program/bin/overdrive", "#!/bin/sh\n");
        file("program/lib/overdrive/libc.so.6", "libc");
        script("user/bin/nvidia-smi", "smi");
        script("user/bin/nvidia-persistenced", "persistenced");
        file("user/lib64/libcuda.so.900.1.0", std::string(300'000, 'c'));
        link("user/lib64/libcuda.so.1", "libcuda.so.900.1.0");
        link("user/lib64/libcuda.so", "libcuda.so.1");
        file("user/lib64/nvidia.note", "not a shared object");
        file("user/lib64/vdpau/libvdpau_nvidia.so", "in a sub-directory");
        link("user/lib64/vdpau/libcuda.so", "../libcuda.so.1");
        file("user/lib/firmware/nvidia/900.1.0/gsp_tu10x.bin", "firmware");
        file("user/etc/OpenCL/vendors/nvidia.icd", "libnvidia-opencl.so.1\n");
        file("modules/lib/modules/" + kernel_ + "/nvidia.ko", "module for " + kernel_);
        file("describe.json", describe());
    }

    void file(const std::string& path, const std::string& content) const { root_.write(path, content); }
    void script(const std::string& path, const std::string& content) const {
        root_.write(path, content);
        std::filesystem::permissions(at(path), std::filesystem::perms{0755});
    }
    void link(const std::string& path, const std::string& target) const {
        std::filesystem::create_directories(at(path).parent_path());
        std::filesystem::create_symlink(target, at(path));
    }
    [[nodiscard]] std::filesystem::path at(const std::string& path) const {
        return std::filesystem::path{root_.path()} / path;
    }

    /// describe.json with `more` as its last members.
    [[nodiscard]] std::string describe(const std::string& more = R"("signer": null)") const {
        return R"({"schema": 1, "min_reader": 1, "driver": "900.1.0", "driver_version": "900.1.0",
            "module_type": "stand-in", "os": {"id": "debian", "version_id": "12", "key": "12-)" +
               kernel_ + R"("}, "architecture": "x86_64",
            "kernel": {"release": ")" +
               kernel_ + R"(", "vermagic": ")" + kernel_ +
               R"( SMP ", "build_id": null, "config_sha256": null, "flavour": ""},
            "modules": [{"name": "nvidia", "path": "lib/modules/)" +
               kernel_ + R"(/nvidia.ko", "version": "900.1.0", "depends": [], "parameters": {}}],
            "prerequisites": [], "firmware": ["nvidia/900.1.0/gsp_tu10x.bin"], "device_nodes": [],
            "daemons": [{"name": "nvidia-persistenced", "program": "bin/nvidia-persistenced", "version": "1"}],
            )" +
               more + "}";
    }

    [[nodiscard]] PackOptions options(const std::string& output = "layout") const {
        return {.describe = at("describe.json"),
                .program = at("program"),
                .user_space = at("user"),
                .modules = at("modules"),
                .output = at(output),
                .tag = {},
                .sign_key = {},
                .signature = {},
                .public_key = {},
                .layer_cache = {}};
    }

    [[nodiscard]] PackedImage pack(const std::string& output = "layout") const {
        return overdrive::pack(options(output), [](std::string_view /*line*/) {});
    }

    [[nodiscard]] const std::string& kernel() const { return kernel_; }
    [[nodiscard]] const TemporaryRoot& root() const { return root_; }

private:
    std::string kernel_;
    TemporaryRoot root_;
};

}  // namespace overdrive
