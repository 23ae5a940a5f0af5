#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "support/root.hpp"

namespace overdrive {

/// A host root in a temporary directory, removed at the end.
class TemporaryRoot {
public:
    TemporaryRoot() : directory_{make()}, root_{directory_} {}
    TemporaryRoot(const TemporaryRoot&) = delete;
    TemporaryRoot& operator=(const TemporaryRoot&) = delete;
    ~TemporaryRoot() {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    [[nodiscard]] const Root& root() const { return root_; }
    [[nodiscard]] const std::string& path() const { return directory_; }

    void write(const std::string& path, const std::string& content) const {
        const std::filesystem::path file = std::filesystem::path{directory_} / path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream{file, std::ios::binary} << content;
    }

    /// Every file and link below `path` with its content or target, to compare before and after.
    [[nodiscard]] std::map<std::string, std::string> tree(const std::string& path = "") const {
        std::map<std::string, std::string> out;
        const std::filesystem::path top = std::filesystem::path{directory_} / path;
        if (!std::filesystem::exists(top)) return out;
        for (const auto& entry : std::filesystem::recursive_directory_iterator{top}) {
            const std::string name = entry.path().lexically_relative(directory_).string();
            if (entry.is_symlink()) {
                out[name] = "-> " + std::filesystem::read_symlink(entry.path()).string();
            } else if (entry.is_directory()) {
                out[name] = "/";
            } else {
                out[name] = root_.read_file(name).value_or("");
            }
        }
        return out;
    }

private:
    static std::string make() {
        std::string pattern = (std::filesystem::temp_directory_path() / "overdrive-test-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"mkdtemp failed"};
        return pattern;
    }

    std::string directory_;
    Root root_;
};

}  // namespace overdrive
