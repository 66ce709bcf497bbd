#include "src/wire/json_escape.h"

#include <array>
#include <cstdint>

namespace stream_llm {
namespace {

constexpr char16_t kFirstNonAscii = 0x80;

constexpr bool IsHighSurrogate(char16_t unit) { return (unit & 0xfc00) == 0xd800; }
constexpr bool IsLowSurrogate(char16_t unit) { return (unit & 0xfc00) == 0xdc00; }
constexpr bool IsSurrogate(char16_t unit) { return (unit & 0xf800) == 0xd800; }

// What an ASCII character stands for behind a backslash; 'u' where only its number will do, 0 where
// it stands for itself.
constexpr std::array<char, kFirstNonAscii> MakeEscapes() {
  std::array<char, kFirstNonAscii> escapes{};
  for (size_t i = 0; i < 0x20; ++i) escapes[i] = 'u';
  escapes['\b'] = 'b';
  escapes['\t'] = 't';
  escapes['\n'] = 'n';
  escapes['\f'] = 'f';
  escapes['\r'] = 'r';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}
constexpr std::array<char, kFirstNonAscii> kEscapes = MakeEscapes();

// Characters looked at together. Most texts are long runs of those that stand for themselves.
constexpr size_t kBlock = 16;

// Copies a block, and returns whether all of it may stay: without an early exit, so that compilers
// turn the loop into vector instructions.
bool CopyPlainBlock(const char16_t* source, char* target) {
  uint16_t odd = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const auto unit = static_cast<uint16_t>(source[i]);
    // Below U+0020 or not ASCII, by one comparison: what is below wraps around.
    odd |= static_cast<uint16_t>(static_cast<uint16_t>(unit - 0x20) > 0x5f);
    odd |= static_cast<uint16_t>(unit == '"') | static_cast<uint16_t>(unit == '\\');
    target[i] = static_cast<char>(unit);
  }
  return odd == 0;
}

char* WriteNumber(char16_t unit, char* target) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  *target++ = '\\';
  *target++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4) *target++ = kHexDigits[(unit >> shift) & 0xf];
  return target;
}

char* WriteUtf8(uint32_t point, char* target) {
  const auto continuation = [](uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3f)); };
  if (point < 0x800) {
    *target++ = static_cast<char>(0xc0 | point >> 6);
  } else if (point < 0x10000) {
    *target++ = static_cast<char>(0xe0 | point >> 12);
    *target++ = continuation(point >> 6);
  } else {
    *target++ = static_cast<char>(0xf0 | point >> 18);
    *target++ = continuation(point >> 12);
    *target++ = continuation(point >> 6);
  }
  *target++ = continuation(point);
  return target;
}

// Writes the character that begins at `unit` and returns the unit behind it.
const char16_t* WriteCharacter(const char16_t* unit, const char16_t* end, char** target) {
  const char16_t first = *unit++;
  if (first < kFirstNonAscii) {
    const char escape = kEscapes[first];
    if (escape == 'u') {
      *target = WriteNumber(first, *target);
      return unit;
    }
    if (escape != 0) *(*target)++ = '\\';
    *(*target)++ = escape == 0 ? static_cast<char>(first) : escape;
    return unit;
  }
  if (!IsSurrogate(first)) {
    *target = WriteUtf8(first, *target);
    return unit;
  }
  if (!IsHighSurrogate(first) || unit == end || !IsLowSurrogate(*unit)) {
    *target = WriteNumber(first, *target);
    return unit;
  }
  const uint32_t high = first & 0x3ffU;
  const uint32_t low = *unit & 0x3ffU;
  *target = WriteUtf8(0x10000 + (high << 10 | low), *target);
  return unit + 1;
}

}  // namespace

size_t EscapeJson(std::u16string_view* text, char* target, size_t room) {
  const char16_t* unit = text->data();
  const char16_t* const end = unit + text->size();
  char* byte = target;
  const auto left = [&] { return room - static_cast<size_t>(byte - target); };
  while (unit != end && left() >= kLongestJsonEscape) {
    while (static_cast<size_t>(end - unit) >= kBlock && left() >= kBlock &&
           CopyPlainBlock(unit, byte)) {
      unit += kBlock;
      byte += kBlock;
    }
    // Of a block that is not plain, and then of the rest.
    for (size_t i = 0; i < kBlock && unit != end && left() >= kLongestJsonEscape; ++i) {
      unit = WriteCharacter(unit, end, &byte);
    }
  }
  text->remove_prefix(static_cast<size_t>(unit - text->data()));
  return static_cast<size_t>(byte - target);
}

}  // namespace stream_llm
