#ifndef STREAM_LLM_TEST_ENGINE_NOTICE_LOG_H_
#define STREAM_LLM_TEST_ENGINE_NOTICE_LOG_H_

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "src/hub/hub.h"
#include "test/engine/connection.h"

namespace stream_llm {

// All notices so far, collected the way JavaScript does: whenever on_notices() was called.
//
// Thread safety: Tell() from any thread, the rest from the owner's.
class NoticeLog {
 public:
  using Collect = std::function<void(std::vector<Notice>*)>;

  // What the engine calls.
  std::function<void()> teller() {
    return [this] { Tell(); };
  }
  void set_source(Collect collect) { collect_ = std::move(collect); }

  // Waits for a notice of this kind, told by on_notices(); returns its value. Those of earlier
  // calls count as well, unless they were forgotten. Nothing after kPatience.
  std::optional<uint64_t> Await(SessionId session, NoticeKind kind) {
    for (size_t heard = 0;;) {
      CollectNow();
      if (const auto value = Find(session, kind)) return value;
      std::unique_lock lock(mutex_);
      if (heard == told_ && !changed_.wait_for(lock, kPatience, [&] { return told_ != heard; })) {
        return std::nullopt;
      }
      heard = told_;
    }
  }

  void CollectNow() { collect_(&notices_); }

  std::optional<uint64_t> Find(SessionId session, NoticeKind kind) const {
    for (const Notice& notice : notices_) {
      if (notice.session == session && notice.kind == kind) return notice.value;
    }
    return std::nullopt;
  }

  std::vector<NoticeKind> KindsOf(SessionId session) const {
    std::vector<NoticeKind> kinds;
    for (const Notice& notice : notices_) {
      if (notice.session == session) kinds.push_back(notice.kind);
    }
    return kinds;
  }

  uint64_t Sum(SessionId session, NoticeKind kind) const {
    uint64_t sum = 0;
    for (const Notice& notice : notices_) {
      if (notice.session == session && notice.kind == kind) sum += notice.value;
    }
    return sum;
  }

  const std::vector<Notice>& all() const { return notices_; }
  void Forget(SessionId session) {
    std::erase_if(notices_, [=](const Notice& notice) { return notice.session == session; });
  }
  // How often on_notices() was called.
  size_t told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  void Tell() {
    const std::lock_guard lock(mutex_);
    ++told_;
    changed_.notify_all();
  }

  Collect collect_;
  std::vector<Notice> notices_;

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t told_ = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_NOTICE_LOG_H_
