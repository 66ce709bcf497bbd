#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "src/hub/outbox.h"
#include "src/hub/sink.h"
#include "src/wire/event_writer.h"

namespace stream_llm {
namespace {

// A sink that takes up to so many bytes at a time.
size_t Send(std::span<const std::string_view> pieces, size_t most) {
  size_t bytes = 0;
  for (const std::string_view piece : pieces) bytes += piece.size();
  return std::min(bytes, most);
}

void Flush(Outbox* outbox, size_t most) {
  std::array<std::string_view, Sink::kMostPieces> pieces;
  while (!outbox->empty()) {
    const size_t filled = outbox->Gather(pieces);
    outbox->Consume(Send({pieces.data(), filled}, most));
  }
}

// Bursts of `range(0)` frames of 100 bytes.
void AppendAndFlush(benchmark::State& state, Framing framing, size_t most) {
  Outbox outbox(size_t{1} << 20, SlowConsumer::kDisconnect, framing);
  const FrameRef frame = FormatRaw(std::string(100, 'x'));
  for ([[maybe_unused]] auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i) outbox.Append(frame);
    Flush(&outbox, most);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// A client that takes nothing, at its limit.
void AppendOverLimit(benchmark::State& state, SlowConsumer policy) {
  Outbox outbox(size_t{1} << 20, policy, Framing::kRaw);
  const FrameRef frame = FormatRaw(std::string(100, 'x'));
  while (outbox.Fits(frame)) outbox.Append(frame);
  outbox.Consume(1);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(outbox.Append(frame));
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK_CAPTURE(AppendAndFlush, Raw, Framing::kRaw, SIZE_MAX)->Arg(1)->Arg(64)->Arg(1000);
BENCHMARK_CAPTURE(AppendAndFlush, Chunked, Framing::kChunked, SIZE_MAX)->Arg(1)->Arg(64)->Arg(1000);
BENCHMARK_CAPTURE(AppendAndFlush, SlowClient, Framing::kChunked, 150)->Arg(64)->Arg(1000);
BENCHMARK_CAPTURE(AppendOverLimit, DropOldest, SlowConsumer::kDropOldest);
BENCHMARK_CAPTURE(AppendOverLimit, DropNewest, SlowConsumer::kDropNewest);

}  // namespace
}  // namespace stream_llm
