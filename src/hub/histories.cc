#include "src/hub/histories.h"

#include <cassert>

namespace stream_llm {

Histories::~Histories() {
  for (auto& [channel, kept] : histories_) timers_.Cancel(kept.get());
}

void Histories::Open(ChannelId channel, const HistoryLimits& limits) {
  const bool inserted = histories_.emplace(channel, std::make_unique<Kept>(limits)).second;
  assert(inserted);
  static_cast<void>(inserted);
}

void Histories::Close(ChannelId channel) {
  const auto position = histories_.find(channel);
  if (position == histories_.end()) return;
  timers_.Cancel(position->second.get());
  histories_.erase(position);
}

History* Histories::Find(ChannelId channel) const {
  const auto position = histories_.find(channel);
  return position == histories_.end() ? nullptr : &position->second->history;
}

bool Histories::Keep(ChannelId channel, const FrameRef& frame, std::string_view id, uint64_t order,
                     uint64_t now) {
  const auto position = histories_.find(channel);
  if (position == histories_.end()) return false;
  Kept* const kept = position->second.get();
  kept->history.Append(frame, id, order, now);
  // One that is due before the oldest event, as others have gone since, is set again then.
  if (kept->scheduled()) return false;
  const auto expiry = kept->history.NextExpiry();
  if (!expiry) return false;
  timers_.Schedule(kept, *expiry);
  return true;
}

void Histories::Advance(uint64_t now) {
  while (Timer* const timer = timers_.Advance(now)) {
    auto* const kept = static_cast<Kept*>(timer);
    kept->history.Evict(now);
    if (const auto expiry = kept->history.NextExpiry()) timers_.Schedule(kept, *expiry);
  }
}

}  // namespace stream_llm
