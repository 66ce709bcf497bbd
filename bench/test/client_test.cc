#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/client/event_reader.h"
#include "bench/client/histogram.h"
#include "bench/client/response_decoder.h"

namespace stream_llm::bench {
namespace {

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    "C\r\nretry:2000\n\n\r\n"
    "1b;name=value\r\n:comment\n\nid:1\ndata:one\n\nda\r\n"
    "10\r\nta: two\ndata:2\n\n\r\n"
    "0\r\n\r\n";

// The data of the events in `response`, fed in pieces of `size` bytes.
std::vector<std::string> Events(std::string_view response, size_t size, ResponseDecoder* decoder) {
  EventReader reader;
  std::vector<std::string> events;
  for (size_t i = 0; i < response.size(); i += size) {
    decoder->Feed(response.substr(i, size), [&](std::string_view body) {
      reader.Feed(body, [&](std::string_view data) { events.emplace_back(data); });
    });
  }
  return events;
}

TEST(BenchClientTest, FindsTheSameEventsHoweverTheResponseIsCut) {
  for (size_t size = 1; size <= kResponse.size(); ++size) {
    ResponseDecoder decoder;
    EXPECT_EQ(Events(kResponse, size, &decoder), (std::vector<std::string>{"one", " two"}));
    EXPECT_TRUE(decoder.ended());
  }
}

TEST(BenchClientTest, RefusesWhatIsNotAChunkedStream) {
  ResponseDecoder refused;
  Events("HTTP/1.1 503 Service Unavailable\r\n\r\n", 7, &refused);
  EXPECT_TRUE(refused.failed());
  EXPECT_EQ(refused.head(), "http/1.1 503 service unavailable");

  ResponseDecoder broken;
  Events("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX", 9, &broken);
  EXPECT_TRUE(broken.failed());
}

TEST(BenchClientTest, ReadsTheStampOfTheServers) {
  auto stamp = ReadStamp(R"( {"seq":12,"at":345,"text":"x"})");
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->sequence, 12);
  EXPECT_EQ(stamp->sent_at, 345);
  EXPECT_FALSE(ReadStamp("hello"));
  EXPECT_FALSE(ReadStamp(R"({"seq":,"at":1})"));
}

TEST(BenchClientTest, PercentilesAreRightToOne64th) {
  Histogram histogram;
  EXPECT_EQ(histogram.Percentile(0.5), 0);
  for (uint64_t i = 1; i <= 100'000; ++i) histogram.Add(i * 1000);
  EXPECT_EQ(histogram.count(), 100'000);
  EXPECT_NEAR(static_cast<double>(histogram.Percentile(0.5)), 50e6, 50e6 / 64);
  EXPECT_NEAR(static_cast<double>(histogram.Percentile(0.99)), 99e6, 99e6 / 64);
  EXPECT_EQ(histogram.Percentile(1), 100'000'000);
  histogram.Add(~uint64_t{0});
  EXPECT_EQ(histogram.max(), ~uint64_t{0});
  EXPECT_EQ(histogram.Percentile(1), ~uint64_t{0});
}

}  // namespace
}  // namespace stream_llm::bench
