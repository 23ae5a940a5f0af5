#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "hook/container_root.hpp"

namespace overdrive {

/// A container root in a temporary directory, with a directory beside it that stands for the host: `host()` must never
/// change.
class ContainerTree {
public:
    ContainerTree() : top_{make()}, root_{ContainerRoot::open_path(path().string())} {}
    ContainerTree(const ContainerTree&) = delete;
    ContainerTree& operator=(const ContainerTree&) = delete;
    ~ContainerTree() {
        std::error_code ignored;
        std::filesystem::remove_all(top_, ignored);
    }

    [[nodiscard]] const ContainerRoot& root() const { return root_; }
    [[nodiscard]] std::filesystem::path path(const std::string& inside = "") const { return top_ / "rootfs" / inside; }
    [[nodiscard]] std::filesystem::path host() const { return top_ / "host"; }
    [[nodiscard]] bool host_is_untouched() const { return std::filesystem::is_empty(host()); }

    void write(const std::string& inside, const std::string& content) const {
        std::filesystem::create_directories(path(inside).parent_path());
        std::ofstream{path(inside), std::ios::binary} << content;
    }
    void link(const std::string& inside, const std::filesystem::path& target) const {
        std::filesystem::create_directories(path(inside).parent_path());
        std::filesystem::create_symlink(target, path(inside));
    }
    [[nodiscard]] std::string read(const std::string& inside) const {
        std::ifstream file{path(inside), std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    /// The drop-in of the linker's configuration whose name begins with `prefix`; "" when there is none, or more than
    /// one.
    [[nodiscard]] std::string drop_in(const std::string& prefix) const {
        std::string text;
        int count = 0;
        for (const std::string& name : root_.list("/etc/ld.so.conf.d")) {
            if (!name.starts_with(prefix)) continue;
            text = read("etc/ld.so.conf.d/" + name);
            ++count;
        }
        return count == 1 ? text : "";
    }

private:
    static std::filesystem::path make() {
        std::string pattern = (std::filesystem::temp_directory_path() / "overdrive-hook-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"mkdtemp failed"};
        std::filesystem::create_directory(pattern + "/rootfs");
        std::filesystem::create_directory(pattern + "/host");
        return pattern;
    }

    std::filesystem::path top_;
    ContainerRoot root_;
};

}  // namespace overdrive
