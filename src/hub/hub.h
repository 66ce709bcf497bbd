#ifndef STREAM_LLM_HUB_HUB_H_
#define STREAM_LLM_HUB_HUB_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "src/hub/channels.h"
#include "src/hub/hub_stats.h"
#include "src/hub/session.h"
#include "src/hub/timer_wheel.h"
#include "src/wire/frame.h"

namespace stream_llm {

// The numbers are part of the contract with lib/.
enum class NoticeKind : uint8_t {
  kReady = 0,    // Pull lane only. Value: bytes that wait.
  kDrained = 1,  // Nothing waits any more. Value: how many AwaitDrain() calls that answers.
  kDropped = 2,  // Value: how many events.
  kEnded = 3,    // All bytes have left after End(); the session is gone.
  kClosed = 4,   // The Hub gave the session up, it is gone. Value: a CloseReason.
};

struct Notice {
  SessionId session;
  NoticeKind kind;
  uint64_t value;
};

// Sessions, channels and who gets which frame.
//
// Single-threaded, without sockets and without a clock: `now` is milliseconds of a steady clock,
// and never less than in an earlier call. A session either has a Sink, which Flush() sends to, or
// is pulled with Take(). Everything that names a session or channel that is not there does nothing:
// the other side may not have heard of its end yet.
class Hub {
 public:
  explicit Hub(uint64_t now) : timers_(now) {}
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;
  ~Hub();

  // `sink` is null for a session that is pulled. The id must be new.
  Session* Open(SessionId id, const SessionOptions& options, std::unique_ptr<Sink> sink,
                uint64_t now);
  // Null when there is no such session.
  Session* Find(SessionId id) const;
  // Frees the session and what waits in it, at once and without a notice.
  void Close(SessionId id);
  // Sends what waits, then frees the session with a kEnded notice. Later frames are ignored.
  void End(SessionId id);
  // Answered by a kDrained notice as soon as nothing waits; calls are answered in order.
  void AwaitDrain(SessionId id);

  void Join(ChannelId channel, SessionId id);
  void Leave(ChannelId channel, SessionId id);

  void Send(SessionId id, const FrameRef& frame, uint64_t now);
  void Broadcast(ChannelId id, const FrameRef& frame, uint64_t now);
  void Multicast(std::span<const SessionId> sessions, const FrameRef& frame, uint64_t now);

  // Copies waiting bytes to `target` and removes them. Returns how many. They are under way until
  // the next call, which says that they have left: the write timeout runs, and nothing is drained
  // or ended before.
  size_t Take(SessionId id, std::span<char> target, uint64_t now);

  // Sends to the sinks of all sessions that have something new and are not blocked.
  void FlushReady(uint64_t now);
  // The session's sink can take more.
  void Unblock(SessionId id, uint64_t now);

  // Runs timers that are due: keep-alives and write timeouts.
  void Advance(uint64_t now);
  std::optional<uint64_t> NextWakeUp() const { return timers_.NextWakeUp(); }

  // Whether CollectNotices() would add anything.
  bool has_notices() const { return !notices_.empty() || !ready_.empty() || !dropping_.empty(); }
  // Moves all notices to the end of `notices`.
  void CollectNotices(std::vector<Notice>* notices);

  const HubStats& stats() const { return stats_; }
  size_t session_count() const { return sessions_.size(); }
  size_t channel_count() const { return channels_.size(); }

 private:
  void Append(Session* session, const FrameRef& frame, uint64_t now);
  void CloseFailed();
  // Sends what waits. Returns why the session has to be given up, if it has.
  std::optional<CloseReason> Flush(Session* session, uint64_t now);
  void FlushOrGiveUp(Session* session, uint64_t now);
  void CountSend(size_t bytes, size_t frames);
  void OnProgress(Session* session, uint64_t now);
  void OnEmpty(Session* session);
  void OnTimer(Session* session, uint64_t now);
  void OnWriteTimer(Session* session, uint64_t now);
  void EnsureTimer(Session* session, uint64_t now);
  static void TellDropped(Session* session, std::vector<Notice>* notices);
  void GiveUp(Session* session, CloseReason reason);
  static void ShowWaiting(const Session& session);
  void Free(Session* session);

  HubStats stats_;
  TimerWheel timers_;
  std::unordered_map<SessionId, std::unique_ptr<Session>> sessions_;
  Channels channels_;
  // These name sessions that may have been freed since; ids are never reused, so that does no harm.
  std::vector<SessionId> ready_;
  std::vector<SessionId> dropping_;  // Those with `dropped` to tell.
  // Those to give up once a fan-out is through.
  std::vector<std::pair<SessionId, CloseReason>> failed_;
  std::vector<Notice> notices_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_HUB_H_
