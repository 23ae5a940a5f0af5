#pragma once

#include <string>

namespace overdrive {

/// A key pair in PEM, made for one test.
struct TestKey {
    std::string private_pem;
    std::string public_pem;
};

/// @param type `ED25519`, `RSA` or the name of an elliptic curve
[[nodiscard]] TestKey make_test_key(const std::string& type);

}  // namespace overdrive
