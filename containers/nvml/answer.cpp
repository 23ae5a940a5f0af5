#include "nvml/answer.hpp"

#include <unistd.h>

namespace overdrive::nvml {

void Answer::open(char bracket) {
    separate();
    put(bracket);
    comma_ = false;
}

void Answer::close(char bracket) {
    put(bracket);
    comma_ = true;
}

void Answer::key(std::string_view name) {
    text(name);
    put(':');
    comma_ = false;
}

void Answer::number(unsigned value) {
    separate();
    std::array<char, 10> digits{};
    std::size_t at = digits.size();
    do {
        digits[--at] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put({digits.data() + at, digits.size() - at});
    comma_ = true;
}

void Answer::boolean(bool value) {
    separate();
    put(value ? "true" : "false");
    comma_ = true;
}

void Answer::text(std::string_view value) {
    separate();
    put('"');
    for (const char byte : value) {
        if (byte == '"' || byte == '\\') put('\\');
        put(byte >= ' ' && byte <= '~' ? byte : '?');
    }
    put('"');
    comma_ = true;
}

bool Answer::write() const {
    const std::array<std::string_view, 2> parts{std::string_view{bytes_.data(), size_}, "\n"};
    for (std::string_view left : parts) {
        while (!left.empty()) {
            const ssize_t written = ::write(STDOUT_FILENO, left.data(), left.size());
            if (written <= 0) return false;
            left.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    return true;
}

void Answer::put(char byte) { put(std::string_view{&byte, 1}); }

void Answer::put(std::string_view bytes) {
    overflowed_ = overflowed_ || bytes.size() > bytes_.size() - size_;
    if (overflowed_) return;
    for (const char byte : bytes) bytes_[size_++] = byte;
}

void Answer::separate() {
    if (comma_) put(',');
    comma_ = false;
}

}  // namespace overdrive::nvml
