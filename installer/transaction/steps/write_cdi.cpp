#include "transaction/steps/write_cdi.hpp"

namespace overdrive {

namespace {

void put(const Root& root, const std::string& path, const std::optional<std::string>& text) {
    if (!text) {
        root.remove(path);
        return;
    }
    root.make_directories(path.substr(0, path.rfind('/')));
    root.write_file(path, *text);
}

}  // namespace

WriteCdi::WriteCdi(const Root& root, std::string path, Make make)
    : root_{root}, path_{std::move(path)}, make_{std::move(make)} {}

bool WriteCdi::apply() {
    const std::optional<std::string> text = make_();
    before_ = root_.read_file(path_);
    if (text == before_) return false;
    changed_ = true;
    put(root_, path_, text);
    return true;
}

void WriteCdi::undo() {
    if (changed_) put(root_, path_, before_);
}

void WithdrawCdi::prepare() { before_ = root_.read_file(path_); }

void WithdrawCdi::undo() {
    if (before_ && !root_.exists(path_)) put(root_, path_, before_);
}

}  // namespace overdrive
