#include "src/engine.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace stream_llm {
namespace {

void Add(const HubStats& hub, EngineStats* total) {
  total->frames += hub.frames.value();
  total->bytes += hub.bytes.value();
  total->sends += hub.sends.value();
  total->coalesced += hub.coalesced.value();
  total->blocked += hub.blocked.value();
  total->dropped += hub.dropped.value();
  for (size_t i = 0; i < kCloseReasons; ++i) total->closed[i] += hub.closed[i].value();
}

// Of what a session has dropped in several turns of its thread, the owner hears once: the first
// notice from `first` on takes those after it, up to one of another kind.
void AddUpDropped(std::vector<Notice>* notices, size_t first) {
  std::unordered_map<SessionId, size_t> dropped;
  size_t kept = first;
  for (size_t i = first; i < notices->size(); ++i) {
    const Notice notice = (*notices)[i];
    if (notice.kind == NoticeKind::kDropped) {
      const auto [position, is_first] = dropped.emplace(notice.session, kept);
      if (!is_first) {
        (*notices)[position->second].value += notice.value;
        continue;
      }
    } else if (!dropped.empty()) {
      dropped.erase(notice.session);
    }
    (*notices)[kept++] = notice;
  }
  notices->resize(kept);
}

}  // namespace

Engine::Engine(uint64_t now, EngineOptions options)
    : options_(std::move(options)), pulled_(now), histories_(now) {}

SessionId Engine::OpenSession(const SessionOptions& options, uint64_t now) {
  const SessionId id = NewSession(0);
  pulled_.Open(id, options, nullptr, now);
  return id;
}

size_t Engine::Take(SessionId id, std::span<char> target, uint64_t now) {
  return pulled_.Take(id, target, now);
}

std::optional<SessionId> Engine::AttachSocket(int fd, const SessionOptions& options) {
  Descriptor descriptor = Socket::Duplicate(fd);
  if (!descriptor.valid() || !StartIoThreads()) return std::nullopt;
  const size_t lane = 1 + next_io_thread_++ % io_threads_.size();
  const SessionId id = NewSession(lane);
  auto gauge = std::make_shared<Gauge>();
  attached_.emplace(id, Attached{gauge});
  io_threads_[lane - 1]->Post(std::make_unique<command::Attach>(
      command::Attach{id, options, std::move(descriptor), std::move(gauge)}));
  return id;
}

void Engine::CloseSession(SessionId id) {
  Direct(id, command::Close{id}, [&] { pulled_.Close(id); });
  attached_.erase(id);
}

void Engine::EndSession(SessionId id) {
  Direct(id, command::End{id}, [&] { pulled_.End(id); });
}

void Engine::AwaitDrain(SessionId id) {
  Direct(id, command::AwaitDrain{id}, [&] { pulled_.AwaitDrain(id); });
}

size_t Engine::BufferedBytes(SessionId id) const {
  const auto position = attached_.find(id);
  if (position != attached_.end()) {
    const Attached& attached = position->second;
    if (attached.gauge->gone()) return 0;
    const size_t on_its_way = attached.sent - attached.gauge->arrived();
    return on_its_way + attached.gauge->waiting();
  }
  const Session* const session = pulled_.Find(id);
  return session == nullptr ? 0 : session->outbox.bytes();
}

void Engine::Join(ChannelId channel, SessionId session) {
  Direct(session, command::Join{channel, session}, [&] { pulled_.Join(channel, session); });
}

void Engine::Leave(ChannelId channel, SessionId session) {
  Direct(session, command::Leave{channel, session}, [&] { pulled_.Leave(channel, session); });
}

bool Engine::Send(SessionId id, const FrameRef& frame, uint64_t now) {
  if (LaneOf(id) == 0) {
    pulled_.Send(id, frame, now);
    return true;
  }
  const auto position = attached_.find(id);
  if (position == attached_.end()) return true;
  IoThread& thread = IoThreadOf(id);
  if (!thread.HasRoom()) return false;
  thread.PostFrame(command::Send{id, frame}, frame);
  position->second.sent += frame->body().size();
  return true;
}

bool Engine::Broadcast(ChannelId channel, const FrameRef& frame, uint64_t now) {
  for (const auto& thread : io_threads_) {
    if (!thread->HasRoom()) return false;
  }
  pulled_.Broadcast(channel, frame, now);
  for (const auto& thread : io_threads_) {
    thread->PostFrame(command::Broadcast{channel, frame}, frame);
  }
  return true;
}

bool Engine::Multicast(std::span<const SessionId> sessions, const FrameRef& frame, uint64_t now) {
  std::vector<std::vector<SessionId>> lanes(io_threads_.size() + 1);
  for (const SessionId id : sessions) {
    const size_t lane = LaneOf(id);
    if (lane < lanes.size()) lanes[lane].push_back(id);
  }
  for (size_t lane = 1; lane < lanes.size(); ++lane) {
    if (!lanes[lane].empty() && !io_threads_[lane - 1]->HasRoom()) return false;
  }
  pulled_.Multicast(lanes[0], frame, now);
  for (size_t lane = 1; lane < lanes.size(); ++lane) {
    const size_t receivers = lanes[lane].size();
    if (receivers == 0) continue;
    auto multicast =
        std::make_unique<command::Multicast>(command::Multicast{std::move(lanes[lane]), frame});
    io_threads_[lane - 1]->PostFrame(std::move(multicast), frame, receivers);
  }
  return true;
}

void Engine::OpenHistory(ChannelId channel, const HistoryLimits& limits) {
  histories_.Open(channel, limits);
}

void Engine::CloseHistory(ChannelId channel) { histories_.Close(channel); }

History* Engine::FindHistory(ChannelId channel, uint64_t now) const {
  History* const history = histories_.Find(channel);
  if (history != nullptr) history->Evict(now);
  return history;
}

bool Engine::Keep(ChannelId channel, const FrameRef& frame, std::string_view id, uint64_t order,
                  uint64_t now) {
  return histories_.Keep(channel, frame, id, order, now);
}

uint64_t Engine::Replay(ChannelId channel, SessionId session, uint64_t from, uint64_t until,
                        size_t budget, uint64_t now) {
  // Nothing is let go of here: the caller has looked at what is held.
  const History* const history = histories_.Find(channel);
  if (history == nullptr) return until;
  const uint64_t end = std::min(until, history->end());
  uint64_t next = std::max(from, history->first());
  bool regardless = BufferedBytes(session) == 0;
  for (; next < end; ++next) {
    const FrameRef& frame = (*history)[next].frame;
    const size_t cost = frame->body().size() + Outbox::kFrameOverhead;
    if ((cost > budget && !regardless) || !Send(session, frame, now)) break;
    budget -= std::min(budget, cost);
    regardless = false;
  }
  return next;
}

void Engine::Advance(uint64_t now) {
  pulled_.Advance(now);
  histories_.Advance(now);
}

std::optional<uint64_t> Engine::NextWakeUp() const {
  const auto sessions = pulled_.NextWakeUp();
  const auto histories = histories_.NextWakeUp();
  if (!sessions || !histories) return sessions ? sessions : histories;
  return std::min(*sessions, *histories);
}

bool Engine::TellOfNotices() { return pulled_.has_notices() && !std::exchange(told_, true); }

void Engine::CollectNotices(std::vector<Notice>* notices) {
  told_ = false;
  pulled_.CollectNotices(notices);
  const size_t first = notices->size();
  for (const auto& thread : io_threads_) thread->CollectNotices(notices);
  AddUpDropped(notices, first);
  for (size_t i = first; i < notices->size(); ++i) {
    const Notice& notice = (*notices)[i];
    const bool gone = notice.kind == NoticeKind::kEnded || notice.kind == NoticeKind::kClosed;
    if (gone) attached_.erase(notice.session);
  }
}

EngineStats Engine::Stats() const {
  EngineStats stats;
  stats.pulled_sessions = pulled_.session_count();
  Add(pulled_.stats(), &stats);
  for (const auto& thread : io_threads_) {
    const HubStats& hub = thread->stats();
    stats.socket_sessions += hub.opened.value() - hub.freed.value();
    Add(hub, &stats);
  }
  return stats;
}

void Engine::StopIoThreads() {
  io_threads_.clear();
  attached_.clear();
}

IoThread& Engine::IoThreadOf(SessionId id) const { return *io_threads_[LaneOf(id) - 1]; }

bool Engine::StartIoThreads() {
  const size_t wanted = std::clamp<size_t>(options_.io_threads, 1, kMostIoThreads);
  while (io_threads_.size() < wanted) {
    auto poller = MakePoller();
    if (poller == nullptr) break;
    try {
      io_threads_.push_back(std::make_unique<IoThread>(
          std::move(poller), IoThread::Options{.on_notices = options_.on_notices}));
    } catch (const std::system_error& error) {
      errno = error.code().value();
      break;
    }
  }
  return !io_threads_.empty();
}

template <typename PulledCall>
void Engine::Direct(SessionId id, Command command, PulledCall call) {
  if (LaneOf(id) == 0) {
    call();
  } else if (attached_.contains(id)) {
    IoThreadOf(id).Post(std::move(command));
  }
}

}  // namespace stream_llm
