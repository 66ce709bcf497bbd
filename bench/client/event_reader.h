#ifndef STREAM_LLM_BENCH_CLIENT_EVENT_READER_H_
#define STREAM_LLM_BENCH_CLIENT_EVENT_READER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stream_llm::bench {

// What a benchmark server puts in front of its data: {"seq":N,"at":N, ...
struct Stamp {
  uint64_t sequence = 0;
  uint64_t sent_at = 0;  // CLOCK_MONOTONIC, in nanoseconds.
};

std::optional<Stamp> ReadStamp(std::string_view data);

// Finds the events in one connection's event stream: blocks of lines that end with an empty line
// and have a data field. Comments and retry fields alone make no event. The servers under test end
// lines with LF.
class EventReader {
 public:
  // Calls `on_event(std::string_view data)` with the first data line of each event that `bytes`
  // completes.
  template <typename OnEvent>
  void Feed(std::string_view bytes, OnEvent on_event);

 private:
  // Returns how many bytes the events in `text` that are complete take up.
  template <typename OnEvent>
  static size_t Parse(std::string_view text, OnEvent on_event);

  std::string carry_;  // The beginning of an event that has not ended.
};

template <typename OnEvent>
void EventReader::Feed(std::string_view bytes, OnEvent on_event) {
  if (carry_.empty()) {
    carry_ = bytes.substr(Parse(bytes, on_event));
    return;
  }
  carry_ += bytes;
  // Only a line end in the new bytes, or just before them, can end the event.
  std::string_view tail = std::string_view(carry_).substr(carry_.size() - bytes.size() - 1);
  if (tail.find("\n\n") != std::string_view::npos) carry_.erase(0, Parse(carry_, on_event));
}

template <typename OnEvent>
size_t EventReader::Parse(std::string_view text, OnEvent on_event) {
  size_t complete = 0;
  std::string_view data;
  bool has_data = false;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) break;
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.empty()) {
      if (has_data) on_event(data);
      has_data = false;
      complete = begin;
    } else if (!has_data && line.starts_with("data:")) {
      data = line.substr(5);
      has_data = true;
    }
  }
  return complete;
}

}  // namespace stream_llm::bench

#endif  // STREAM_LLM_BENCH_CLIENT_EVENT_READER_H_
