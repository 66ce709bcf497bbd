#ifndef STREAM_LLM_TEST_ENGINE_EVENT_STREAM_PARSER_H_
#define STREAM_LLM_TEST_ENGINE_EVENT_STREAM_PARSER_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stream_llm {

// What a page would see of one event.
struct ReceivedEvent {
  std::string name;
  std::string data;
  std::string last_event_id;

  bool operator==(const ReceivedEvent&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const ReceivedEvent& event) {
  return out << "{name \"" << event.name << "\", data \"" << event.data << "\", id \""
             << event.last_event_id << "\"}";
}

// All that a client finds in an event stream.
struct EventStream {
  std::vector<ReceivedEvent> events;
  std::vector<std::string> comments;
  std::vector<std::string> unknown_lines;  // With fields that clients ignore.
  std::optional<std::string> retry;
  std::string last_event_id;
  bool complete = true;  // The stream ends with a blank line.
};

// A client of the event stream format, as WHATWG HTML, sections 9.2.5 and 9.2.6, tells clients to
// read it. Written from that text and independent of EventWriter.
class EventStreamParser {
 public:
  static EventStream Parse(std::string_view bytes) {
    EventStreamParser parser;
    if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
    while (!bytes.empty()) {
      const size_t end = bytes.find_first_of("\r\n");
      if (end == std::string_view::npos) break;
      parser.Line(bytes.substr(0, end));
      bytes.remove_prefix(end + (bytes.substr(end, 2) == "\r\n" ? 2 : 1));
    }
    parser.stream_.complete = bytes.empty() && !parser.open_;
    return std::move(parser.stream_);
  }

 private:
  void Line(std::string_view line) {
    open_ = !line.empty();
    if (line.empty()) return Dispatch();
    const size_t colon = line.find(':');
    if (colon == 0) {
      stream_.comments.emplace_back(line.substr(1));
      return;
    }
    const std::string_view field = line.substr(0, colon);
    std::string_view value;
    if (colon != std::string_view::npos) value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    Field(field, value, line);
  }

  void Field(std::string_view field, std::string_view value, std::string_view line) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (field == "event") {
      name_ = value;
    } else if (field == "data") {
      data_.append(value).push_back('\n');
    } else if (field == "id") {
      if (value.find('\0') == std::string_view::npos) stream_.last_event_id = value;
    } else if (field == "retry") {
      if (!value.empty() && std::all_of(value.begin(), value.end(), is_digit)) {
        stream_.retry = value;
      }
    } else {
      stream_.unknown_lines.emplace_back(line);
    }
  }

  void Dispatch() {
    if (!data_.empty()) {
      data_.pop_back();
      stream_.events.push_back({name_.empty() ? "message" : name_, data_, stream_.last_event_id});
    }
    name_.clear();
    data_.clear();
  }

  EventStream stream_;
  std::string name_;
  std::string data_;
  bool open_ = false;  // A line has come since the last blank one.
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_EVENT_STREAM_PARSER_H_
