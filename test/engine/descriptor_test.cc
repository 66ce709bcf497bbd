#include "test/engine/descriptor_test.h"

#include <dirent.h>
#include <fcntl.h>

#include <memory>
#include <utility>

namespace stream_llm {
namespace {

rlimit CurrentLimit() {
  rlimit limit{};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  return limit;
}

}  // namespace

Descriptor OpenNull() { return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

size_t OpenDescriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), ::closedir);
  size_t count = 0;
  while (::readdir(directory.get()) != nullptr) ++count;
  return count;
}

DescriptorLimit::DescriptorLimit(size_t limit, std::vector<Descriptor> taken)
    : before_(CurrentLimit()), value_(limit), taken_(std::move(taken)) {
  const rlimit changed{.rlim_cur = limit, .rlim_max = before_.rlim_max};
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &changed), 0);
}

// The limit is one on numbers, and the lowest are given out first.
DescriptorLimit DescriptorLimit::Spare(size_t spare) {
  constexpr size_t kAbove = 64;
  std::vector<Descriptor> taken(spare + kAbove);
  for (Descriptor& descriptor : taken) descriptor = OpenNull();
  const auto limit = static_cast<size_t>(taken.back().get()) + 1;
  for (size_t i = 0; i < spare; ++i) const Descriptor closed = std::move(taken[i]);
  return {limit, std::move(taken)};
}

DescriptorLimit DescriptorLimit::Highest() { return DescriptorLimit(CurrentLimit().rlim_max); }

}  // namespace stream_llm
