#include <fuzzer/FuzzedDataProvider.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/wire/event_writer.h"
#include "src/wire/frame_builder.h"
#include "test/engine/choices.h"
#include "test/engine/event_stream_parser.h"
#include "test/engine/sent_event.h"

namespace stream_llm {
namespace {

// What a client must have understood of the calls so far.
class Understanding {
 public:
  void Name(std::string_view name) { name_ = Without(name, "\r\n"); }
  void Id(std::string_view id) { last_event_id_ = Without(id, std::string_view("\r\n\0", 3)); }
  void Data(std::string_view data) { data_ += WithLineFeeds(data) + '\n'; }
  void Retry(uint64_t milliseconds) { retry_ = std::to_string(milliseconds); }
  void Dispatch() {
    if (!data_.empty()) {
      data_.pop_back();
      events_.push_back({name_.empty() ? "message" : name_, data_, last_event_id_});
    }
    name_.clear();
    data_.clear();
  }
  void Write(const SentEvent& event) {
    if (event.name && *event.name != "message") Name(*event.name);
    if (event.id) Id(*event.id);
    Data(event.data);
    Dispatch();
  }

  void Compare(const EventStream& stream) const {
    Require(stream.events == events_, "events");
    Require(stream.retry == retry_, "retry");
    Require(stream.last_event_id == last_event_id_, "last event id");
    Require(stream.unknown_lines.empty(), "unknown lines");
  }

 private:
  std::vector<ReceivedEvent> events_;
  std::string name_;
  std::string data_;
  std::string last_event_id_;
  std::optional<std::string> retry_;
};

SentEvent ConsumeEvent(FuzzedDataProvider* input) {
  SentEvent event;
  if (input->ConsumeBool()) event.name = input->ConsumeRandomLengthString();
  if (input->ConsumeBool()) event.id = input->ConsumeRandomLengthString();
  event.data = input->ConsumeRandomLengthString();
  return event;
}

// One event comes out as one event, and nothing else does.
void CheckOneEvent(FuzzedDataProvider* input) {
  const SentEvent event = ConsumeEvent(input);
  const EventStream stream = EventStreamParser::Parse(FormatEvent(event.View())->body());
  Require(stream.events == std::vector{event.Received("")}, "one event");
  Require(!stream.retry && stream.comments.empty() && stream.unknown_lines.empty(), "only events");
  Require(stream.complete, "complete");
}

// Any calls in any order, as an EventBuffer in JavaScript makes them.
void CheckCalls(FuzzedDataProvider* input) {
  FrameBuilder bytes;
  EventWriter writer(&bytes);
  Understanding understanding;
  while (input->remaining_bytes() != 0) {
    const auto call = input->ConsumeIntegralInRange(0, 6);
    const std::string text = input->ConsumeRandomLengthString();
    switch (call) {
      case 0:
        writer.Name(text);
        understanding.Name(text);
        break;
      case 1:
        writer.Id(text);
        understanding.Id(text);
        break;
      case 2:
        writer.Data(text);
        understanding.Data(text);
        break;
      case 3: {
        const auto milliseconds = input->ConsumeIntegral<uint64_t>();
        writer.Retry(milliseconds);
        understanding.Retry(milliseconds);
        break;
      }
      case 4:
        writer.Comment(text);
        break;
      case 5: {
        const SentEvent event = ConsumeEvent(input);
        writer.Write(event.View());
        understanding.Write(event);
        break;
      }
      default:
        writer.Dispatch();
        understanding.Dispatch();
    }
  }
  understanding.Compare(EventStreamParser::Parse(bytes.view()));
}

}  // namespace
}  // namespace stream_llm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  if (input.ConsumeBool()) {
    stream_llm::CheckOneEvent(&input);
  } else {
    stream_llm::CheckCalls(&input);
  }
  return 0;
}
