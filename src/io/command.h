#ifndef STREAM_LLM_IO_COMMAND_H_
#define STREAM_LLM_IO_COMMAND_H_

#include <memory>
#include <variant>
#include <vector>

#include "src/hub/session.h"
#include "src/io/descriptor.h"
#include "src/wire/frame.h"

namespace stream_llm::command {

// What the owner of an IoThread asks of its Hub; each runs the Hub's method of that name.
struct Attach {
  SessionId session;
  SessionOptions options;
  Descriptor descriptor;
  std::shared_ptr<Gauge> gauge;
};
struct Close {
  SessionId session;
};
struct End {
  SessionId session;
};
struct AwaitDrain {
  SessionId session;
};
struct Join {
  ChannelId channel;
  SessionId session;
};
struct Leave {
  ChannelId channel;
  SessionId session;
};
struct Send {
  SessionId session;
  FrameRef frame;
};
struct Broadcast {
  ChannelId channel;
  FrameRef frame;
};
struct Multicast {
  std::vector<SessionId> sessions;
  FrameRef frame;
};
struct Stop {};

// Rare and large ones are kept apart, so that the common ones stay small.
using Command = std::variant<std::unique_ptr<Attach>, Close, End, AwaitDrain, Join, Leave, Send,
                             Broadcast, std::unique_ptr<Multicast>, Stop>;

}  // namespace stream_llm::command

namespace stream_llm {
using Command = command::Command;
}  // namespace stream_llm

#endif  // STREAM_LLM_IO_COMMAND_H_
