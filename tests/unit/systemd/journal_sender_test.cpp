#include "systemd/journal_sender.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "support/temporary_root.hpp"

namespace overdrive {
namespace {

/// Receives in the place of journald, below a temporary root.
class Receiver {
public:
    explicit Receiver(const TemporaryRoot& directory)
        : socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
        directory.root().make_directories("run/systemd/journal");
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = directory.path() + "/run/systemd/journal/socket";
        std::copy(path.begin(), path.end(), std::begin(address.sun_path));
        if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)  // NOLINT
            throw std::runtime_error{"bind failed"};
    }

    struct Datagram {
        std::string text;
        UniqueFd file;
    };
    Datagram receive() const {
        std::array<char, 65536> buffer{};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        iovec part{buffer.data(), buffer.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const ssize_t got = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
        Datagram datagram;
        if (got > 0) datagram.text.assign(buffer.data(), static_cast<std::size_t>(got));
        if (const cmsghdr* header = CMSG_FIRSTHDR(&message); got >= 0 && header != nullptr) {
            int file = -1;
            std::memcpy(&file, CMSG_DATA(header), sizeof(file));
            datagram.file = UniqueFd{file};
        }
        return datagram;
    }

private:
    UniqueFd socket_;
};

LogEntry entry() {
    return {.priority = 4,
            .message = "NVIDIA driver: degraded",
            .message_id = "25eb869079fb41eb8243c510adcdbe1c",
            .fields = {{"OVERDRIVE_STATE", "degraded"}}};
}

TEST(JournalSenderTest, FieldsAreLinesAsJournaldReadsThem) {
    const TemporaryRoot root;
    const Receiver journald{root};
    JournalSender{root.root()}.send(entry());
    EXPECT_EQ(journald.receive().text,
              "MESSAGE=NVIDIA driver: degraded\nPRIORITY=4\nSYSLOG_IDENTIFIER=overdrive\n"
              "MESSAGE_ID=25eb869079fb41eb8243c510adcdbe1c\nOVERDRIVE_STATE=degraded\n");
}

TEST(JournalSenderTest, AValueOfSeveralLinesCarriesItsLengthAndMakesNoFieldsOfItsOwn) {
    const TemporaryRoot root;
    const Receiver journald{root};
    LogEntry two_lines = entry();
    two_lines.message = "one\nPRIORITY=0";
    JournalSender{root.root()}.send(two_lines);
    EXPECT_THAT(journald.receive().text, testing::StartsWith(std::string{"MESSAGE\n"} + '\x0e' + std::string(7, '\0') +
                                                             "one\nPRIORITY=0\nPRIORITY=4\n"));
}

TEST(JournalSenderTest, AnEntryThatIsTooBigForADatagramIsPassedInASealedFile) {
    const TemporaryRoot root;
    const Receiver journald{root};
    LogEntry big = entry();
    big.message = std::string(300'000, 'x');
    JournalSender{root.root()}.send(big);
    const auto datagram = journald.receive();
    ASSERT_TRUE(datagram.file) << "got " << datagram.text.size() << " bytes";
    EXPECT_EQ(datagram.text, "");
    EXPECT_EQ(fcntl(datagram.file.get(), F_GET_SEALS) & (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW),
              F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
    ASSERT_EQ(lseek(datagram.file.get(), 0, SEEK_SET), 0);
    EXPECT_THAT(read_all(datagram.file.get(), "entry", 1U << 20U), testing::StartsWith("MESSAGE=xxx"));
}

TEST(JournalSenderTest, ANameThatJournaldWouldRefuseIsLeftOut) {
    const TemporaryRoot root;
    const Receiver journald{root};
    LogEntry odd = entry();
    odd.fields = {{"_TRUSTED", "no"}, {"lower", "no"}, {"", "no"}, {"A=B", "no"}, {"OVERDRIVE_STATE", "ready"}};
    JournalSender{root.root()}.send(odd);
    const std::string text = journald.receive().text;
    EXPECT_THAT(text, testing::EndsWith("\nOVERDRIVE_STATE=ready\n"));
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("no\n")));
}

TEST(JournalSenderTest, WithoutAJournalAnEntryIsDropped) {
    const TemporaryRoot root;
    EXPECT_NO_THROW(JournalSender{root.root()}.send(entry()));
    root.write("run/systemd/journal/socket", "no socket");
    EXPECT_NO_THROW(JournalSender{root.root()}.send(entry()));
}

TEST(JournalSenderTest, AFullQueueIsNotWaitedFor) {
    const TemporaryRoot root;
    const Receiver journald{root};
    for (int i = 0; i < 5000; ++i) JournalSender{root.root()}.send(entry());
    EXPECT_NE(journald.receive().text, "");
}

}  // namespace
}  // namespace overdrive
