#include "bench/client/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace stream_llm::bench {

void Histogram::Add(uint64_t value) {
  ++buckets_[BucketOf(value)];
  ++count_;
  max_ = std::max(max_, value);
}

uint64_t Histogram::Percentile(double share) const {
  if (count_ == 0) return 0;
  auto rank = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
  rank = std::clamp<uint64_t>(rank, 1, count_);
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return std::min(UpperBound(bucket), max_);
  }
  return max_;
}

// Values below 2 * kSteps have a bucket each; above, each power of two has kSteps.
size_t Histogram::BucketOf(uint64_t value) {
  auto width = static_cast<size_t>(std::bit_width(value));
  if (width <= kBitsKept + 1) return static_cast<size_t>(value);
  size_t shift = width - kBitsKept - 1;
  return (shift << kBitsKept) + static_cast<size_t>(value >> shift);
}

uint64_t Histogram::UpperBound(size_t bucket) {
  if (bucket < 2 * kSteps) return bucket;
  size_t shift = (bucket >> kBitsKept) - 1;
  uint64_t step = (bucket & (kSteps - 1)) + kSteps;
  return ((step + 1) << shift) - 1;
}

}  // namespace stream_llm::bench
