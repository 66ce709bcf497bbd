#include "src/wire/frame.h"

#include <cstdlib>

namespace stream_llm {

Frame::Frame(size_t body_size) : body_size_(body_size) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  char* const body = bytes() + kPrefixCapacity;
  char* digit = body;
  *--digit = '\n';
  *--digit = '\r';
  for (size_t rest = body_size; rest != 0; rest >>= 4) *--digit = kHexDigits[rest & 0xf];
  prefix_size_ = static_cast<uint32_t>(body - digit);
  body[body_size] = '\r';
  body[body_size + 1] = '\n';
}

void Frame::Release() const {
  // Acquire on the last release, so that the memory is not reused before other threads' reads of
  // it.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  this->~Frame();
  std::free(const_cast<Frame*>(this));
}

}  // namespace stream_llm
