#ifndef STREAM_LLM_WIRE_LINE_COPY_H_
#define STREAM_LLM_WIRE_LINE_COPY_H_

#include <cstddef>

namespace stream_llm {

// Copies bytes from `source` to `target` up to the first CR or LF, or all `size` of them, and
// returns how many belong to that line. One pass, because finding the line end first would read
// everything twice. `target` must have room for `size` bytes: those behind the line may be
// overwritten.
size_t CopyLine(const char* source, size_t size, char* target);

}  // namespace stream_llm

#endif  // STREAM_LLM_WIRE_LINE_COPY_H_
