#ifndef STREAM_LLM_TEST_ENGINE_HISTORY_CHECK_H_
#define STREAM_LLM_TEST_ENGINE_HISTORY_CHECK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/hub/history.h"
#include "src/wire/event_writer.h"
#include "test/engine/choices.h"

namespace stream_llm {

// Runs a History beside a list of all events ever, of which the limits tell what is held; throws
// where they differ.
class HistoryCheck {
 public:
  explicit HistoryCheck(Choices* choices)
      : choices_(*choices), limits_(ChooseLimits()), history_(limits_) {}

  void Run() {
    while (choices_.More()) {
      ++step_;
      now_ += choices_.OneIn(3) ? choices_.Below(50) : 0;
      switch (choices_.Below(8)) {
        case 0:
          history_.Evict(now_);
          EvictOld();
          break;
        case 1:
          if (choices_.OneIn(20)) {
            history_.Clear();
            first_ = all_.size();
          }
          break;
        default:
          Append();
      }
      Compare();
    }
  }

 private:
  struct Event {
    std::string id;
    std::string body;
    uint64_t order;
    uint64_t kept_at;
  };

  HistoryLimits ChooseLimits() {
    HistoryLimits limits;
    if (choices_.OneIn(2)) limits.max_events = 1 + choices_.Below(20);
    if (choices_.OneIn(2)) limits.max_bytes = 1 + choices_.Below(4000);
    if (choices_.OneIn(2)) limits.max_age_ms = 1 + choices_.Below(500);
    return limits;
  }

  void Expect(bool condition, const std::string& what) const {
    if (!condition) Require(false, "step " + std::to_string(step_) + ": " + what);
  }

  static size_t CostOf(const Event& event) {
    return event.body.size() + event.id.size() + History::kEntryOverhead;
  }

  size_t Bytes() const {
    size_t bytes = 0;
    for (size_t i = first_; i < all_.size(); ++i) bytes += CostOf(all_[i]);
    return bytes;
  }

  void EvictOld() {
    if (limits_.max_age_ms == 0) return;
    while (first_ < all_.size() && all_[first_].kept_at + limits_.max_age_ms <= now_) ++first_;
  }

  // Ids of few letters, so that some come again, while they are held or later.
  std::string ChooseId() {
    if (choices_.OneIn(2)) return "id " + std::to_string(all_.size());
    return std::string(1 + choices_.Below(20), static_cast<char>('a' + choices_.Below(3)));
  }

  void Append() {
    const size_t size = choices_.Below(choices_.OneIn(8) ? 3000 : 60);
    order_ += 1 + choices_.Below(5);
    const Event event{ChooseId(), std::string(size, static_cast<char>('a' + step_ % 26)), order_,
                      now_};
    history_.Append(FormatRaw(event.body), event.id, event.order, now_);
    all_.push_back(event);
    while (all_.size() - first_ > limits_.max_events || Bytes() > limits_.max_bytes) ++first_;
    EvictOld();
  }

  void Compare() {
    Expect(history_.first() == first_ + 1, "first");
    Expect(history_.end() == all_.size() + 1, "end");
    Expect(history_.bytes() == Bytes(), "bytes");
    Expect(history_.evicted_order() == (first_ == 0 ? 0 : all_[first_ - 1].order), "evicted order");
    for (size_t i = first_; i < all_.size(); ++i) {
      const History::Entry& entry = history_[i + 1];
      Expect(entry.id == all_[i].id && entry.frame->body() == all_[i].body, "an entry");
    }
    const bool expires = limits_.max_age_ms != 0 && first_ < all_.size();
    Expect(history_.NextExpiry().has_value() == expires, "whether there is an expiry");
    if (expires) {
      Expect(*history_.NextExpiry() == all_[first_].kept_at + limits_.max_age_ms, "next expiry");
    }
    CompareLookUps();
  }

  void CompareLookUps() {
    const std::string id =
        all_.empty() || choices_.OneIn(3) ? ChooseId() : all_[choices_.Below(all_.size())].id;
    std::optional<uint64_t> sequence;
    for (size_t i = first_; i < all_.size(); ++i) {
      if (all_[i].id == id) sequence = i + 1;
    }
    Expect(history_.SequenceOf(id) == sequence, "the sequence of id " + id);

    const uint64_t order = choices_.Below(order_ + 3);
    size_t after = first_;
    while (after < all_.size() && all_[after].order <= order) ++after;
    Expect(history_.FirstAfter(order) == after + 1, "the first after an order");
  }

  Choices& choices_;
  const HistoryLimits limits_;
  History history_;
  std::vector<Event> all_;
  size_t first_ = 0;  // Of those held, in all_.
  uint64_t order_ = 0;
  uint64_t now_ = 1000;
  size_t step_ = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_HISTORY_CHECK_H_
