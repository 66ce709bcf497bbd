#ifndef STREAM_LLM_WIRE_EVENT_WRITER_H_
#define STREAM_LLM_WIRE_EVENT_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "src/wire/frame.h"
#include "src/wire/frame_builder.h"

namespace stream_llm {

// The fields of one event, UTF-8. A field that is nullopt is left out; an empty one is written
// empty.
struct Event {
  std::string_view data;
  std::optional<std::string_view> name;
  std::optional<std::string_view> id;
};

// The name that clients assume, and that is not written therefore.
constexpr std::string_view kAssumedName = "message";

// Writes the fields of the event stream format (WHATWG HTML, section 9.2.5) to a builder. The only
// code that does: whatever the values hold, none of them starts another field or ends the event.
//
// Not thread-safe. `out` must outlive the writer.
class EventWriter {
 public:
  explicit EventWriter(FrameBuilder* out) : out_(*out) {}

  // CR and LF are left out of names and ids, which cannot hold them, and NUL out of ids, because
  // clients ignore an id that has one.
  void Name(std::string_view name);
  void Id(std::string_view id);
  // One `data:` line for each line; CR, LF and CRLF all end one, and clients join them with LF.
  void Data(std::string_view data);
  // One data line, in pieces. What comes between begin and end, `begin` included, must hold no line
  // end: escaped data has none.
  void BeginData(std::string_view begin);
  void EscapedData(std::u16string_view text);
  void EndData();
  void Retry(uint64_t milliseconds);
  // One comment line for each line of the text.
  void Comment(std::string_view text);
  // Ends the event.
  void Dispatch();

  // A whole event.
  void Write(const Event& event);

  // Room beyond the text's own size with which most texts can be escaped without moving them.
  static constexpr size_t kEscapeSlack = 32;

 private:
  void WriteLines(std::string_view field, std::string_view value, bool keep_leading_space);
  void WriteStripped(std::string_view field, std::string_view value, std::string_view stripped);

  FrameBuilder& out_;
};

FrameRef FormatEvent(const Event& event);
FrameRef FormatComment(std::string_view text);
FrameRef FormatRetry(uint64_t milliseconds);
// Bytes that are in event stream syntax already.
FrameRef FormatRaw(std::string_view bytes);

}  // namespace stream_llm

#endif  // STREAM_LLM_WIRE_EVENT_WRITER_H_
