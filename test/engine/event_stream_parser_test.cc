#include "test/engine/event_stream_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stream_llm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

// The examples are those of WHATWG HTML, section 9.2.6.

TEST(EventStreamParserTest, JoinsDataLinesWithLineFeeds) {
  const EventStream stream = EventStreamParser::Parse("data: YHOO\ndata: +2\ndata: 10\n\n");
  EXPECT_THAT(stream.events, ElementsAre(ReceivedEvent{"message", "YHOO\n+2\n10", ""}));
}

TEST(EventStreamParserTest, ReadsCommentsIdsAndEventsLeftUnfinished) {
  const EventStream stream = EventStreamParser::Parse(
      ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event");
  EXPECT_THAT(stream.comments, ElementsAre(" test stream"));
  EXPECT_THAT(stream.events, ElementsAre(ReceivedEvent{"message", "first event", "1"},
                                         ReceivedEvent{"message", "second event", ""}));
  EXPECT_FALSE(stream.complete);
}

TEST(EventStreamParserTest, DispatchesEventsWithEmptyData) {
  const EventStream stream = EventStreamParser::Parse("data\n\ndata\ndata\n\ndata:");
  EXPECT_THAT(stream.events,
              ElementsAre(ReceivedEvent{"message", "", ""}, ReceivedEvent{"message", "\n", ""}));
}

TEST(EventStreamParserTest, TakesOneSpaceOffTheFrontOfAValue) {
  const EventStream stream = EventStreamParser::Parse("data:test\n\ndata: test\n\ndata:  test\n\n");
  EXPECT_THAT(stream.events, ElementsAre(ReceivedEvent{"message", "test", ""},
                                         ReceivedEvent{"message", "test", ""},
                                         ReceivedEvent{"message", " test", ""}));
}

TEST(EventStreamParserTest, EndsLinesAtEachOfTheThreeLineEnds) {
  const EventStream stream = EventStreamParser::Parse("event:a\rdata:1\r\ndata:2\n\rdata:3\r\r");
  EXPECT_THAT(stream.events,
              ElementsAre(ReceivedEvent{"a", "1\n2", ""}, ReceivedEvent{"message", "3", ""}));
  EXPECT_TRUE(stream.complete);
}

TEST(EventStreamParserTest, IgnoresIdsWithNulAndRetriesThatAreNoNumbers) {
  using std::string_view_literals::operator""sv;
  const EventStream stream =
      EventStreamParser::Parse("id:1\nid:a\0b\nretry:10\nretry:1x\nretry:\ndata:\n\n"sv);
  EXPECT_THAT(stream.events, ElementsAre(ReceivedEvent{"message", "", "1"}));
  EXPECT_THAT(stream.retry, Optional(std::string("10")));
}

TEST(EventStreamParserTest, ForgetsTheNameOfAnEventWithoutData) {
  const EventStream stream = EventStreamParser::Parse("event:a\n\ndata:1\n\n");
  EXPECT_THAT(stream.events, ElementsAre(ReceivedEvent{"message", "1", ""}));
}

TEST(EventStreamParserTest, KeepsUnknownFieldsApart) {
  const EventStream stream = EventStreamParser::Parse("\xEF\xBB\xBFgreeting: hi\ndatax:1\n\n");
  EXPECT_THAT(stream.unknown_lines, ElementsAre("greeting: hi", "datax:1"));
  EXPECT_THAT(stream.events, IsEmpty());
}

}  // namespace
}  // namespace stream_llm
