#include "src/wire/envelope.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "src/wire/event_writer.h"
#include "test/engine/choices.h"
#include "test/engine/envelope_check.h"

namespace stream_llm {
namespace {

std::string Escape(std::u16string_view text) {
  std::string bytes(text.size() * kLongestJsonEscape + kLongestJsonEscape, '\0');
  bytes.resize(EscapeJson(&text, bytes.data(), bytes.size()));
  EXPECT_TRUE(text.empty());
  return bytes;
}

TEST(JsonEscapeTest, LeavesPlainTextAsItIs) {
  EXPECT_EQ(Escape(u""), "");
  EXPECT_EQ(Escape(u" Hi, what's up? ~\x7f"), " Hi, what's up? ~\x7f");
  EXPECT_EQ(Escape(std::u16string(100, u'/')), std::string(100, '/'));
}

TEST(JsonEscapeTest, EscapesQuotesBackslashesAndControlCharacters) {
  EXPECT_EQ(Escape(u"\"\\\b\t\n\f\r"), R"(\"\\\b\t\n\f\r)");
  EXPECT_EQ(Escape(std::u16string_view(u"\0\x0b\x1f", 3)), R"(\u0000\u000b\u001f)");
}

TEST(JsonEscapeTest, WritesOtherCharactersAsUtf8) {
  EXPECT_EQ(Escape(u"\u0080\u00fc\u07ff\u0800\u2028\uffff"),
            "\xC2\x80\xC3\xBC\xDF\xBF\xE0\xA0\x80\xE2\x80\xA8\xEF\xBF\xBF");
  EXPECT_EQ(Escape(u"\U00010000\U0010ffff"), "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
}

TEST(JsonEscapeTest, EscapesSurrogatesThatAreNoPair) {
  EXPECT_EQ(Escape(std::u16string{0xd83c}), R"(\ud83c)");
  EXPECT_EQ(Escape(std::u16string{0xdf0d, 0xd83c}), R"(\udf0d\ud83c)");
  EXPECT_EQ(Escape(std::u16string{0xd83c, 0xd83c, 0xdf0d, 0xdf0d}),
            "\\ud83c\xF0\x9F\x8C\x8D\\udf0d");
}

TEST(JsonEscapeTest, EscapesEveryUnitByItselfAndWithinALongRun) {
  for (uint32_t unit = 0; unit <= 0xffff; ++unit) {
    std::u16string text(40, u'a');
    text[unit % text.size()] = static_cast<char16_t>(unit);
    ASSERT_EQ(Escape(text), EscapedBySpecification(text)) << unit;
  }
}

TEST(EnvelopeTest, PutsTheTextBetweenWhatIsGiven) {
  const auto envelope = Envelope::Make("token", R"({"text":")", R"("})");
  ASSERT_TRUE(envelope.has_value());
  EXPECT_EQ(envelope->Format({.text = u" \"Hi\"\n", .number = {}, .id = {}})->body(),
            "event:token\ndata:{\"text\":\" \\\"Hi\\\"\\n\"}\n\n");
  constexpr std::string_view kId("7\n\r\0id:8", 8);
  EXPECT_EQ(envelope->Format({.text = u"", .number = {}, .id = kId})->body(),
            "event:token\nid:7id:8\ndata:{\"text\":\"\"}\n\n");
}

TEST(EnvelopeTest, AddsANumberAndTheBraceThatFollows) {
  const auto envelope = Envelope::Make({}, R"({"d":")", R"(","n":)");
  ASSERT_TRUE(envelope.has_value());
  EXPECT_EQ(envelope->Format({.text = u"a", .number = 0, .id = {}})->body(),
            "data:{\"d\":\"a\",\"n\":0}\n\n");
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(envelope->Format({.text = u"a", .number = kMost, .id = {}})->body(),
            "data:{\"d\":\"a\",\"n\":18446744073709551615}\n\n");
}

TEST(EnvelopeTest, LeavesOutTheNameThatClientsAssume) {
  const auto envelope = Envelope::Make("message", "\"", "\"");
  ASSERT_TRUE(envelope.has_value());
  EXPECT_EQ(envelope->Format({.text = u"a", .number = {}, .id = {}})->body(), "data:\"a\"\n\n");
}

TEST(EnvelopeTest, KeepsASpaceThatClientsWouldTakeAway) {
  const auto envelope = Envelope::Make({}, " \"", "\"");
  ASSERT_TRUE(envelope.has_value());
  EXPECT_EQ(envelope->Format({.text = u"a", .number = {}, .id = {}})->body(), "data:  \"a\"\n\n");
}

TEST(EnvelopeTest, RefusesWhatCouldEndTheLine) {
  for (const std::string_view end : {"\r", "\n", "\r\n"}) {
    const std::string forged = "\"" + std::string(end) + "id:9";
    EXPECT_FALSE(Envelope::Make({}, forged, "\"").has_value());
    EXPECT_FALSE(Envelope::Make({}, "\"", forged).has_value());
  }
  EXPECT_FALSE(Envelope::Make({}, "", "\"").has_value());
  const auto envelope = Envelope::Make("a\r\nid:9", "\"", "\"");
  ASSERT_TRUE(envelope.has_value());
  EXPECT_EQ(envelope->Format({.text = u"\r\nid:9\n\n", .number = {}, .id = {}})->body(),
            "event:aid:9\ndata:\"\\r\\nid:9\\n\\n\"\n\n");
}

class EnvelopePropertyTest : public testing::TestWithParam<uint64_t> {};

TEST_P(EnvelopePropertyTest, EscapesAsTheSpecificationSays) {
  for (SeededChoices choices(GetParam(), 500); choices.More();) CheckEscape(&choices);
}

TEST_P(EnvelopePropertyTest, FormatsAsIfTheDataHadBeenWhole) {
  for (SeededChoices choices(GetParam(), 500); choices.More();) CheckEnvelope(&choices);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EnvelopePropertyTest, testing::Range<uint64_t>(0, 10));

}  // namespace
}  // namespace stream_llm
