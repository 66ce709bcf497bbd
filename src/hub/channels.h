#ifndef STREAM_LLM_HUB_CHANNELS_H_
#define STREAM_LLM_HUB_CHANNELS_H_

#include <cstddef>
#include <memory>
#include <span>
#include <unordered_map>

#include "src/hub/session.h"

namespace stream_llm {

// Which session is a member of which channel. A channel is there while it has members; joining,
// leaving and going take constant time for each membership.
//
// Not thread-safe: belongs to its Hub, which owns the sessions; each must leave before it is freed.
class Channels {
 public:
  Channels() = default;
  Channels(const Channels&) = delete;
  Channels& operator=(const Channels&) = delete;

  // Joining twice is joining once.
  void Join(ChannelId id, Session* session);
  void Leave(ChannelId id, Session* session);
  void LeaveAll(Session* session);

  // Valid until the next call that is not const. In no particular order.
  std::span<Session* const> MembersOf(ChannelId id) const;
  size_t size() const { return channels_.size(); }

 private:
  void RemoveMember(const Session::Membership& membership);

  std::unordered_map<ChannelId, std::unique_ptr<Channel>> channels_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_CHANNELS_H_
