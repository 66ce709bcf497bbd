#ifndef STREAM_LLM_HUB_SINK_H_
#define STREAM_LLM_HUB_SINK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace stream_llm {

// Why the engine gave a session up. The numbers are part of the contract with lib/.
enum class CloseReason : uint8_t {
  kSlowConsumer = 0,
  kWriteTimeout = 1,
  kConnectionReset = 2,
  kConnectionError = 3,
};
constexpr size_t kCloseReasons = 4;

// Where a session's bytes go. Belongs to one session; destroyed with it, on the Hub's thread.
class Sink {
 public:
  enum class Status : uint8_t {
    kOpen,     // Ready for more.
    kBlocked,  // Took what it could; whoever made the sink tells the Hub when it can take more.
    kFailed,   // The session has to be closed for `reason`.
  };
  struct Result {
    size_t sent = 0;
    Status status = Status::kOpen;
    CloseReason reason = CloseReason::kConnectionError;
  };

  // No more pieces than this in one Send(): enough to write a burst with few calls.
  static constexpr size_t kMostPieces = 64;

  virtual ~Sink() = default;

  // Takes a prefix of the bytes of `pieces`, in order, without waiting. Less than all of them means
  // blocked or failed.
  virtual Result Send(std::span<const std::string_view> pieces) = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_SINK_H_
