#ifndef STREAM_LLM_BENCH_CLIENT_CLIENT_H_
#define STREAM_LLM_BENCH_CLIENT_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/client/connection.h"
#include "bench/client/options.h"

namespace stream_llm::bench {

// Opens the connections, counts what they get, and writes a line of JSON to stdout when all have a
// response and at the end of each phase. A phase ends when every connection that is still open has
// its events. The connections stay until a line on stdin, or its end, finishes the client.
class Client {
 public:
  explicit Client(Options options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // Returns the exit status.
  int Run();

 private:
  bool GivesUp();
  void Open();
  void Watch(int fd, uint32_t events, uint64_t tag) const;
  void Turn();
  void OnSocket(size_t number, uint32_t events);
  void OnProgress(const Connection& connection, uint64_t events_before,
                  Connection::State state_before);
  bool IsPhaseComplete() const;
  void BeginPhase();
  void EndPhase(bool complete);
  void PrintReady() const;

  size_t Healthy() const { return options_.connections; }
  size_t All() const { return options_.connections + options_.stalled; }

  const Options options_;
  const std::string request_;
  const int epoll_;
  const uint64_t began_at_;
  std::vector<Connection> connections_;  // The stalled ones come last.
  std::string buffer_;
  Arrivals arrivals_;
  size_t connecting_ = 0;
  size_t settled_ = 0;  // Connections that have a response, or are stalled.
  size_t closed_ = 0;   // Those that were to read and have ended.
  std::string problem_;
  bool ready_ = false;
  bool finishing_ = false;
  size_t phase_ = 0;
  uint64_t target_ = 0;  // Events since the start that each connection has when the phase ends.
  size_t reached_ = 0;   // Connections that have them.
};

}  // namespace stream_llm::bench

#endif  // STREAM_LLM_BENCH_CLIENT_CLIENT_H_
