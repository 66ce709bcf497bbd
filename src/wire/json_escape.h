#ifndef STREAM_LLM_WIRE_JSON_ESCAPE_H_
#define STREAM_LLM_WIRE_JSON_ESCAPE_H_

#include <cstddef>
#include <string_view>

namespace stream_llm {

// The longest that one UTF-16 unit becomes: \u001f.
constexpr size_t kLongestJsonEscape = 6;

// Writes UTF-16 text as UTF-8, escaped for the inside of a JSON string as JSON.stringify() does it
// (ECMA-262, section 25.5.4.3): lone surrogates become \udXXX, and nothing below U+0020 remains.
//
// Takes from the front of `text` what is sure to fit into `room` bytes: all, or more than
// (room - kLongestJsonEscape) / kLongestJsonEscape units. Returns how many bytes it wrote; what
// lies beyond them, within `room`, may be scribbled on.
size_t EscapeJson(std::u16string_view* text, char* target, size_t room);

}  // namespace stream_llm

#endif  // STREAM_LLM_WIRE_JSON_ESCAPE_H_
