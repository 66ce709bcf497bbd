#ifndef STREAM_LLM_WIRE_ENVELOPE_H_
#define STREAM_LLM_WIRE_ENVELOPE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/wire/frame.h"

namespace stream_llm {

// What goes into an Envelope.
struct Enclosed {
  std::u16string_view text;
  std::optional<uint64_t> number;
  std::optional<std::string_view> id;
};

// What many events have in common whose data is JSON around one piece of text, such as the tokens
// of a language model: written once, so that an event costs the escaping of its text and little
// else.
//
// Immutable, so any thread may use it. Owns what it holds.
class Envelope {
 public:
  // `before` ends within a JSON string, `after` begins with the quote that ends it. Nothing when
  // `before` is empty, or one of them has a CR or LF, which would end the data's line: no JSON
  // without spaces between has any.
  static std::optional<Envelope> Make(std::optional<std::string_view> name, std::string_view before,
                                      std::string_view after);

  // The event whose data is `before`, the text escaped for JSON, and `after`; with a number, also
  // its digits and `}`. Byte for byte what FormatEvent() makes of that data.
  FrameRef Format(const Enclosed& enclosed) const;

 private:
  Envelope(std::optional<std::string_view> name, std::string_view before, std::string_view after);

  std::string name_line_;   // Empty without a name.
  std::string data_begin_;  // The data's line up to the text.
  std::string after_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_WIRE_ENVELOPE_H_
