#include "support/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>

namespace overdrive {

namespace {

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());  // the C API's byte type
}

bool is_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a NUL
    const int length = EVP_EncodeBlock(bytes_of(out), bytes_of(bytes), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(length));
    return out;
}

std::optional<std::string> decode_base64(std::string_view text) {
    const std::size_t padding = text.ends_with("==") ? 2 : (text.ends_with('=') ? 1 : 0);
    // EVP_DecodeBlock forgives white space, and '=' as a digit.
    if (text.size() % 4 != 0 || !std::all_of(text.begin(), text.end() - static_cast<std::ptrdiff_t>(padding), is_digit))
        return std::nullopt;
    std::string out(text.size() / 4 * 3, '\0');
    const int length = EVP_DecodeBlock(bytes_of(out), bytes_of(text), static_cast<int>(text.size()));
    if (length < 0 || static_cast<std::size_t>(length) != out.size()) return std::nullopt;
    out.resize(out.size() - padding);
    return out;
}

}  // namespace overdrive
