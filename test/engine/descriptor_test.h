#ifndef STREAM_LLM_TEST_ENGINE_DESCRIPTOR_TEST_H_
#define STREAM_LLM_TEST_ENGINE_DESCRIPTOR_TEST_H_

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstddef>
#include <vector>

#include "src/io/descriptor.h"

namespace stream_llm {

// One that means nothing, with the lowest number that is free.
Descriptor OpenNull();

// How many descriptors this process has open.
size_t OpenDescriptors();

// A test that fails when it leaves descriptors open.
class DescriptorTest : public ::testing::Test {
 protected:
  // Not in SetUp() and TearDown(): what derived classes hold is gone by then, too.
  ~DescriptorTest() override { EXPECT_EQ(OpenDescriptors(), before_); }

 private:
  const size_t before_ = OpenDescriptors();
};

// How many descriptors this process may have open, until it goes out of scope. UBSan needs some
// when it first meets a type: what is to run without descriptors has to have run with them before.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(size_t limit) : DescriptorLimit(limit, {}) {}
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  // Leaves room for `spare` more than there are, and not among the highest numbers.
  static DescriptorLimit Spare(size_t spare);
  // As many as the system allows.
  static DescriptorLimit Highest();

  size_t value() const { return value_; }

 private:
  DescriptorLimit(size_t limit, std::vector<Descriptor> taken);

  rlimit before_{};
  const size_t value_;
  const std::vector<Descriptor> taken_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_DESCRIPTOR_TEST_H_
