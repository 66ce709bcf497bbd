#ifndef STREAM_LLM_TEST_ENGINE_POLLERS_H_
#define STREAM_LLM_TEST_ENGINE_POLLERS_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "src/io/poller.h"

namespace stream_llm {

struct PollerKind {
  const char* name;
  std::unique_ptr<Poller> (*make)();
};

// For INSTANTIATE_TEST_SUITE_P: the same tests over every poller that this system has.
inline auto EachPoller() {
  return ::testing::Values(
#if defined(__linux__)
      PollerKind{"Epoll", MakeEpollPoller},
#endif
      PollerKind{"Portable", MakePortablePoller});
}

inline std::string NameOfPoller(const ::testing::TestParamInfo<PollerKind>& info) {
  return info.param.name;
}

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_POLLERS_H_
