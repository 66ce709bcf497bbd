#include <benchmark/benchmark.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "src/io/command.h"
#include "src/io/mailbox.h"
#include "src/wire/event_writer.h"

namespace stream_llm {
namespace {

// What a push posts.
Command SendCommand(const FrameRef& frame) { return command::Send{1, frame}; }

FrameRef Token() { return FormatEvent({.data = " token", .name = {}, .id = {}}); }

void CountItems(benchmark::State& state, int64_t each) {
  state.SetItemsProcessed(state.iterations() * each);
}

// What posting costs the event loop while the I/O thread is busy. The mail is thrown away now and
// then, outside the measurement.
void Post(benchmark::State& state) {
  constexpr size_t kMost = 100'000;
  Mailbox<Command> mailbox;
  std::vector<Command> taken;
  const FrameRef frame = Token();
  size_t posted = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(mailbox.Post(SendCommand(frame)));
    if (++posted % kMost != 0) continue;
    state.PauseTiming();
    mailbox.TakeAll(&taken);
    taken.clear();
    state.ResumeTiming();
  }
  CountItems(state, 1);
}

// A batch of so many posted, then taken.
void PostAndTake(benchmark::State& state) {
  Mailbox<Command> mailbox;
  std::vector<Command> taken;
  const FrameRef frame = Token();
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i) {
      benchmark::DoNotOptimize(mailbox.Post(SendCommand(frame)));
    }
    mailbox.TakeAll(&taken);
    benchmark::DoNotOptimize(taken.data());
    benchmark::DoNotOptimize(mailbox.Sleep());
  }
  CountItems(state, state.range(0));
}

// What posting costs while another thread takes all the time, which is the most that the lock can
// be fought for. `per_batch`: how many it found at once.
void PostWhileAnotherTakes(benchmark::State& state) {
  Mailbox<Command> mailbox;
  std::atomic<bool> done = false;
  size_t batches = 0;
  std::jthread reader([&] {
    std::vector<Command> taken;
    while (!done.load(std::memory_order_relaxed)) {
      mailbox.TakeAll(&taken);
      batches += taken.empty() ? 0 : 1;
    }
  });
  const FrameRef frame = Token();
  for (auto _ : state) benchmark::DoNotOptimize(mailbox.Post(SendCommand(frame)));
  done = true;
  reader.join();
  CountItems(state, 1);
  state.counters["per_batch"] =
      static_cast<double>(state.iterations()) / static_cast<double>(batches + 1);
}

BENCHMARK(Post);
BENCHMARK(PostAndTake)->Arg(1)->Arg(100)->Arg(10'000);
BENCHMARK(PostWhileAnotherTakes)->UseRealTime();

}  // namespace
}  // namespace stream_llm
