#ifndef STREAM_LLM_TEST_ENGINE_SENT_EVENT_H_
#define STREAM_LLM_TEST_ENGINE_SENT_EVENT_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "src/wire/event_writer.h"
#include "test/engine/choices.h"
#include "test/engine/event_stream_parser.h"

namespace stream_llm {

inline std::string Without(std::string_view text, std::string_view removed) {
  std::string rest;
  for (const char c : text) {
    if (removed.find(c) == std::string_view::npos) rest += c;
  }
  return rest;
}

// The text with each of its line ends (CR, LF, CRLF) as LF.
inline std::string WithLineFeeds(std::string_view text) {
  std::string lines;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool crlf = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (!crlf) lines += text[i] == '\r' ? '\n' : text[i];
  }
  return lines;
}

// An event that owns its fields, and what a client has to make of it.
struct SentEvent {
  std::string data;
  std::optional<std::string> name;
  std::optional<std::string> id;

  Event View() const { return {.data = data, .name = name, .id = id}; }

  ReceivedEvent Received(std::string_view last_event_id) const {
    using std::string_view_literals::operator""sv;
    ReceivedEvent received;
    received.name = Without(name.value_or(""), "\r\n");
    if (received.name.empty()) received.name = "message";
    received.data = WithLineFeeds(data);
    received.last_event_id = id ? Without(*id, "\r\n\0"sv) : std::string(last_event_id);
    return received;
  }
};

// Text made of what matters to the format, of long runs and of any bytes.
inline std::string ChooseText(Choices* choices, size_t most_pieces) {
  using std::string_view_literals::operator""sv;
  static constexpr std::array kPieces = {
      "\r"sv,
      "\n"sv,
      "\r\n"sv,
      "\n\n"sv,
      "\r\r"sv,
      " "sv,
      ":"sv,
      "data:"sv,
      "event:"sv,
      "id:"sv,
      "retry:"sv,
      "message"sv,
      "\0"sv,
      "\t"sv,
      "\x0b"sv,
      "\x0c"sv,
      "\x7f"sv,
      "\xC2\x85"sv,
      "\xE2\x80\xA8"sv,
      "\xEF\xBB\xBF"sv,
      "\xF0\x9F\x98\x80"sv,
      "\xFF"sv,
      "7"sv,
  };
  std::string text;
  for (uint64_t pieces = choices->Below(most_pieces + 1); pieces != 0; --pieces) {
    switch (choices->Below(8)) {
      case 0:
        text.append(choices->Below(3000), 'x');
        break;
      case 1:
        text += static_cast<char>(choices->Below(256));
        break;
      default:
        text += choices->Of(std::span<const std::string_view>(kPieces));
    }
  }
  return text;
}

inline SentEvent ChooseEvent(Choices* choices) {
  SentEvent event;
  event.data = ChooseText(choices, 20);
  if (!choices->OneIn(3)) event.name = ChooseText(choices, 4);
  if (!choices->OneIn(3)) event.id = ChooseText(choices, 4);
  return event;
}

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_SENT_EVENT_H_
