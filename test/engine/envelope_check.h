#ifndef STREAM_LLM_TEST_ENGINE_ENVELOPE_CHECK_H_
#define STREAM_LLM_TEST_ENGINE_ENVELOPE_CHECK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "src/wire/envelope.h"
#include "src/wire/event_writer.h"
#include "src/wire/json_escape.h"
#include "test/engine/choices.h"
#include "test/engine/sent_event.h"

namespace stream_llm {

inline void AppendUtf8(uint32_t point, std::string* bytes) {
  const auto append = [&](uint32_t byte) { *bytes += static_cast<char>(byte); };
  if (point < 0x80) {
    append(point);
  } else if (point < 0x800) {
    append(0xc0 + point / 64);
  } else {
    if (point < 0x10000) {
      append(0xe0 + point / 4096);
    } else {
      append(0xf0 + point / 262144);
      append(0x80 + point / 4096 % 64);
    }
    append(0x80 + point / 64 % 64);
  }
  if (point >= 0x80) append(0x80 + point % 64);
}

// What JSON.stringify(text).slice(1, -1) is by its specification (ECMA-262, QuoteJSONString), one
// code point after the other, as UTF-8.
inline std::string EscapedBySpecification(std::u16string_view text) {
  std::string escaped;
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t point = text[i];
    const uint32_t next = i + 1 < text.size() ? text[i + 1] : 0;
    if (point >= 0xd800 && point < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
      point = 0x10000 + (point - 0xd800) * 1024 + (next - 0xdc00);
      ++i;
    }
    constexpr std::u16string_view kNamed = u"\b\t\n\f\r\"\\";
    const size_t named = point < 0x80 ? kNamed.find(static_cast<char16_t>(point)) : kNamed.npos;
    if (named != kNamed.npos) {
      escaped += '\\';
      escaped += "btnfr\"\\"[named];
    } else if (point < 0x20 || (point >= 0xd800 && point < 0xe000)) {
      std::array<char, 8> number;
      std::snprintf(number.data(), number.size(), "\\u%04x", point);
      escaped += number.data();
    } else {
      AppendUtf8(point, &escaped);
    }
  }
  return escaped;
}

// Text of UTF-16 units that matter to JSON, of long plain runs and of any units.
inline std::u16string ChooseText16(Choices* choices, size_t most_pieces) {
  static constexpr std::array<std::u16string_view, 14> kPieces = {
      u"\"",         u"\\",        u"\n",     u"\r\n",   u"\x1f",   std::u16string_view(u"\0", 1),
      u"\x7f",       u"\u0080",    u"\u07ff", u"\u0800", u"\u2028", u"\uffff",
      u"\U0001f30d", u"\U0010ffff"};
  std::u16string text;
  for (uint64_t pieces = choices->Below(most_pieces + 1); pieces != 0; --pieces) {
    switch (choices->Below(6)) {
      case 0:
        text.append(choices->Below(choices->OneIn(4) ? 3000 : 40), u'x');
        break;
      case 1:
        text += static_cast<char16_t>(choices->Below(0x10000));
        break;
      case 2:  // Halves of pairs, which may meet.
        text += static_cast<char16_t>(0xd800 + choices->Below(0x800));
        break;
      case 3:
        text += static_cast<char16_t>(choices->Below(0x80));
        break;
      default:
        text += choices->Of(std::span<const std::u16string_view>(kPieces));
    }
  }
  return text;
}

// Escapes any text with room for a part of it at a time; throws where that differs from what the
// specification says.
inline void CheckEscape(Choices* choices) {
  const std::u16string text = ChooseText16(choices, 12);
  const size_t most_room = choices->OneIn(2) ? 40 : text.size() * kLongestJsonEscape;
  std::u16string_view rest = text;
  std::string escaped;
  while (!rest.empty()) {
    const size_t room = kLongestJsonEscape + choices->Below(most_room + 1);
    // Exactly as large, so that AddressSanitizer sees a byte too many.
    const auto target = std::make_unique<char[]>(room);
    const size_t before = rest.size();
    const size_t written = EscapeJson(&rest, target.get(), room);
    Require(written <= room, "no more than there is room for");
    Require(rest.empty() || before - rest.size() > (room - kLongestJsonEscape) / kLongestJsonEscape,
            "as much as fits");
    escaped.append(target.get(), written);
  }
  Require(escaped == EscapedBySpecification(text), "escaped text");
}

// Formats any event in any envelope; throws where that differs from its data formatted whole.
inline void CheckEnvelope(Choices* choices) {
  const SentEvent fields = ChooseEvent(choices);
  const std::string before = ChooseText(choices, 4);
  const std::string after = ChooseText(choices, 4);
  const bool has_line_end = (before + after).find_first_of("\r\n") != std::string::npos;
  const auto envelope = Envelope::Make(fields.View().name, before, after);
  Require(envelope.has_value() == (!before.empty() && !has_line_end), "whether it is refused");
  if (!envelope) return;
  // More than once: it stays as it is.
  for (int i = 0; i < 2; ++i) {
    const std::u16string text = ChooseText16(choices, 8);
    std::optional<uint64_t> number;
    if (choices->OneIn(2)) number = choices->Below(choices->OneIn(2) ? 100 : UINT64_MAX);
    std::string data = before + EscapedBySpecification(text) + after;
    if (number) data += std::to_string(*number) + "}";
    const Event event{.data = data, .name = fields.View().name, .id = fields.View().id};
    const Enclosed enclosed{.text = text, .number = number, .id = event.id};
    Require(envelope->Format(enclosed)->body() == FormatEvent(event)->body(), "bytes");
  }
}

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_ENVELOPE_CHECK_H_
