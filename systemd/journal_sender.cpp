#include "systemd/journal_sender.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

namespace overdrive {

namespace {

constexpr const char* kSocket = "/run/systemd/journal/socket";
/// More is passed in a file: a datagram's limit depends on the host's net.core.wmem_max.
constexpr std::size_t kMostDatagram = 32U << 10U;

/// As journald takes names: upper case, digits and `_`, not beginning with either of the last two, at most 64.
bool is_field_name(std::string_view name) {
    constexpr std::size_t kMost = 64;
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    return !name.empty() && name.size() <= kMost && is_upper(name.front()) &&
           std::all_of(name.begin(), name.end(),
                       [&](char c) { return is_upper(c) || (c >= '0' && c <= '9') || c == '_'; });
}

/// `NAME=value`, or, for a value of several lines, the name, its length as 64 bits little endian, and the value.
void add_field(std::string& out, std::string_view name, std::string_view value) {
    if (!is_field_name(name)) return;
    out += name;
    if (value.find('\n') == std::string_view::npos) {
        out += '=';
    } else {
        out += '\n';
        std::uint64_t length = value.size();
        for (unsigned byte = 0; byte < sizeof(length); ++byte, length >>= 8U)
            out += static_cast<char>(static_cast<unsigned char>(length & 0xffU));
    }
    out += value;
    out += '\n';
}

std::string serialized(const LogEntry& entry) {
    std::string out;
    add_field(out, "MESSAGE", entry.message);
    add_field(out, "PRIORITY", fmt::format("{}", entry.priority));
    add_field(out, "SYSLOG_IDENTIFIER", "overdrive");
    if (!entry.message_id.empty()) add_field(out, "MESSAGE_ID", entry.message_id);
    for (const auto& [name, value] : entry.fields) add_field(out, name, value);
    return out;
}

/// A sealed file without a name that holds `text`; journald takes no other.
UniqueFd hold_sealed(std::string_view text) {
    UniqueFd file{memfd_create("journal entry", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!file) return {};
    write_all(file.get(), text, "a journal entry");
    if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) return {};
    return file;
}

/// An empty datagram that carries a descriptor. @see unix(7), SCM_RIGHTS
bool send_file(int socket, const sockaddr_un& to, int file) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    sockaddr_un address = to;
    msghdr message{};
    message.msg_name = &address;
    message.msg_namelen = sizeof(address);
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &file, sizeof(file));
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void deliver(const Root& root, const std::string& datagram) {
    // The socket is found inside the root and addressed through the descriptor: its path may be too long, and its links
    // are the root's.
    const auto place = root.open_if_exists(kSocket, O_PATH);
    if (!place) return;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    const std::string path = fmt::format("/proc/self/fd/{}", place->get());
    std::copy(path.begin(), path.end(), std::begin(to.sun_path));
    const UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket) return;
    if (datagram.size() <= kMostDatagram) {
        const auto* address = reinterpret_cast<const sockaddr*>(&to);  // NOLINT(*-reinterpret-cast): sendto(2)
        if (sendto(socket.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL, address, sizeof(to)) >=
            0)
            return;
    }
    const UniqueFd file = hold_sealed(datagram);
    if (file) static_cast<void>(send_file(socket.get(), to, file.get()));
}

}  // namespace

void JournalSender::send(const LogEntry& entry) const noexcept {
    try {
        deliver(root_, serialized(entry));
    } catch (const std::exception&) {  // a journal that does not take it is no reason to do anything else
        return;
    }
}

}  // namespace overdrive
