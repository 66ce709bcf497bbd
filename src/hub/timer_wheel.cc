#include "src/hub/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace stream_llm {

void Timer::Link(Timer* before) {
  next_ = before;
  previous_ = before->previous_;
  previous_->next_ = this;
  before->previous_ = this;
}

void Timer::Unlink() {
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

TimerWheel::TimerWheel(uint64_t now) : now_(now) {
  for (Timer& head : slots_) head.previous_ = head.next_ = &head;
}

void TimerWheel::Schedule(Timer* timer, uint64_t deadline) {
  Cancel(timer);
  timer->deadline_ = std::max(deadline, now_ + 1);
  Insert(timer);
}

void TimerWheel::Cancel(Timer* timer) {
  if (!timer->scheduled()) return;
  timer->Unlink();
  const Timer& head = slots_[timer->slot_];
  if (head.next_ == &head) occupied_[timer->slot_ / kSlots] &= ~(1ULL << timer->slot_ % kSlots);
}

std::optional<uint64_t> TimerWheel::NextWakeUp() const {
  const auto wake_up = FindWakeUp();
  if (!wake_up) return std::nullopt;
  return wake_up->time;
}

Timer* TimerWheel::Advance(uint64_t now) {
  for (;;) {
    const auto wake_up = FindWakeUp();
    if (!wake_up || wake_up->time > now) break;
    now_ = std::max(now_, wake_up->time);
    Timer* const timer = slots_[wake_up->level * kSlots + wake_up->slot].next_;
    Cancel(timer);
    if (timer->deadline_ <= now_) return timer;
    Insert(timer);
  }
  now_ = std::max(now_, now);
  return nullptr;
}

// While a slot is being moved down, some of its timers are on lower levels already: so all levels
// are compared.
std::optional<TimerWheel::WakeUp> TimerWheel::FindWakeUp() const {
  std::optional<WakeUp> first;
  for (unsigned level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const unsigned shift = level * kSlotBits;
    const unsigned current = static_cast<unsigned>(now_ >> shift) % kSlots;
    const auto ahead = std::rotr(occupied_[level], static_cast<int>(current));
    const auto slots_ahead = static_cast<unsigned>(std::countr_zero(ahead));
    const uint64_t time = ((now_ >> shift) + slots_ahead) << shift;
    if (!first || time < first->time) first = WakeUp{time, level, (current + slots_ahead) % kSlots};
  }
  return first;
}

// The level is that of the highest group of bits in which the deadline differs from now.
void TimerWheel::Insert(Timer* timer) {
  const uint64_t when = std::min(timer->deadline_, now_ + kHorizon / 2);
  const uint64_t differing = (when ^ now_) | (kSlots - 1);
  const unsigned highest_bit = 63 - static_cast<unsigned>(std::countl_zero(differing));
  const unsigned level = std::min(highest_bit / kSlotBits, kLevels - 1);
  const unsigned slot = static_cast<unsigned>(when >> (level * kSlotBits)) % kSlots;
  timer->slot_ = static_cast<uint16_t>(level * kSlots + slot);
  timer->Link(&slots_[timer->slot_]);
  occupied_[level] |= 1ULL << slot;
}

}  // namespace stream_llm
