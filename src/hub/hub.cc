#include "src/hub/hub.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include "src/wire/event_writer.h"

namespace stream_llm {
namespace {

// Never freed: threads may still send it while the process exits.
const FrameRef& KeepAliveFrame() {
  static const FrameRef& frame = *new FrameRef(FormatComment(""));
  return frame;
}

// The timer is embedded in its session; sessions are found by it.
Session* SessionOf(Timer* timer) { return static_cast<SessionTimer*>(timer)->session; }

}  // namespace

Hub::~Hub() {
  for (auto& [id, session] : sessions_) timers_.Cancel(&session->timer);
}

Session* Hub::Open(SessionId id, const SessionOptions& options, std::unique_ptr<Sink> sink,
                   uint64_t now) {
  const auto [position, inserted] =
      sessions_.emplace(id, std::make_unique<Session>(id, options, std::move(sink)));
  assert(inserted);
  Session* const session = position->second.get();
  session->last_progress = now;
  EnsureTimer(session, now);
  stats_.opened.Add(1);
  return session;
}

Session* Hub::Find(SessionId id) const {
  const auto position = sessions_.find(id);
  return position == sessions_.end() ? nullptr : position->second.get();
}

void Hub::Close(SessionId id) {
  if (Session* const session = Find(id)) Free(session);
}

void Hub::End(SessionId id) {
  Session* const session = Find(id);
  if (session == nullptr) return;
  session->ending = true;
  if (!session->waits()) OnEmpty(session);
}

void Hub::AwaitDrain(SessionId id) {
  Session* const session = Find(id);
  if (session == nullptr) return;
  ++session->drains_awaited;
  if (!session->waits()) OnEmpty(session);
}

void Hub::Join(ChannelId channel, SessionId id) {
  if (Session* const session = Find(id)) channels_.Join(channel, session);
}

void Hub::Leave(ChannelId channel, SessionId id) {
  if (Session* const session = Find(id)) channels_.Leave(channel, session);
}

void Hub::Send(SessionId id, const FrameRef& frame, uint64_t now) {
  Session* const session = Find(id);
  if (session == nullptr) return;
  Append(session, frame, now);
  if (session->gauge != nullptr) session->gauge->Arrived(frame->body().size());
  CloseFailed();
}

void Hub::Broadcast(ChannelId id, const FrameRef& frame, uint64_t now) {
  for (Session* const member : channels_.MembersOf(id)) Append(member, frame, now);
  CloseFailed();
}

void Hub::Multicast(std::span<const SessionId> sessions, const FrameRef& frame, uint64_t now) {
  for (const SessionId id : sessions) {
    if (Session* const session = Find(id)) Append(session, frame, now);
  }
  CloseFailed();
}

size_t Hub::Take(SessionId id, std::span<char> target, uint64_t now) {
  Session* const session = Find(id);
  if (session == nullptr) return 0;
  Outbox& outbox = session->outbox;
  size_t taken = 0;
  size_t frames = 0;
  std::array<std::string_view, Sink::kMostPieces> pieces;
  while (taken < target.size() && !outbox.empty()) {
    const size_t before = taken;
    for (size_t i = 0, filled = outbox.Gather(pieces); i < filled && taken < target.size(); ++i) {
      const size_t size = std::min(pieces[i].size(), target.size() - taken);
      std::memcpy(target.data() + taken, pieces[i].data(), size);
      taken += size;
    }
    frames += outbox.Consume(taken - before);
  }
  if (taken != 0) CountSend(taken, frames);
  const bool left = std::exchange(session->under_way, taken != 0);
  if (left || taken != 0) OnProgress(session, now);
  return taken;
}

void Hub::FlushReady(uint64_t now) {
  size_t pulled = 0;
  for (const SessionId id : ready_) {
    Session* const session = Find(id);
    if (session == nullptr) continue;
    if (session->sink == nullptr) {
      ready_[pulled++] = session->id;
      continue;
    }
    session->ready = false;
    if (!session->blocked) FlushOrGiveUp(session, now);
  }
  ready_.resize(pulled);
}

void Hub::Unblock(SessionId id, uint64_t now) {
  Session* const session = Find(id);
  if (session == nullptr) return;
  session->blocked = false;
  FlushOrGiveUp(session, now);
}

void Hub::Advance(uint64_t now) {
  while (Timer* const timer = timers_.Advance(now)) OnTimer(SessionOf(timer), now);
}

void Hub::CollectNotices(std::vector<Notice>* notices) {
  for (const SessionId id : dropping_) {
    if (Session* const session = Find(id)) TellDropped(session, notices);
  }
  dropping_.clear();
  std::erase_if(ready_, [&](SessionId id) {
    Session* const session = Find(id);
    if (session == nullptr) return true;
    if (session->sink != nullptr) return false;
    session->ready = false;
    notices->push_back({id, NoticeKind::kReady, session->outbox.bytes()});
    return true;
  });
  notices->insert(notices->end(), notices_.begin(), notices_.end());
  notices_.clear();
}

void Hub::Append(Session* session, const FrameRef& frame, uint64_t now) {
  if (session->ending) return;
  Outbox& outbox = session->outbox;
  // Slow is a client whose sink is blocked. Where it is not, it was the Hub that has not sent yet.
  if (!outbox.Fits(frame) && session->sink != nullptr && !session->blocked) {
    if (const auto reason = Flush(session, now)) {
      failed_.emplace_back(session->id, *reason);
      return;
    }
  }
  const bool was_empty = outbox.empty();
  const Outbox::Admission admission = outbox.Append(frame);
  if (admission.overflow) {
    failed_.emplace_back(session->id, CloseReason::kSlowConsumer);
    return;
  }
  if (admission.dropped != 0) {
    if (session->dropped == 0) dropping_.push_back(session->id);
    session->dropped += admission.dropped;
    stats_.dropped.Add(admission.dropped);
  }
  ShowWaiting(*session);
  if (!was_empty || outbox.empty()) return;
  if (!session->under_way) session->last_progress = now;
  EnsureTimer(session, now);
  if (session->ready) return;
  session->ready = true;
  ready_.push_back(session->id);
}

// Sessions are not closed while a fan-out walks the members of its channel.
void Hub::CloseFailed() {
  for (const auto& [id, reason] : failed_) {
    if (Session* const session = Find(id)) GiveUp(session, reason);
  }
  failed_.clear();
}

void Hub::FlushOrGiveUp(Session* session, uint64_t now) {
  if (const auto reason = Flush(session, now)) GiveUp(session, *reason);
}

std::optional<CloseReason> Hub::Flush(Session* session, uint64_t now) {
  Outbox& outbox = session->outbox;
  bool progress = false;
  std::array<std::string_view, Sink::kMostPieces> pieces;
  while (!outbox.empty() && !session->blocked) {
    const size_t filled = outbox.Gather(pieces);
    const Sink::Result result = session->sink->Send({pieces.data(), filled});
    if (result.status == Sink::Status::kFailed) return result.reason;
    if (result.sent != 0) CountSend(result.sent, outbox.Consume(result.sent));
    progress |= result.sent != 0;
    session->blocked = result.status == Sink::Status::kBlocked;
    if (session->blocked) stats_.blocked.Add(1);
  }
  if (progress) OnProgress(session, now);
  return std::nullopt;
}

void Hub::CountSend(size_t bytes, size_t frames) {
  stats_.sends.Add(1);
  stats_.bytes.Add(bytes);
  stats_.frames.Add(frames);
  if (frames > 1) stats_.coalesced.Add(frames - 1);
}

void Hub::OnProgress(Session* session, uint64_t now) {
  session->last_progress = now;
  ShowWaiting(*session);
  EnsureTimer(session, now);
  if (!session->waits()) OnEmpty(session);
}

void Hub::OnEmpty(Session* session) {
  if (const uint32_t awaited = std::exchange(session->drains_awaited, 0); awaited != 0) {
    notices_.push_back({session->id, NoticeKind::kDrained, awaited});
  }
  if (!session->ending) return;
  TellDropped(session, &notices_);
  notices_.push_back({session->id, NoticeKind::kEnded, 0});
  Free(session);
}

void Hub::OnTimer(Session* session, uint64_t now) {
  if (session->waits()) return OnWriteTimer(session, now);
  const uint64_t silence = now - session->last_progress;
  const uint64_t most = session->keep_alive_ms;
  if (most != 0 && silence >= most) Append(session, KeepAliveFrame(), now);
  EnsureTimer(session, now);
}

// A blocked sink says that it can take more only once that is much (TCP: half of what may wait
// unsent). So it is offered more now and then: a client that takes little is slow, but not stalled.
void Hub::OnWriteTimer(Session* session, uint64_t now) {
  const uint64_t timeout = session->write_timeout_ms;
  const auto is_due = [&] { return timeout != 0 && now - session->last_progress >= timeout; };
  if (session->sink != nullptr && (session->blocked || is_due())) {
    const SessionId id = session->id;
    Unblock(id, now);
    session = Find(id);
    if (session == nullptr) return;
  }
  if (is_due()) return GiveUp(session, CloseReason::kWriteTimeout);
  EnsureTimer(session, now);
}

// Timers are moved only to an earlier time. One that fires too early, because bytes have left
// since, is set again then: cheaper than moving it with each event.
void Hub::EnsureTimer(Session* session, uint64_t now) {
  constexpr uint64_t kOffers = 4;  // To a blocked sink, within its write timeout.
  const bool waiting = session->waits();
  const uint64_t timeout = waiting ? session->write_timeout_ms : session->keep_alive_ms;
  if (timeout == 0) return;
  uint64_t deadline = session->last_progress + timeout;
  if (waiting && session->blocked) deadline = std::min(deadline, now + timeout / kOffers);
  if (session->timer.scheduled() && session->timer.deadline() <= deadline) return;
  timers_.Schedule(&session->timer, deadline);
}

void Hub::TellDropped(Session* session, std::vector<Notice>* notices) {
  const uint32_t dropped = std::exchange(session->dropped, 0);
  if (dropped != 0) notices->push_back({session->id, NoticeKind::kDropped, dropped});
}

void Hub::GiveUp(Session* session, CloseReason reason) {
  stats_.closed[static_cast<size_t>(reason)].Add(1);
  TellDropped(session, &notices_);
  notices_.push_back({session->id, NoticeKind::kClosed, static_cast<uint64_t>(reason)});
  Free(session);
}

void Hub::ShowWaiting(const Session& session) {
  if (session.gauge != nullptr) session.gauge->SetWaiting(session.outbox.bytes());
}

void Hub::Free(Session* session) {
  if (session->gauge != nullptr) session->gauge->SetGone();
  stats_.freed.Add(1);
  timers_.Cancel(&session->timer);
  channels_.LeaveAll(session);
  sessions_.erase(session->id);
}

}  // namespace stream_llm
