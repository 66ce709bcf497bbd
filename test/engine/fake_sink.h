#ifndef STREAM_LLM_TEST_ENGINE_FAKE_SINK_H_
#define STREAM_LLM_TEST_ENGINE_FAKE_SINK_H_

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "src/hub/sink.h"

namespace stream_llm {

// The other end of a FakeSink: decides what the sink takes, and outlives it.
struct FakeClient {
  size_t room = std::numeric_limits<size_t>::max();  // Bytes until the sink blocks.
  std::optional<CloseReason> failure = {};           // What the next Send() fails with.

  std::string received = {};
  size_t sends = 0;
  size_t most_pieces = 0;  // In one Send().
  const char* last_piece = nullptr;
  bool sink_destroyed = false;
};

class FakeSink : public Sink {
 public:
  explicit FakeSink(FakeClient* client) : client_(*client) {}
  FakeSink(const FakeSink&) = delete;
  FakeSink& operator=(const FakeSink&) = delete;
  ~FakeSink() override { client_.sink_destroyed = true; }

  Result Send(std::span<const std::string_view> pieces) override {
    ++client_.sends;
    client_.most_pieces = std::max(client_.most_pieces, pieces.size());
    if (client_.failure) return {.status = Status::kFailed, .reason = *client_.failure};
    Result result;
    for (const std::string_view piece : pieces) {
      const std::string_view taken = piece.substr(0, client_.room);
      client_.received += taken;
      client_.room -= taken.size();
      client_.last_piece = piece.data();
      result.sent += taken.size();
    }
    if (client_.room == 0) result.status = Status::kBlocked;
    return result;
  }

 private:
  FakeClient& client_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_FAKE_SINK_H_
