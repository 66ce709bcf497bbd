#include "src/wire/frame.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "src/wire/event_writer.h"
#include "src/wire/frame_builder.h"

namespace stream_llm {
namespace {

TEST(FrameTest, HoldsTheBytesItWasMadeOf) {
  const FrameRef frame = FormatRaw("data:hello\n\n");
  EXPECT_EQ(frame->body(), "data:hello\n\n");
}

TEST(FrameTest, IsAlsoOneChunkOfTheChunkedTransferCoding) {
  const FrameRef frame = FormatRaw("data:hello\n\n");
  EXPECT_EQ(frame->chunk(), "c\r\ndata:hello\n\n\r\n");
}

TEST(FrameTest, WritesTheChunkSizeInHexWithoutLeadingZeros) {
  for (const size_t size : {1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 65535, 65536, 1 << 20}) {
    const std::string body(size, 'x');
    char digits[16];
    char* const end = std::to_chars(digits, digits + sizeof digits, size, 16).ptr;
    EXPECT_EQ(FormatRaw(body)->chunk(), std::string(digits, end) + "\r\n" + body + "\r\n");
  }
}

TEST(FrameTest, HasNoChunkWhenEmptyBecauseItWouldEndTheResponse) {
  const FrameRef frame = FormatRaw("");
  EXPECT_EQ(frame->body(), "");
  EXPECT_EQ(frame->chunk(), "");
}

TEST(FrameTest, ShowsBodyAndChunkOfTheSameMemory) {
  const FrameRef frame = FormatRaw("body");
  EXPECT_EQ(frame->chunk().data() + std::string_view("4\r\n").size(), frame->body().data());
}

TEST(FrameTest, HoldsEveryByteValue) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  EXPECT_EQ(FormatRaw(bytes)->body(), bytes);
}

TEST(FrameRefTest, RefersToNothingAtFirst) { EXPECT_FALSE(FrameRef()); }

TEST(FrameRefTest, SharesTheFrameWithItsCopies) {
  const FrameRef frame = FormatRaw("shared");
  const FrameRef copy = frame;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_EQ(&*copy, &*frame);
}

TEST(FrameRefTest, KeepsTheFrameAliveWhenTheOriginalIsGone) {
  FrameRef copy;
  {
    const FrameRef frame = FormatRaw("shared");
    copy = frame;
  }
  EXPECT_EQ(copy->body(), "shared");
}

TEST(FrameRefTest, LeavesNothingBehindWhenMoved) {
  FrameRef frame = FormatRaw("moved");
  const FrameRef target = std::move(frame);
  EXPECT_FALSE(frame);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(target->body(), "moved");
}

TEST(FrameRefTest, CanBeAssignedToItself) {
  FrameRef frame = FormatRaw("kept");
  const FrameRef& same = frame;
  frame = same;
  EXPECT_EQ(frame->body(), "kept");
}

TEST(FrameRefTest, LetsGoOfTheFrameItReferredTo) {
  FrameRef frame = FormatRaw("first");
  frame = FormatRaw("second");
  EXPECT_EQ(frame->body(), "second");
  frame = FrameRef();
  EXPECT_FALSE(frame);
}

// For ThreadSanitizer: the last thread to let go frees what the others have read.
TEST(FrameRefTest, MayBeCopiedAndReadByManyThreads) {
  FrameRef frame = FormatRaw("from every thread");
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([mine = frame] {
      for (int copies = 0; copies < 1000; ++copies) {
        FrameRef copy;
        copy = mine;
        ASSERT_EQ(copy->body(), "from every thread");
      }
    });
  }
  frame = FrameRef();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace stream_llm
