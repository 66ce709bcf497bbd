#include "src/wire/event_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "src/wire/frame_builder.h"

namespace stream_llm {
namespace {

// A literal with the NULs that are in it.
template <size_t size>
std::string_view Bytes(const char (&literal)[size]) {
  return {literal, size - 1};
}

std::string Formatted(std::string_view data, std::optional<std::string_view> name = {},
                      std::optional<std::string_view> id = {}) {
  return std::string(FormatEvent({.data = data, .name = name, .id = id})->body());
}

std::string NameLine(std::string_view name) {
  FrameBuilder out;
  EventWriter(&out).Name(name);
  return std::string(out.view());
}

std::string IdLine(std::string_view id) {
  FrameBuilder out;
  EventWriter(&out).Id(id);
  return std::string(out.view());
}

TEST(EventWriterTest, WritesNameIdAndDataInThisOrder) {
  EXPECT_EQ(Formatted("hello", "greeting", "7"), "event:greeting\nid:7\ndata:hello\n\n");
}

TEST(EventWriterTest, LeavesOutWhatIsNotGiven) {
  EXPECT_EQ(Formatted("hello"), "data:hello\n\n");
  EXPECT_EQ(Formatted("hello", "greeting"), "event:greeting\ndata:hello\n\n");
  EXPECT_EQ(Formatted("hello", {}, "7"), "id:7\ndata:hello\n\n");
}

TEST(EventWriterTest, LeavesOutTheNameThatClientsAssume) {
  EXPECT_EQ(Formatted("hello", "message"), "data:hello\n\n");
  EXPECT_EQ(Formatted("hello", "messages"), "event:messages\ndata:hello\n\n");
  EXPECT_EQ(Formatted("hello", "Message"), "event:Message\ndata:hello\n\n");
}

TEST(EventWriterTest, WritesEmptyValuesAsEmptyFields) {
  EXPECT_EQ(Formatted(""), "data:\n\n");
  EXPECT_EQ(Formatted("", "", ""), "event:\nid:\ndata:\n\n");
}

TEST(EventWriterTest, WritesOneDataLineForEachLine) {
  EXPECT_EQ(Formatted("a\nb"), "data:a\ndata:b\n\n");
  EXPECT_EQ(Formatted("a\rb"), "data:a\ndata:b\n\n");
  EXPECT_EQ(Formatted("a\r\nb"), "data:a\ndata:b\n\n");
}

TEST(EventWriterTest, KeepsEmptyLines) {
  EXPECT_EQ(Formatted("\n"), "data:\ndata:\n\n");
  EXPECT_EQ(Formatted("a\n"), "data:a\ndata:\n\n");
  EXPECT_EQ(Formatted("\na"), "data:\ndata:a\n\n");
  EXPECT_EQ(Formatted("a\n\nb"), "data:a\ndata:\ndata:b\n\n");
  EXPECT_EQ(Formatted("\r\n\r\n"), "data:\ndata:\ndata:\n\n");
}

TEST(EventWriterTest, TellsTwoLineEndsFromOneOfTwoBytes) {
  EXPECT_EQ(Formatted("a\r\rb"), "data:a\ndata:\ndata:b\n\n");
  EXPECT_EQ(Formatted("a\n\rb"), "data:a\ndata:\ndata:b\n\n");
  EXPECT_EQ(Formatted("a\r\n\rb"), "data:a\ndata:\ndata:b\n\n");
  EXPECT_EQ(Formatted("a\r\r\nb"), "data:a\ndata:\ndata:b\n\n");
  EXPECT_EQ(Formatted("a\r\n\nb"), "data:a\ndata:\ndata:b\n\n");
  EXPECT_EQ(Formatted("a\r"), "data:a\ndata:\n\n");
}

TEST(EventWriterTest, PutsASpaceBeforeOneThatClientsWouldTakeOff) {
  EXPECT_EQ(Formatted(" token"), "data:  token\n\n");
  EXPECT_EQ(Formatted("  token"), "data:   token\n\n");
  EXPECT_EQ(Formatted(" "), "data:  \n\n");
  EXPECT_EQ(Formatted("a b"), "data:a b\n\n");
  EXPECT_EQ(Formatted("a\n b\r\n c"), "data:a\ndata:  b\ndata:  c\n\n");
  EXPECT_EQ(Formatted("\ttab"), "data:\ttab\n\n");
  EXPECT_EQ(NameLine(" name"), "event:  name\n");
  EXPECT_EQ(IdLine(" 7 "), "id:  7 \n");
}

TEST(EventWriterTest, PutsASpaceBeforeOneThatBecomesTheFirst) {
  EXPECT_EQ(NameLine("\n name"), "event:  name\n");
  EXPECT_EQ(IdLine(Bytes("\0 7")), "id:  7\n");
}

TEST(EventWriterTest, LeavesLineEndsOutOfNames) {
  EXPECT_EQ(NameLine("a\nb\rc\r\nd"), "event:abcd\n");
  EXPECT_EQ(NameLine("\n"), "event:\n");
}

TEST(EventWriterTest, LeavesLineEndsAndNulOutOfIds) {
  EXPECT_EQ(IdLine(Bytes("a\nb\rc\r\nd\0e")), "id:abcde\n");
  EXPECT_EQ(IdLine(Bytes("\0")), "id:\n");
}

TEST(EventWriterTest, KeepsNulInNamesAndData) {
  EXPECT_EQ(NameLine(Bytes("a\0b")), Bytes("event:a\0b\n"));
  EXPECT_EQ(Formatted(Bytes("a\0b")), Bytes("data:a\0b\n\n"));
}

TEST(EventWriterTest, KeepsUtf8AndWhatOtherFormatsTakeForLineEnds) {
  const std::string text = "\xEF\xBB\xBF\xC3\xA9\xF0\x9F\x98\x80\xC2\x85\xE2\x80\xA8\x0B\x0C";
  EXPECT_EQ(Formatted(text, text, text),
            "event:" + text + "\nid:" + text + "\ndata:" + text + "\n\n");
}

TEST(EventWriterTest, LetsNoFieldStartAnotherFieldOrEndTheEvent) {
  EXPECT_EQ(Formatted("x\nevent:admin\nid:9\nretry:1\n\ndata:forged"),
            "data:x\ndata:event:admin\ndata:id:9\ndata:retry:1\ndata:\ndata:data:forged\n\n");
  EXPECT_EQ(Formatted("x", "a\ndata:forged\n\n"), "event:adata:forged\ndata:x\n\n");
  EXPECT_EQ(Formatted("x", "a\rdata:forged\r\r"), "event:adata:forged\ndata:x\n\n");
  EXPECT_EQ(Formatted("x", {}, "1\r\n\r\ndata:forged\r\n\r\n"), "id:1data:forged\ndata:x\n\n");
  EXPECT_EQ(FormatComment("x\ndata:forged\n\ndata:forged")->body(),
            ":x\n:data:forged\n:\n:data:forged\n\n");
}

TEST(EventWriterTest, WritesRetryInDigits) {
  EXPECT_EQ(FormatRetry(0)->body(), "retry:0\n\n");
  EXPECT_EQ(FormatRetry(2000)->body(), "retry:2000\n\n");
  EXPECT_EQ(FormatRetry(std::numeric_limits<uint64_t>::max())->body(),
            "retry:18446744073709551615\n\n");
}

TEST(EventWriterTest, WritesOneCommentLineForEachLine) {
  EXPECT_EQ(FormatComment("")->body(), ":\n\n");
  EXPECT_EQ(FormatComment("ping")->body(), ":ping\n\n");
  EXPECT_EQ(FormatComment(" ping")->body(), ": ping\n\n");
  EXPECT_EQ(FormatComment("a\r\nb\rc\n")->body(), ":a\n:b\n:c\n:\n\n");
}

TEST(EventWriterTest, PassesRawBytesAsTheyAre) {
  EXPECT_EQ(FormatRaw(Bytes("data:1\r\n\r\n:raw\0"))->body(), Bytes("data:1\r\n\r\n:raw\0"));
}

TEST(EventWriterTest, WritesFieldsOneByOne) {
  FrameBuilder out;
  EventWriter writer(&out);
  writer.Retry(5);
  writer.Comment("note");
  writer.Data("1");
  writer.Name("message");
  writer.Id("7");
  writer.Dispatch();
  writer.Write({.data = "2", .name = "b", .id = {}});
  EXPECT_EQ(out.view(), "retry:5\n:note\ndata:1\nevent:message\nid:7\n\nevent:b\ndata:2\n\n");
}

TEST(EventWriterTest, WritesAMebibyteInOneLine) {
  const std::string data(1 << 20, 'x');
  EXPECT_EQ(Formatted(data, "big", "1"), "event:big\nid:1\ndata:" + data + "\n\n");
}

TEST(EventWriterTest, WritesAMebibyteOfLines) {
  constexpr size_t kLines = size_t{1} << 15;
  const std::string line(31, 'x');
  std::string data = line;
  std::string expected = "data:" + line + "\n";
  for (size_t i = 1; i < kLines; ++i) {
    data += "\n" + line;
    expected += "data:" + line + "\n";
  }
  EXPECT_EQ(Formatted(data), expected + "\n");
}

TEST(EventWriterTest, WritesAMebibyteOfLineEnds) {
  constexpr size_t kLines = size_t{1} << 20;
  std::string expected;
  for (size_t i = 0; i <= kLines; ++i) expected += "data:\n";
  expected += '\n';
  EXPECT_EQ(Formatted(std::string(kLines, '\n')), expected);
  EXPECT_EQ(Formatted(std::string(kLines, '\r')), expected);
}

}  // namespace
}  // namespace stream_llm
