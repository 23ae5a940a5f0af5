#pragma once

#include <array>
#include <string_view>

#include "nvml/api.hpp"

namespace overdrive::nvml {

/// NVML with the functions that are used. What does not work ends the program: it prints why and has status 1.
class Library {
public:
    /// Loads and initialises it. It is never unloaded: the program ends.
    /// @param path  of libnvidia-ml.so.1
    explicit Library(const char* path);

    using Text = std::array<char, kMostText>;

    void driver_version(Text& text) const;
    [[nodiscard]] unsigned gpu_count() const;
    [[nodiscard]] Device gpu(unsigned index) const;
    void uuid(Device device, Text& text) const;
    void model(Device device, Text& text) const;
    [[nodiscard]] unsigned minor_number(Device gpu) const;
    [[nodiscard]] PciInfo pci_info(Device gpu) const;
    /// Whether it is used by its instances only, now.
    [[nodiscard]] bool is_in_mig_mode(Device gpu) const;
    [[nodiscard]] unsigned most_instances(Device gpu) const;
    /// nullptr: there is none with this index.
    [[nodiscard]] Device instance(Device gpu, unsigned index) const;
    [[nodiscard]] unsigned gpu_instance(Device instance) const;
    [[nodiscard]] unsigned compute_instance(Device instance) const;

private:
    template <typename Function>
    void bind(const char* name, Function& function) const;
    void require(Status status, const char* function) const;
    unsigned number(GetNumber get, Device device, const char* function) const;

    void* handle_;
    ErrorText error_text_ = nullptr;
    GetDriverVersion driver_version_ = nullptr;
    GetCount count_ = nullptr;
    GetHandleByIndex gpu_ = nullptr;
    GetText uuid_ = nullptr;
    GetText name_ = nullptr;
    GetNumber minor_number_ = nullptr;
    GetPciInfo pci_info_ = nullptr;
    GetMigMode mig_mode_ = nullptr;
    GetNumber most_instances_ = nullptr;
    GetMigHandleByIndex instance_ = nullptr;
    GetNumber gpu_instance_ = nullptr;
    GetNumber compute_instance_ = nullptr;
};

/// Prints `{"schema":1,"error":"..."}` and ends the program with status 1.
/// @param status  of NVML; 0: there is none
[[noreturn]] void fail(std::string_view what, std::string_view why, Status status = kDone);

}  // namespace overdrive::nvml
