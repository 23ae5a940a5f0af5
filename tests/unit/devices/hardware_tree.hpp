#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "support/temporary_root.hpp"

namespace overdrive {

/// A sysfs as the machine of a file in tests/data/hardware has it. Attributes of real files; no links, no devices'
/// other files.
class HardwareTree {
public:
    explicit HardwareTree(const std::string& name) {
        std::ifstream file{std::string{HARDWARE_DIRECTORY} + "/" + name};
        if (!file) throw std::runtime_error{"no file " + name};
        for (std::string line; std::getline(file, line);) add(line);
    }

    [[nodiscard]] const Root& root() const { return tree_.root(); }
    [[nodiscard]] const TemporaryRoot& tree() const { return tree_; }

private:
    static std::string directory_of(const std::string& address) { return "sys/bus/pci/devices/" + address + "/"; }

    void add(const std::string& line) {
        if (line.empty() || line.front() == '#') return;
        line.front() == '+' ? add_more(line.substr(2)) : add_function(line);
    }

    /// `0000:05:00.0 Bridge [0680]: NVIDIA Corporation GH100 [H100 NVSwitch] [10de:22a3] (rev a1)`
    void add_function(const std::string& line) {
        const std::string place = directory_of(line.substr(0, line.find(' ')));
        const std::size_t device_class = line.find(" [") + 2;
        const std::size_t ids = line.rfind(":", line.rfind(']')) - 4;
        tree_.write(place + "class", "0x" + line.substr(device_class, 4) + "00\n");
        tree_.write(place + "vendor", "0x" + line.substr(ids, 4) + "\n");
        tree_.write(place + "device", "0x" + line.substr(ids + 5, 4) + "\n");
    }

    void add_more(const std::string& text) {
        std::istringstream words{text};
        std::string kind;
        std::string subject;
        words >> kind >> subject >> std::ws;
        if (kind == "module") tree_.write("sys/module/" + subject + "/initstate", "live\n");
        std::string rest;
        std::getline(words, rest);
        if (kind == "vpd") tree_.write(directory_of(subject) + "vpd", std::string("\x82\x10\0", 3) + rest);
        if (kind == "file") tree_.write(subject.substr(1), rest + "\n");
        if (kind != "port") return;
        std::istringstream port{rest};
        std::string device;
        std::string gid;
        std::string mask;
        port >> device >> gid >> mask;
        const std::string place = directory_of(subject) + "infiniband/" + device + "/ports/1/";
        tree_.write(place + "gids/0", gid + "\n");
        tree_.write(place + "cap_mask", mask + "\n");
    }

    TemporaryRoot tree_;
};

}  // namespace overdrive
