#ifndef STREAM_LLM_BENCH_CLIENT_HISTOGRAM_H_
#define STREAM_LLM_BENCH_CLIENT_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace stream_llm::bench {

// Counts of durations in nanoseconds, each known to 1/64 of its value.
class Histogram {
 public:
  void Add(uint64_t value);
  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  // The value that `share` (0 to 1) of the durations do not exceed; 0 when there are none.
  uint64_t Percentile(double share) const;
  void Clear() { *this = {}; }

 private:
  static constexpr size_t kBitsKept = 6;
  static constexpr size_t kSteps = size_t{1} << kBitsKept;

  static size_t BucketOf(uint64_t value);
  static uint64_t UpperBound(size_t bucket);

  std::array<uint64_t, (64 - kBitsKept + 1) * kSteps> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace stream_llm::bench

#endif  // STREAM_LLM_BENCH_CLIENT_HISTOGRAM_H_
