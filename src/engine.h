#ifndef STREAM_LLM_ENGINE_H_
#define STREAM_LLM_ENGINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/hub/histories.h"
#include "src/hub/hub.h"
#include "src/io/io_thread.h"
#include "src/wire/frame.h"

namespace stream_llm {

struct EngineOptions {
  // Threads that write to sockets; started with the first socket. At most Engine::kMostIoThreads.
  size_t io_threads = 1;
  // Called on such a thread when it has left notices and nobody has been told since the last
  // CollectNotices().
  std::function<void()> on_notices = [] {};
};

// What the engine has done since it was made, over both lanes. See HubStats.
struct EngineStats {
  uint64_t pulled_sessions = 0;  // Open now.
  uint64_t socket_sessions = 0;  // Open now.
  uint64_t frames = 0;
  uint64_t bytes = 0;
  uint64_t sends = 0;
  uint64_t coalesced = 0;
  uint64_t blocked = 0;
  uint64_t dropped = 0;
  std::array<uint64_t, kCloseReasons> closed{};
};

// What the binding, the tests and the benchmarks use: gives out ids, and directs each call to the
// Hub that has the session. Sessions whose bytes the owner takes are in a Hub of the owner's
// thread; those with a socket are spread over the I/O threads.
//
// To be used from one thread, the owner's. `now` is milliseconds of a steady clock. Methods that
// send return false when an I/O thread that they concern is too far behind; nobody got anything
// then.
class Engine {
 public:
  static constexpr size_t kMostIoThreads = 15;

  Engine(uint64_t now, EngineOptions options);
  explicit Engine(uint64_t now) : Engine(now, {}) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // A session whose bytes the owner takes.
  SessionId OpenSession(const SessionOptions& options, uint64_t now);
  size_t Take(SessionId id, std::span<char> target, uint64_t now);

  // A session that writes to a duplicate of the connected stream socket `fd`. On failure (no
  // descriptor or no thread to be had) nothing has happened, and errno says why.
  std::optional<SessionId> AttachSocket(int fd, const SessionOptions& options);

  void CloseSession(SessionId id);
  void EndSession(SessionId id);
  void AwaitDrain(SessionId id);
  // 0 when there is no such session.
  size_t BufferedBytes(SessionId id) const;

  ChannelId NewChannel() { return ++last_channel_; }
  void Join(ChannelId channel, SessionId session);
  void Leave(ChannelId channel, SessionId session);

  [[nodiscard]] bool Send(SessionId id, const FrameRef& frame, uint64_t now);
  [[nodiscard]] bool Broadcast(ChannelId channel, const FrameRef& frame, uint64_t now);
  [[nodiscard]] bool Multicast(std::span<const SessionId> sessions, const FrameRef& frame,
                               uint64_t now);

  // Channels with a history keep what they are told to, for sessions that come back for it.
  void OpenHistory(ChannelId channel, const HistoryLimits& limits);
  void CloseHistory(ChannelId channel);
  // Null when the channel has none; without what is too old.
  History* FindHistory(ChannelId channel, uint64_t now) const;
  // To be called after the frame was sent, so that what is kept was sent to all that were there.
  // Returns whether NextWakeUp() may be earlier than it was.
  bool Keep(ChannelId channel, const FrameRef& frame, std::string_view id, uint64_t order,
            uint64_t now);
  // Sends to one session what the channel keeps from `from` until, not including, `until`: as much
  // as takes `budget` bytes at most, each event with Outbox::kFrameOverhead. When nothing waits for
  // the session, the first one goes whatever it takes. Returns the sequence of the first that was
  // not sent. A Join() right after it misses nothing and gets nothing twice.
  uint64_t Replay(ChannelId channel, SessionId session, uint64_t from, uint64_t until,
                  size_t budget, uint64_t now);

  // Runs the timers of the sessions that are pulled, and of histories.
  void Advance(uint64_t now);
  std::optional<uint64_t> NextWakeUp() const;

  // Whether the owner's Hub has notices that nobody was told of since the last CollectNotices().
  // Tells once.
  bool TellOfNotices();
  void CollectNotices(std::vector<Notice>* notices);

  EngineStats Stats() const;

  // Sends once more what can be sent without waiting, and stops the I/O threads. Their sessions are
  // gone.
  void StopIoThreads();

 private:
  // What the owner's thread keeps of a session with a socket, until it closes it or is told that it
  // is gone. The I/O threads hear of no other.
  struct Attached {
    std::shared_ptr<Gauge> gauge;
    size_t sent = 0;  // Bytes sent to this session alone, ever.
  };

  // The rest of the division of an id tells the lane: 0 is the owner's Hub, n the n-th I/O thread.
  static size_t LaneOf(SessionId id) { return id % (kMostIoThreads + 1); }
  SessionId NewSession(size_t lane) { return ++last_session_ * (kMostIoThreads + 1) + lane; }
  // Of a session that is attached.
  IoThread& IoThreadOf(SessionId id) const;
  bool StartIoThreads();
  template <typename PulledCall>
  void Direct(SessionId id, Command command, PulledCall call);

  const EngineOptions options_;
  Hub pulled_;
  Histories histories_;
  std::vector<std::unique_ptr<IoThread>> io_threads_;
  std::unordered_map<SessionId, Attached> attached_;
  SessionId last_session_ = 0;
  ChannelId last_channel_ = 0;
  size_t next_io_thread_ = 0;
  bool told_ = false;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_ENGINE_H_
