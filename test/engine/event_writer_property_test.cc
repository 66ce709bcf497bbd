#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/wire/event_writer.h"
#include "src/wire/frame_builder.h"
#include "test/engine/choices.h"
#include "test/engine/event_stream_parser.h"
#include "test/engine/sent_event.h"

namespace stream_llm {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

void ExpectNothingElse(const EventStream& stream) {
  EXPECT_THAT(stream.unknown_lines, IsEmpty());
  EXPECT_EQ(stream.retry, std::nullopt);
  EXPECT_TRUE(stream.complete);
}

class EventWriterPropertyTest : public testing::TestWithParam<uint64_t> {};

TEST_P(EventWriterPropertyTest, IsReadBackAsOneEqualEvent) {
  SeededChoices choices(GetParam(), 500);
  for (size_t step = 0; choices.More() && !HasFailure(); ++step) {
    SCOPED_TRACE(step);
    const SentEvent event = ChooseEvent(&choices);
    const EventStream stream = EventStreamParser::Parse(FormatEvent(event.View())->body());
    EXPECT_THAT(stream.events, ElementsAre(event.Received("")));
    EXPECT_THAT(stream.comments, IsEmpty());
    ExpectNothingElse(stream);
  }
}

TEST_P(EventWriterPropertyTest, IsReadBackInAStreamOfManyEvents) {
  SeededChoices choices(GetParam(), 200);
  FrameBuilder bytes;
  EventWriter writer(&bytes);
  std::vector<ReceivedEvent> expected;
  std::string last_event_id;
  std::optional<std::string> retry;
  while (choices.More()) {
    switch (choices.Below(4)) {
      case 0:
        writer.Comment(ChooseText(&choices, 5));
        writer.Dispatch();
        break;
      case 1: {
        const uint64_t milliseconds = choices.Below(UINT64_MAX);
        writer.Retry(milliseconds);
        retry = std::to_string(milliseconds);
        break;
      }
      default: {
        const SentEvent event = ChooseEvent(&choices);
        writer.Write(event.View());
        expected.push_back(event.Received(last_event_id));
        last_event_id = expected.back().last_event_id;
      }
    }
  }
  const EventStream stream = EventStreamParser::Parse(bytes.view());
  EXPECT_THAT(stream.events, ElementsAreArray(expected));
  EXPECT_THAT(stream.unknown_lines, IsEmpty());
  EXPECT_EQ(stream.retry, retry);
}

TEST_P(EventWriterPropertyTest, WritesCommentsThatAreNothingElse) {
  SeededChoices choices(GetParam(), 500);
  while (choices.More() && !HasFailure()) {
    const std::string text = ChooseText(&choices, 10);
    const EventStream stream = EventStreamParser::Parse(FormatComment(text)->body());
    std::string joined;
    for (const std::string& comment : stream.comments) joined += comment + '\n';
    EXPECT_EQ(joined, WithLineFeeds(text) + '\n');
    EXPECT_THAT(stream.events, IsEmpty());
    EXPECT_EQ(stream.last_event_id, "");
    ExpectNothingElse(stream);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, EventWriterPropertyTest, testing::Range<uint64_t>(0, 10));

TEST(EventWriterExhaustiveTest, ReadsBackEveryShortMixOfLineEndsAndSpaces) {
  constexpr std::string_view kAlphabet = "\r\n :a";
  std::vector<std::string> texts = {""};
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string text = texts[i];
    const SentEvent event{.data = text, .name = text, .id = text};
    const EventStream stream = EventStreamParser::Parse(FormatEvent(event.View())->body());
    ASSERT_THAT(stream.events, ElementsAre(event.Received("")));
    if (text.size() == 6) continue;
    for (const char next : kAlphabet) texts.push_back(text + next);
  }
}

}  // namespace
}  // namespace stream_llm
