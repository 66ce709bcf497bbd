#include "src/hub/history.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace stream_llm {

void History::Append(const FrameRef& frame, std::string_view id, uint64_t order, uint64_t now) {
  assert(entries_.empty() || entries_.back().order < order);
  entries_.push_back({.frame = frame, .id = std::string(id), .order = order, .kept_at = now});
  const Entry& entry = entries_.back();
  bytes_ += CostOf(entry);
  // Its key has to be the view of the entry that stays longest.
  index_.erase(entry.id);
  index_.emplace(entry.id, end() - 1);
  while (entries_.size() > limits_.max_events || bytes_ > limits_.max_bytes) PopFront();
  Evict(now);
}

void History::Evict(uint64_t now) {
  if (limits_.max_age_ms == 0) return;
  while (!entries_.empty() && now - entries_.front().kept_at >= limits_.max_age_ms) PopFront();
}

void History::Clear() {
  while (!entries_.empty()) PopFront();
}

std::optional<uint64_t> History::NextExpiry() const {
  if (limits_.max_age_ms == 0 || entries_.empty()) return std::nullopt;
  return entries_.front().kept_at + limits_.max_age_ms;
}

std::optional<uint64_t> History::SequenceOf(std::string_view id) const {
  const auto position = index_.find(id);
  if (position == index_.end()) return std::nullopt;
  return position->second;
}

uint64_t History::FirstAfter(uint64_t order) const {
  const auto position = std::partition_point(
      entries_.begin(), entries_.end(), [=](const Entry& entry) { return entry.order <= order; });
  return first_ + static_cast<uint64_t>(std::distance(entries_.begin(), position));
}

void History::PopFront() {
  const Entry& entry = entries_.front();
  const auto position = index_.find(entry.id);
  if (position != index_.end() && position->second == first_) index_.erase(position);
  bytes_ -= CostOf(entry);
  evicted_order_ = entry.order;
  entries_.pop_front();
  ++first_;
}

}  // namespace stream_llm
