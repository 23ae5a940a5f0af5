#include "archive/byte_queue.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace overdrive {
namespace {

std::string drain(ByteQueue& queue) {
    std::string all;
    for (std::string_view part = queue.next(); !part.empty(); part = queue.next()) all += part;
    return all;
}

TEST(ByteQueue, GivesTheBytesInOrderThroughFewSmallBuffers) {
    ByteQueue queue{3, 7};
    std::string sent;
    for (int i = 0; i < 5000; ++i) sent += std::to_string(i);
    std::jthread producer{[&] {
        for (std::size_t at = 0; at < sent.size(); at += 11) queue.append(std::string_view{sent}.substr(at, 11));
        queue.end(true);
    }};
    EXPECT_EQ(drain(queue), sent);
    EXPECT_TRUE(queue.complete());
}

TEST(ByteQueue, TellsAnEarlyEndFromTheEnd) {
    ByteQueue queue{3, 4};
    queue.append("abcdef");
    queue.end(false);
    EXPECT_EQ(drain(queue), "abcd");  // the half buffer is lost, and nobody is told that it was the end
    EXPECT_FALSE(queue.complete());
}

TEST(ByteQueue, WakesAProducerThatWaitsWhenTheConsumerStops) {
    ByteQueue queue{2, 4};
    bool closed = false;
    std::jthread producer{[&] {
        try {
            while (true) queue.append("abcd");
        } catch (const QueueClosed&) {
            closed = true;
        }
    }};
    static_cast<void>(queue.next());
    queue.close(ByteQueue::AfterClose::stop);
    producer.join();
    EXPECT_TRUE(closed);
}

TEST(ByteQueue, LetsAProducerRunToItsEndWhenTheConsumerDiscards) {
    ByteQueue queue{2, 4};
    int sent = 0;
    std::jthread producer{[&] {
        for (; sent < 1000; ++sent) queue.append("abcd");
        queue.end(true);
    }};
    static_cast<void>(queue.next());
    queue.close(ByteQueue::AfterClose::discard);
    producer.join();
    EXPECT_EQ(sent, 1000);
    EXPECT_TRUE(queue.next().empty());
}

TEST(ByteQueue, WakesAConsumerThatWaitsWhenItIsClosedFromElsewhere) {
    ByteQueue queue{2, 4};
    std::jthread closer{[&] { queue.close(ByteQueue::AfterClose::stop); }};
    EXPECT_TRUE(queue.next().empty());
}

TEST(ByteQueue, StopsAProducerThatOnlyLooks) {
    ByteQueue queue{2, 4};
    queue.append("");
    queue.close(ByteQueue::AfterClose::stop);
    EXPECT_THROW(queue.append(""), QueueClosed);
}

}  // namespace
}  // namespace overdrive
