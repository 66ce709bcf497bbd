#include <gtest/gtest.h>

#include <cstdint>

#include "test/engine/choices.h"
#include "test/engine/hub_check.h"

namespace stream_llm {
namespace {

class HubModelTest : public testing::TestWithParam<uint64_t> {};

TEST_P(HubModelTest, AgreesWithItsModel) {
  SeededChoices choices(GetParam(), 5000);
  HubCheck(&choices).Run();
}

INSTANTIATE_TEST_SUITE_P(Seeds, HubModelTest, testing::Range<uint64_t>(0, 40));

}  // namespace
}  // namespace stream_llm
