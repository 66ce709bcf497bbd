#ifndef STREAM_LLM_IO_MAILBOX_H_
#define STREAM_LLM_IO_MAILBOX_H_

#include <mutex>
#include <utility>
#include <vector>

namespace stream_llm {

// Carries items to one reader, in the order they were posted. The lock is held to append one item
// or to swap two vectors, never while anything is sent, so that posting does not wait for I/O.
//
// Thread safety: Post() from any thread; the rest from the reader's.
template <typename Item>
class Mailbox {
 public:
  // Returns whether the reader sleeps and has to be woken: true once for each sleep.
  [[nodiscard]] bool Post(Item item) {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(item));
    return std::exchange(reader_sleeps_, false);
  }

  // Moves everything to `items`, whose own contents are dropped but whose memory is used again.
  void TakeAll(std::vector<Item>* items) {
    // After a burst the memory goes back.
    if (items->capacity() > kKeptCapacity) *items = std::vector<Item>();
    items->clear();
    const std::lock_guard lock(mutex_);
    posted_.swap(*items);
  }

  // Says that the reader is going to sleep. Returns false when it must not, because there is mail.
  [[nodiscard]] bool Sleep() {
    const std::lock_guard lock(mutex_);
    reader_sleeps_ = posted_.empty();
    return reader_sleeps_;
  }

 private:
  static constexpr size_t kKeptCapacity = 4096;

  std::mutex mutex_;
  std::vector<Item> posted_;
  bool reader_sleeps_ = true;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_IO_MAILBOX_H_
