#ifndef STREAM_LLM_BENCH_CLIENT_OPTIONS_H_
#define STREAM_LLM_BENCH_CLIENT_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace stream_llm::bench {

struct Options {
  uint16_t port = 0;
  std::string path = "/";
  // Connections that read as fast as they can.
  size_t connections = 1;
  // Further connections that ask and then never read.
  size_t stalled = 0;
  // Events that each connection is to get in each phase.
  std::vector<uint64_t> phases;
  // Whether data begins with {"seq":N, N counting from 0 on each connection.
  bool check_order = true;
  // Seconds after which the client gives up: since its start, and since the last event of a phase
  // that is not complete.
  uint64_t deadline = 120;
  uint64_t silence = 15;
};

// Nothing when an argument is unknown or has no valid value; what was wrong is on stderr.
std::optional<Options> ParseOptions(std::span<char*> arguments);

}  // namespace stream_llm::bench

#endif  // STREAM_LLM_BENCH_CLIENT_OPTIONS_H_
