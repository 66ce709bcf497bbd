#ifndef STREAM_LLM_BENCH_CLIENT_CONNECTION_H_
#define STREAM_LLM_BENCH_CLIENT_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/client/event_reader.h"
#include "bench/client/histogram.h"
#include "bench/client/response_decoder.h"

namespace stream_llm::bench {

// What has arrived during a phase, over all connections.
struct Arrivals {
  uint64_t events = 0;
  uint64_t bytes = 0;       // As they came from the sockets.
  uint64_t lost = 0;        // Sequence numbers that were jumped over.
  uint64_t duplicated = 0;  // Sequence numbers that came again, or late.
  uint64_t unstamped = 0;   // Events that are not the server's own.
  uint64_t first_at = 0;    // CLOCK_MONOTONIC, in nanoseconds.
  uint64_t last_at = 0;
  Histogram latency;
};

uint64_t MonotonicNanoseconds();

// One request for an event stream, and what has come of it. Owns its socket.
class Connection {
 public:
  enum class State : uint8_t { kConnecting, kWaiting, kStreaming, kClosed };

  // Begins to connect to 127.0.0.1:`port`. `number` spreads connections over source addresses,
  // because one address has fewer ports than the largest runs need. Closed on failure, see errno.
  Connection(uint16_t port, size_t number);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&&) = delete;
  ~Connection() { Close(); }

  int fd() const { return fd_; }
  State state() const { return state_; }
  uint64_t events() const { return events_; }
  const ResponseDecoder& response() const { return response_; }

  // To be called when the socket is writable for the first time.
  void SendRequest(std::string_view request);
  // Reads once into `buffer` and takes what came apart.
  void Read(std::string* buffer, bool check_order, Arrivals* arrivals);
  void Close();

 private:
  void OnEvent(std::string_view data, uint64_t now, bool check_order, Arrivals* arrivals);

  int fd_ = -1;
  State state_ = State::kConnecting;
  ResponseDecoder response_;
  EventReader reader_;
  uint64_t events_ = 0;
  uint64_t next_sequence_ = 0;
};

}  // namespace stream_llm::bench

#endif  // STREAM_LLM_BENCH_CLIENT_CONNECTION_H_
