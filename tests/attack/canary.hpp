#pragma once

#include <string>
#include <vector>

namespace overdrive {

/// A directory beside the staging tree that no write may reach: files of the names that the victims write and remove.
class Canary {
public:
    /// Makes it. @param path absolute
    explicit Canary(std::string path);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// What changed since it was made or last put back: one line for each, empty when it is untouched.
    [[nodiscard]] std::vector<std::string> changes() const;
    /// Makes it as at first.
    void put_back();

private:
    [[nodiscard]] std::vector<std::string> look() const;

    std::string path_;
    std::vector<std::string> before_;
};

}  // namespace overdrive
