#ifndef STREAM_LLM_TEST_ENGINE_HUB_MODEL_H_
#define STREAM_LLM_TEST_ENGINE_HUB_MODEL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/hub/hub.h"
#include "test/engine/notice_text.h"
#include "test/engine/outbox_model.h"

namespace stream_llm {

// What Hub does, with maps and sets, and without regard to cost.
class HubModel {
 public:
  struct Session {
    Session(const SessionOptions& session_options, bool is_pulled, uint64_t now)
        : options(session_options),
          pulled(is_pulled),
          last_progress(now),
          outbox(options.max_buffered_bytes, options.slow_consumer, options.framing) {}

    bool empty() const { return outbox.frame_count() == 0; }
    bool idle() const { return empty() && !under_way; }
    // When its timer is due; never: the largest number.
    uint64_t Deadline() const {
      const uint64_t timeout = idle() ? options.keep_alive_ms : options.write_timeout_ms;
      return timeout == 0 ? std::numeric_limits<uint64_t>::max() : last_progress + timeout;
    }

    const SessionOptions options;
    const bool pulled;
    uint64_t last_progress;
    OutboxModel outbox;
    std::set<ChannelId> channels;
    uint32_t dropped = 0;
    size_t room = std::numeric_limits<size_t>::max();  // What its sink takes before it blocks.
    std::optional<CloseReason> failure;                // What its sink fails with.
    bool ready = false;
    bool blocked = false;
    bool under_way = false;
    uint64_t drains_awaited = 0;
    bool ending = false;
  };

  std::map<SessionId, Session>& sessions() { return sessions_; }
  // What the client of a sink must have received, also after its session has gone.
  std::string& received(SessionId id) { return received_[id]; }

  Session* Find(SessionId id) {
    const auto position = sessions_.find(id);
    return position == sessions_.end() ? nullptr : &position->second;
  }

  size_t channel_count() const {
    std::set<ChannelId> channels;
    for (const auto& [id, session] : sessions_) {
      channels.insert(session.channels.begin(), session.channels.end());
    }
    return channels.size();
  }

  uint64_t FirstDeadline() const {
    uint64_t first = std::numeric_limits<uint64_t>::max();
    for (const auto& [id, session] : sessions_) first = std::min(first, session.Deadline());
    return first;
  }

  void End(SessionId id) {
    if (Session* const session = Find(id)) session->ending = true;
    SettleIfIdle(id);
  }

  void AwaitDrain(SessionId id) {
    if (Session* const session = Find(id)) ++session->drains_awaited;
    SettleIfIdle(id);
  }

  // Who overflows or fails is closed when all have been served.
  void SendTo(std::span<const SessionId> ids, std::string_view body, uint64_t now) {
    std::map<SessionId, CloseReason> failed;
    for (const SessionId id : ids) {
      if (const auto reason = Append(id, body, now)) failed.emplace(id, *reason);
    }
    for (const auto& [id, reason] : failed) GiveUp(id, reason);
  }

  void Broadcast(ChannelId channel, std::string_view body, uint64_t now) {
    std::vector<SessionId> members;
    for (const auto& [id, session] : sessions_) {
      if (session.channels.contains(channel)) members.push_back(id);
    }
    SendTo(members, body, now);
  }

  std::string Take(SessionId id, size_t most, uint64_t now) {
    Session* const session = Find(id);
    if (session == nullptr) return "";
    std::string taken = session->outbox.waiting().substr(0, most);
    session->outbox.Consume(taken.size());
    const bool left = std::exchange(session->under_way, !taken.empty());
    if (left || !taken.empty()) Progress(id, now);
    return taken;
  }

  void FlushReady(uint64_t now) {
    for (const SessionId id : Ids()) {
      Session* const session = Find(id);
      if (session->pulled || !std::exchange(session->ready, false)) continue;
      if (!session->blocked) FlushOrGiveUp(id, now);
    }
  }

  void Unblock(SessionId id, uint64_t now) {
    if (Session* const session = Find(id)) session->blocked = false;
    FlushOrGiveUp(id, now);
  }

  void Advance(uint64_t now) {
    for (const SessionId id : Ids()) {
      const Session& session = sessions_.at(id);
      if (session.Deadline() > now) continue;
      if (session.idle()) {
        Append(id, ":\n\n", now);
        continue;
      }
      if (!session.pulled) Unblock(id, now);
      const Session* const left = Find(id);
      if (left != nullptr && left->Deadline() <= now) GiveUp(id, CloseReason::kWriteTimeout);
    }
  }

  // All notices of each session. Their order is that of the calls but for kReady and kDropped,
  // which may come earlier.
  std::map<SessionId, std::vector<std::string>> CollectNotices() {
    for (auto& [id, session] : sessions_) {
      TellDropped(id, &session);
      if (!session.pulled || !std::exchange(session.ready, false) || session.empty()) continue;
      Tell(id, NoticeKind::kReady, session.outbox.bytes());
    }
    return std::exchange(notices_, {});
  }

 private:
  std::vector<SessionId> Ids() const {
    std::vector<SessionId> ids;
    for (const auto& [id, session] : sessions_) ids.push_back(id);
    return ids;
  }

  // Returns why the session has to be closed, if it has.
  std::optional<CloseReason> Append(SessionId id, std::string_view body, uint64_t now) {
    Session* const session = Find(id);
    if (session == nullptr || session->ending) return std::nullopt;
    if (!session->outbox.Fits(body) && !session->pulled && !session->blocked) {
      if (const auto reason = Flush(id, now)) return reason;
    }
    const bool was_idle = session->idle();
    const bool was_empty = session->empty();
    const Outbox::Admission admission = session->outbox.Append(body);
    session->dropped += admission.dropped;
    if (was_idle && !session->idle()) session->last_progress = now;
    if (was_empty && !session->empty()) session->ready = true;
    if (admission.overflow) return CloseReason::kSlowConsumer;
    return std::nullopt;
  }

  void FlushOrGiveUp(SessionId id, uint64_t now) {
    if (const auto reason = Flush(id, now)) GiveUp(id, *reason);
  }

  std::optional<CloseReason> Flush(SessionId id, uint64_t now) {
    Session* const session = Find(id);
    if (session == nullptr || session->empty()) return std::nullopt;
    if (session->failure) return session->failure;
    const std::string sent = session->outbox.waiting().substr(0, session->room);
    session->outbox.Consume(sent.size());
    session->room -= sent.size();
    session->blocked = session->room == 0;
    received_[id] += sent;
    if (!sent.empty()) Progress(id, now);
    return std::nullopt;
  }

  void Progress(SessionId id, uint64_t now) {
    sessions_.at(id).last_progress = now;
    SettleIfIdle(id);
  }

  void SettleIfIdle(SessionId id) {
    Session* const session = Find(id);
    if (session == nullptr || !session->idle()) return;
    const uint64_t awaited = std::exchange(session->drains_awaited, 0);
    if (awaited != 0) Tell(id, NoticeKind::kDrained, awaited);
    if (!session->ending) return;
    TellDropped(id, session);
    Tell(id, NoticeKind::kEnded, 0);
    sessions_.erase(id);
  }

  void GiveUp(SessionId id, CloseReason reason) {
    TellDropped(id, Find(id));
    Tell(id, NoticeKind::kClosed, static_cast<uint64_t>(reason));
    sessions_.erase(id);
  }

  void TellDropped(SessionId id, Session* session) {
    const uint32_t dropped = std::exchange(session->dropped, 0);
    if (dropped != 0) Tell(id, NoticeKind::kDropped, dropped);
  }

  void Tell(SessionId id, NoticeKind kind, uint64_t value) {
    notices_[id].push_back(TextOf({.session = id, .kind = kind, .value = value}));
  }

  std::map<SessionId, Session> sessions_;
  std::map<SessionId, std::string> received_;
  std::map<SessionId, std::vector<std::string>> notices_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_HUB_MODEL_H_
