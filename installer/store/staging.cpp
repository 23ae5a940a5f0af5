#include "store/staging.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "support/error.hpp"

namespace overdrive {

Staging::Staging(const Root& root, std::string path)
    : root_{&root}, path_{std::move(path)}, fd_{root.open(path_, O_RDONLY | O_DIRECTORY)} {
    // Shared: whoever takes the tree over holds it as well. It says no more than that somebody lives who needs it, so a
    // file system without locks is no reason to stop.
    static_cast<void>(flock(fd_.get(), LOCK_SH | LOCK_NB));
}

bool Staging::is_in_use(const Root& root, const std::string& path) {
    const auto directory = root.open_if_exists(path, O_RDONLY | O_DIRECTORY);
    return directory && flock(directory->get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Staging::Staging(Staging&& other) noexcept
    : root_{std::exchange(other.root_, nullptr)}, path_{std::move(other.path_)}, fd_{std::move(other.fd_)} {}

Staging& Staging::operator=(Staging&& other) noexcept {
    if (this != &other) {
        discard();
        root_ = std::exchange(other.root_, nullptr);
        path_ = std::move(other.path_);
        fd_ = std::move(other.fd_);
    }
    return *this;
}

Staging::~Staging() { discard(); }

std::string Staging::id() const { return path_.substr(path_.rfind('/') + 1); }

void Staging::discard() noexcept {
    if (root_ == nullptr) return;
    try {
        root_->remove_tree(path_);
    } catch (const std::exception&) {  // what stays is removed by the next run (remove_stale_staging)
    }
    root_ = nullptr;
}

}  // namespace overdrive
