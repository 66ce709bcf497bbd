#include "src/wire/envelope.h"

#include <charconv>
#include <limits>

#include "src/wire/event_writer.h"
#include "src/wire/frame_builder.h"

namespace stream_llm {
namespace {

bool HasLineEnd(std::string_view text) {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

}  // namespace

std::optional<Envelope> Envelope::Make(std::optional<std::string_view> name,
                                       std::string_view before, std::string_view after) {
  if (before.empty() || HasLineEnd(before) || HasLineEnd(after)) return std::nullopt;
  return Envelope(name, before, after);
}

Envelope::Envelope(std::optional<std::string_view> name, std::string_view before,
                   std::string_view after)
    : after_(after) {
  FrameBuilder bytes;
  EventWriter writer(&bytes);
  if (name && *name != kAssumedName) writer.Name(*name);
  name_line_ = bytes.view();
  bytes.Clear();
  writer.BeginData(before);
  data_begin_ = bytes.view();
}

FrameRef Envelope::Format(const Enclosed& enclosed) const {
  constexpr size_t kDigits = std::numeric_limits<uint64_t>::digits10 + 1;
  const auto& [text, number, id] = enclosed;
  const size_t id_size = id ? id->size() + sizeof "id: \n" : 0;
  const size_t number_size = number ? kDigits + sizeof "}" : 0;
  FrameBuilder out;
  out.Reserve(name_line_.size() + id_size + data_begin_.size() + text.size() +
              EventWriter::kEscapeSlack + after_.size() + number_size + sizeof "\n\n");
  EventWriter writer(&out);
  out.Append(name_line_);
  if (id) writer.Id(*id);
  out.Append(data_begin_);
  writer.EscapedData(text);
  out.Append(after_);
  if (number) {
    char digits[kDigits];
    const auto* const end = std::to_chars(digits, digits + kDigits, *number).ptr;
    out.Append({digits, static_cast<size_t>(end - digits)});
    out.Append("}");
  }
  writer.EndData();
  writer.Dispatch();
  return out.Finish();
}

}  // namespace stream_llm
