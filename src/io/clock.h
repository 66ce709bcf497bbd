#ifndef STREAM_LLM_IO_CLOCK_H_
#define STREAM_LLM_IO_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace stream_llm {

// Milliseconds of a clock that never goes back.
inline uint64_t SteadyMilliseconds() {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::steady_clock;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

}  // namespace stream_llm

#endif  // STREAM_LLM_IO_CLOCK_H_
