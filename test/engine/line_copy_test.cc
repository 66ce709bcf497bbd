#include "src/wire/line_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/engine/choices.h"

namespace stream_llm {
namespace {

constexpr char kGuard = '\x5A';
constexpr size_t kGuardSize = 128;

// Copies a line between guards, from memory that ends where the source does, so that
// AddressSanitizer sees a read beyond it. Returns what is wrong, or nothing.
class GuardedCopy {
 public:
  explicit GuardedCopy(size_t most) : target_(most + 2 * kGuardSize, kGuard) {}

  std::string Check(std::string_view source, size_t source_offset, size_t target_offset,
                    size_t line_size) {
    const auto exact = std::make_unique_for_overwrite<char[]>(source_offset + source.size());
    char* const begin = exact.get() + source_offset;
    std::copy(source.begin(), source.end(), begin);
    return CheckInPlace({begin, source.size()}, target_offset, line_size);
  }

  std::string CheckInPlace(std::string_view source, size_t target_offset, size_t line_size) {
    char* const target = target_.data() + kGuardSize + target_offset;
    const size_t copied = CopyLine(source.data(), source.size(), target);
    std::string wrong;
    if (copied != line_size) {
      wrong = "a line of " + std::to_string(copied) + " bytes";
    } else if (std::memcmp(target, source.data(), copied) != 0) {
      wrong = "other bytes than the source's";
    } else if (!IntactOutside(target, source.size())) {
      wrong = "bytes outside the target";
    }
    std::memset(target, kGuard, source.size());
    return wrong;
  }

 private:
  // Looks at one guard's length on either side only: enough for stores of any vector size.
  static bool IntactOutside(const char* target, size_t size) {
    static const std::string intact(kGuardSize / 2, kGuard);
    return std::memcmp(target - intact.size(), intact.data(), intact.size()) == 0 &&
           std::memcmp(target + size, intact.data(), intact.size()) == 0;
  }

  std::vector<char> target_;
};

// No two neighbours alike, so that a byte that lands in the wrong place is seen.
std::string TextOf(size_t size) {
  std::string text(size, ' ');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(' ' + i % 223);
  return text;
}

TEST(LineCopyTest, CopiesAllWhenThereIsNoLineEnd) {
  GuardedCopy copy(600);
  for (size_t size = 0; size <= 600; ++size) {
    ASSERT_EQ(copy.Check(TextOf(size), 0, 0, size), "") << size << " bytes";
  }
}

TEST(LineCopyTest, StopsAtALineEndAtEveryPosition) {
  GuardedCopy copy(600);
  for (const char line_end : {'\r', '\n'}) {
    for (size_t size = 1; size <= 600; ++size) {
      std::string text = TextOf(size);
      for (size_t position = 0; position < size; ++position) {
        const char replaced = std::exchange(text[position], line_end);
        ASSERT_EQ(copy.CheckInPlace(text, 0, position), "")
            << size << " bytes, line end at " << position;
        text[position] = replaced;
      }
    }
  }
}

TEST(LineCopyTest, StopsAtALineEndInLongRuns) {
  constexpr size_t kSize = 5000;
  GuardedCopy copy(kSize);
  std::string text = TextOf(kSize);
  for (size_t position = 0; position < kSize; ++position) {
    const char replaced = std::exchange(text[position], position % 2 == 0 ? '\r' : '\n');
    ASSERT_EQ(copy.CheckInPlace(text, position % 61, position), "") << "line end at " << position;
    text[position] = replaced;
  }
}

TEST(LineCopyTest, CopiesFromAndToEveryAlignment) {
  GuardedCopy copy(3000);
  for (const size_t size : {0, 1, 7, 8, 9, 63, 64, 65, 191, 192, 193, 300, 600, 1215, 1216, 3000}) {
    for (const size_t line : {size_t{0}, size / 3, size - size / 8, size}) {
      std::string text = TextOf(size);
      if (line < size) text[line] = '\n';
      for (size_t source = 0; source < 64; source += 1 + source % 3) {
        for (size_t target = 0; target < 64; ++target) {
          ASSERT_EQ(copy.Check(text, source, target, line), "")
              << size << " bytes, line end at " << line << ", source offset " << source
              << ", target offset " << target;
        }
      }
    }
  }
}

TEST(LineCopyTest, EndsLinesAtCarriageReturnAndLineFeedOnly) {
  constexpr size_t kSize = 3000;
  GuardedCopy copy(kSize);
  for (int byte = 0; byte < 256; ++byte) {
    const bool ends = byte == '\r' || byte == '\n';
    const std::string same(kSize, static_cast<char>(byte));
    ASSERT_EQ(copy.Check(same, 0, 0, ends ? 0 : kSize), "") << "byte " << byte;
    for (const size_t position : {0, 100, 191, 192, 500, 1300, 2999}) {
      std::string text = TextOf(kSize);
      text[position] = static_cast<char>(byte);
      ASSERT_EQ(copy.Check(text, 0, 0, ends ? position : kSize), "") << "byte " << byte;
    }
  }
}

TEST(LineCopyTest, StopsAtTheFirstOfManyLineEnds) {
  GuardedCopy copy(600);
  std::string text = TextOf(600);
  text[450] = text[451] = text[599] = '\n';
  EXPECT_EQ(copy.Check(text, 0, 0, 450), "");
  text[300] = '\r';
  EXPECT_EQ(copy.Check(text, 0, 0, 300), "");
}

class LineCopyModelTest : public testing::TestWithParam<uint64_t> {};

TEST_P(LineCopyModelTest, FindsTheSameLinesAsASearch) {
  constexpr size_t kMost = 6000;
  SeededChoices choices(GetParam(), 2000);
  GuardedCopy copy(kMost);
  while (choices.More()) {
    std::string text(choices.Below(kMost), 'x');
    for (uint64_t odd = choices.Below(20); odd != 0 && !text.empty(); --odd) {
      text[choices.Below(text.size())] =
          static_cast<char>(choices.Below(choices.OneIn(2) ? 256 : 16));
    }
    const size_t line = std::min(text.find_first_of("\r\n"), text.size());
    ASSERT_EQ(copy.Check(text, choices.Below(64), choices.Below(64), line), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LineCopyModelTest, testing::Range<uint64_t>(0, 8));

}  // namespace
}  // namespace stream_llm
