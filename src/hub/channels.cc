#include "src/hub/channels.h"

namespace stream_llm {

void Channels::Join(ChannelId id, Session* session) {
  std::unique_ptr<Channel>& channel = channels_[id];
  if (channel == nullptr) channel = std::make_unique<Channel>(id);
  if (session->FindMembership(channel.get()) != session->memberships.end()) return;
  session->memberships.push_back({channel.get(), channel->members.size()});
  channel->members.push_back(session);
}

void Channels::Leave(ChannelId id, Session* session) {
  const auto position = channels_.find(id);
  if (position == channels_.end()) return;
  const auto membership = session->FindMembership(position->second.get());
  if (membership == session->memberships.end()) return;
  RemoveMember(*membership);
  session->memberships.erase(membership);
}

void Channels::LeaveAll(Session* session) {
  for (const Session::Membership& membership : session->memberships) RemoveMember(membership);
  session->memberships.clear();
}

std::span<Session* const> Channels::MembersOf(ChannelId id) const {
  const auto position = channels_.find(id);
  if (position == channels_.end()) return {};
  return position->second->members;
}

// The last member takes the place of the one that goes.
void Channels::RemoveMember(const Session::Membership& membership) {
  Channel* const channel = membership.channel;
  Session* const last = channel->members.back();
  channel->members[membership.index] = last;
  last->FindMembership(channel)->index = membership.index;
  channel->members.pop_back();
  if (channel->members.empty()) channels_.erase(channel->id);
}

}  // namespace stream_llm
