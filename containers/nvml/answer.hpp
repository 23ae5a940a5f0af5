#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace overdrive::nvml {

/// The JSON document that the program prints: made whole before a byte of it is written, so that what is read is either
/// all of an answer or a reason why there is none.
class Answer {
public:
    /// `{`, `[`, `}` or `]`; what comes before it, a comma where one is due, is its own matter.
    void open(char bracket);
    void close(char bracket);
    void key(std::string_view name);
    void number(unsigned value);
    void boolean(bool value);
    /// Anything but printable ASCII becomes a question mark: UUIDs, addresses and models have nothing else.
    void text(std::string_view value);

    /// Whether all fitted.
    [[nodiscard]] bool is_whole() const noexcept { return !overflowed_; }
    /// Writes it and a newline to standard output. @return whether that worked
    [[nodiscard]] bool write() const;

private:
    void put(char byte);
    void put(std::string_view bytes);
    void separate();

    std::array<char, 256UL << 10U> bytes_{};
    std::size_t size_ = 0;
    bool overflowed_ = false;
    bool comma_ = false;  ///< the next value stands after another
};

}  // namespace overdrive::nvml
