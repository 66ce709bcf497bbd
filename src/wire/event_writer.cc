#include "src/wire/event_writer.h"

#include <cassert>
#include <charconv>
#include <cstring>
#include <limits>

#include "src/wire/json_escape.h"
#include "src/wire/line_copy.h"

namespace stream_llm {
namespace {

// Removes the first line end from the text. CRLF is one.
void SkipLineEnd(std::string_view* text) {
  const bool crlf = text->size() > 1 && (*text)[0] == '\r' && (*text)[1] == '\n';
  text->remove_prefix(crlf ? 2 : 1);
}

}  // namespace

void EventWriter::Name(std::string_view name) {
  using std::string_view_literals::operator""sv;
  WriteStripped("event:", name, "\r\n"sv);
}

void EventWriter::Id(std::string_view id) {
  using std::string_view_literals::operator""sv;
  WriteStripped("id:", id, "\r\n\0"sv);
}

void EventWriter::Data(std::string_view data) { WriteLines("data:", data, true); }

void EventWriter::BeginData(std::string_view begin) {
  assert(begin.find_first_of("\r\n") == std::string_view::npos);
  out_.Append("data:");
  if (begin.starts_with(' ')) out_.Append(" ");
  out_.Append(begin);
}

void EventWriter::EscapedData(std::u16string_view text) {
  static_assert(kEscapeSlack >= kLongestJsonEscape);
  while (!text.empty()) {
    const size_t room = text.size() + kEscapeSlack;
    char* const target = out_.Reserve(room);
    out_.Advance(EscapeJson(&text, target, room));
  }
}

void EventWriter::EndData() { out_.Append("\n"); }

void EventWriter::Retry(uint64_t milliseconds) {
  char digits[std::numeric_limits<uint64_t>::digits10 + 1];
  const auto* const end = std::to_chars(digits, digits + sizeof digits, milliseconds).ptr;
  out_.Append("retry:");
  out_.Append({digits, static_cast<size_t>(end - digits)});
  out_.Append("\n");
}

void EventWriter::Comment(std::string_view text) { WriteLines(":", text, false); }

void EventWriter::Dispatch() { out_.Append("\n"); }

void EventWriter::Write(const Event& event) {
  constexpr size_t kFieldSyntax = sizeof "event: \nid: \ndata: \n\n";
  const size_t name_size = event.name ? event.name->size() : 0;
  const size_t id_size = event.id ? event.id->size() : 0;
  out_.Reserve(event.data.size() + name_size + id_size + kFieldSyntax);
  if (event.name && *event.name != kAssumedName) Name(*event.name);
  if (event.id) Id(*event.id);
  Data(event.data);
  Dispatch();
}

void EventWriter::WriteLines(std::string_view field, std::string_view value,
                             bool keep_leading_space) {
  for (;;) {
    char* line = out_.Reserve(field.size() + 1 + value.size() + 1);
    char* const begin = line;
    std::memcpy(line, field.data(), field.size());
    line += field.size();
    // Clients take one space off the front of a value; tokens of a language model often begin with
    // one.
    if (keep_leading_space && value.starts_with(' ')) *line++ = ' ';
    const size_t size = CopyLine(value.data(), value.size(), line);
    line += size;
    *line++ = '\n';
    out_.Advance(static_cast<size_t>(line - begin));
    value.remove_prefix(size);
    if (value.empty()) return;
    SkipLineEnd(&value);
  }
}

void EventWriter::WriteStripped(std::string_view field, std::string_view value,
                                std::string_view stripped) {
  char* byte = out_.Reserve(field.size() + 1 + value.size() + 1);
  char* const begin = byte;
  std::memcpy(byte, field.data(), field.size());
  byte += field.size();
  char* const value_begin = byte;
  for (const char c : value) {
    if (stripped.find(c) != std::string_view::npos) continue;
    if (byte == value_begin && c == ' ') *byte++ = ' ';
    *byte++ = c;
  }
  *byte++ = '\n';
  out_.Advance(static_cast<size_t>(byte - begin));
}

FrameRef FormatEvent(const Event& event) {
  FrameBuilder out;
  EventWriter(&out).Write(event);
  return out.Finish();
}

FrameRef FormatComment(std::string_view text) {
  FrameBuilder out;
  EventWriter writer(&out);
  writer.Comment(text);
  writer.Dispatch();
  return out.Finish();
}

FrameRef FormatRetry(uint64_t milliseconds) {
  FrameBuilder out;
  EventWriter writer(&out);
  writer.Retry(milliseconds);
  writer.Dispatch();
  return out.Finish();
}

FrameRef FormatRaw(std::string_view bytes) {
  FrameBuilder out;
  out.Append(bytes);
  return out.Finish();
}

}  // namespace stream_llm
