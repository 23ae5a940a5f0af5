#include "attack/canary.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "attack/victims.hpp"

namespace overdrive {

namespace fs = std::filesystem;

namespace {

std::string line_of(const fs::path& path) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) return fmt::format("{}: gone", path.string());
    return fmt::format("{}: inode {} mode {:o} owner {} links {} size {} changed {}.{}", path.string(), status.st_ino,
                       status.st_mode, status.st_uid, status.st_nlink, status.st_size, status.st_ctim.tv_sec,
                       status.st_ctim.tv_nsec);
}

}  // namespace

Canary::Canary(std::string path) : path_{std::move(path)} { put_back(); }

void Canary::put_back() {
    fs::remove_all(path_);
    fs::create_directories(path_);
    for (const char* name : kAttackedNames) std::ofstream{fs::path{path_} / name} << "canary";
    fs::permissions(path_, fs::perms{0700});
    before_ = look();
}

std::vector<std::string> Canary::look() const {
    std::vector<std::string> lines{line_of(path_)};
    for (const auto& entry : fs::directory_iterator{path_}) lines.push_back(line_of(entry.path()));
    std::sort(lines.begin(), lines.end());
    return lines;
}

std::vector<std::string> Canary::changes() const {
    const std::vector<std::string> now = look();
    std::vector<std::string> changed;
    std::set_difference(now.begin(), now.end(), before_.begin(), before_.end(), std::back_inserter(changed));
    std::set_difference(before_.begin(), before_.end(), now.begin(), now.end(), std::back_inserter(changed));
    return changed;
}

}  // namespace overdrive
