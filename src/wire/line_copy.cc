#include "src/wire/line_copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__GNUC__) && defined(__x86_64__)
#include <cpuid.h>
#endif

namespace stream_llm {
namespace {

// Bytes below this are looked at closely. One comparison costs less than one each for CR and LF,
// and the other control characters are rare.
constexpr unsigned char kSuspect = '\r' + 1;

constexpr size_t kWord = sizeof(uint64_t);
// How much is copied by words before blocks: more than most lines.
constexpr size_t kShortRun = 192;
constexpr size_t kBlock = 1024;
// Stores that cross a cache line take twice as long.
constexpr size_t kCacheLine = 64;

// Whether one of the eight bytes is a suspect (Sean Anderson, Bit Twiddling Hacks, "hasless").
bool HasSuspect(uint64_t word) {
  constexpr uint64_t kOnes = ~uint64_t{0} / 255;
  return ((word - kOnes * kSuspect) & ~word & kOnes * 128) != 0;
}

// Copies words up to the first that has a suspect. Returns how many bytes.
size_t CopyWords(const char* source, size_t size, char* target) {
  size_t copied = 0;
  for (; size - copied >= kWord; copied += kWord) {
    uint64_t word;
    std::memcpy(&word, source + copied, kWord);
    std::memcpy(target + copied, &word, kWord);
    if (HasSuspect(word)) break;
  }
  return copied;
}

#if defined(__GNUC__)
#define STREAM_LLM_INLINE __attribute__((always_inline)) inline
#else
#define STREAM_LLM_INLINE inline
#endif

// The same by blocks, of which there must be room for one; the last overlaps the one before it. The
// inner loop has no early exit, so compilers turn it into vector instructions, those of the
// function that it is inlined into.
STREAM_LLM_INLINE size_t CopyBlocksInline(const char* source, size_t size, char* target) {
  size_t copied = 0;
  while (copied < size) {
    const size_t begin = std::min(copied, size - kBlock);
    unsigned char lowest = kSuspect;
    for (size_t i = 0; i < kBlock; ++i) {
      const char byte = source[begin + i];
      target[begin + i] = byte;
      lowest = std::min(lowest, static_cast<unsigned char>(byte));
    }
    if (lowest < kSuspect) break;
    copied = begin + kBlock;
  }
  return copied;
}

size_t CopyBlocksPortably(const char* source, size_t size, char* target) {
  return CopyBlocksInline(source, size, target);
}

using CopyBlocks = size_t (*)(const char* source, size_t size, char* target);

#if defined(__GNUC__) && defined(__x86_64__)
__attribute__((target("avx512bw"))) size_t CopyBlocksAvx512(const char* source, size_t size,
                                                            char* target) {
  return CopyBlocksInline(source, size, target);
}

__attribute__((target("avx2"))) size_t CopyBlocksAvx2(const char* source, size_t size,
                                                      char* target) {
  return CopyBlocksInline(source, size, target);
}

// Asks the processor itself: target_clones and __builtin_cpu_supports need parts of a libc and of a
// compiler's runtime library that musl and zig do not have.
CopyBlocks ChooseCopyBlocks() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) return CopyBlocksPortably;
  // Which registers the operating system saves (Intel SDM, volume 1, section 13.3).
  constexpr unsigned kYmm = 0x06;
  constexpr unsigned kZmm = 0xe6;
  unsigned saved = 0;
  __asm__("xgetbv" : "=a"(saved), "=d"(d) : "c"(0));
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return CopyBlocksPortably;
  if ((b & bit_AVX512BW) != 0 && (saved & kZmm) == kZmm) return CopyBlocksAvx512;
  if ((b & bit_AVX2) != 0 && (saved & kYmm) == kYmm) return CopyBlocksAvx2;
  return CopyBlocksPortably;
}
#else
CopyBlocks ChooseCopyBlocks() { return CopyBlocksPortably; }
#endif

size_t CopyLongRun(const char* source, size_t size, char* target) {
  static const CopyBlocks copy_blocks = ChooseCopyBlocks();
  return copy_blocks(source, size, target);
}

}  // namespace

size_t CopyLine(const char* source, size_t size, char* target) {
  size_t copied = 0;
  while (copied < size) {
    const size_t misaligned = reinterpret_cast<uintptr_t>(target + copied) % kCacheLine;
    const size_t run = std::min(size - copied, kShortRun - misaligned);
    const size_t end = copied + run;
    copied += CopyWords(source + copied, run, target + copied);
    for (const size_t stop = std::min(end, copied + kWord); copied < stop; ++copied) {
      if (source[copied] == '\r' || source[copied] == '\n') return copied;
      target[copied] = source[copied];
    }
    if (size - copied >= kBlock) {
      copied += CopyLongRun(source + copied, size - copied, target + copied);
    }
  }
  return copied;
}

}  // namespace stream_llm
