#ifndef STREAM_LLM_HUB_SESSION_H_
#define STREAM_LLM_HUB_SESSION_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "src/hub/gauge.h"
#include "src/hub/outbox.h"
#include "src/hub/sink.h"
#include "src/hub/timer_wheel.h"

namespace stream_llm {

// Names of sessions and channels; never reused within an engine.
using SessionId = uint64_t;
using ChannelId = uint64_t;

struct SessionOptions {
  uint64_t keep_alive_ms = 0;     // Silence before a keep-alive comment is sent; 0: never.
  uint64_t write_timeout_ms = 0;  // How long what waits may make no progress; 0: for ever.
  size_t max_buffered_bytes = size_t{1} << 20;
  SlowConsumer slow_consumer = SlowConsumer::kDisconnect;
  Framing framing = Framing::kRaw;
};

struct Channel;
struct Session;

struct SessionTimer : Timer {
  explicit SessionTimer(Session* timed) : session(timed) {}
  Session* const session;
};

// What a Hub knows of one session. Plain state: Hub has the rules.
// Owned by its Hub, on whose thread everything here is touched.
struct Session {
  struct Membership {
    Channel* channel;
    size_t index;  // In channel->members.
  };

  // Not copied or moved: channels and its timer point to it.
  Session(SessionId session_id, const SessionOptions& options, std::unique_ptr<Sink> session_sink)
      : id(session_id),
        keep_alive_ms(options.keep_alive_ms),
        write_timeout_ms(options.write_timeout_ms),
        outbox(options.max_buffered_bytes, options.slow_consumer, options.framing),
        timer(this),
        sink(std::move(session_sink)) {}

  std::vector<Membership>::iterator FindMembership(const Channel* channel) {
    return std::find_if(memberships.begin(), memberships.end(),
                        [=](const Membership& m) { return m.channel == channel; });
  }

  // Whether something has not left yet.
  bool waits() const { return under_way || !outbox.empty(); }

  const SessionId id;
  const uint64_t keep_alive_ms;
  const uint64_t write_timeout_ms;
  uint64_t last_progress = 0;  // When bytes last left, or began to wait.
  Outbox outbox;
  SessionTimer timer;  // Keep-alive while nothing waits, write timeout while something does.
  std::unique_ptr<Sink> sink;    // Null on the pull lane.
  std::shared_ptr<Gauge> gauge;  // Null where nobody on another thread looks.
  std::vector<Membership> memberships;
  uint32_t dropped = 0;         // Events dropped since the last notice.
  bool ready = false;           // Stands in the Hub's list of those with something new to send.
  bool blocked = false;         // The sink takes no more until it says so.
  bool under_way = false;       // What was taken last has perhaps not left yet.
  uint32_t drains_awaited = 0;  // AwaitDrain() calls that were not answered yet.
  bool ending = false;
};

struct Channel {
  explicit Channel(ChannelId channel_id) : id(channel_id) {}

  const ChannelId id;
  std::vector<Session*> members;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_SESSION_H_
