#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "src/wire/event_writer.h"

namespace stream_llm {
namespace {

// The text of a model's answer: `line_size` bytes to a line, or none at all when it is 0.
std::string Payload(size_t size, size_t line_size) {
  std::string payload(size, 'x');
  for (size_t i = line_size; line_size != 0 && i < size; i += line_size) payload[i] = '\n';
  return payload;
}

Event EventOf(std::string_view data) { return {.data = data, .name = {}, .id = {}}; }

void CountBytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void CopyIntoBuffer(benchmark::State& state) {
  const std::string payload = Payload(static_cast<size_t>(state.range(0)), 0);
  const auto buffer = std::make_unique<char[]>(payload.size());
  for ([[maybe_unused]] auto _ : state) {
    const char* source = payload.data();
    benchmark::DoNotOptimize(source);
    std::memcpy(buffer.get(), source, payload.size());
    benchmark::ClobberMemory();
  }
  CountBytes(state);
}

void Format(benchmark::State& state, size_t line_size) {
  const std::string payload = Payload(static_cast<size_t>(state.range(0)), line_size);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(FormatEvent(EventOf(payload)));
  CountBytes(state);
}

void FormatClean(benchmark::State& state) { Format(state, 0); }
void FormatLines(benchmark::State& state) { Format(state, 80); }
// A token as lib/ sends it.
void FormatNamedWithId(benchmark::State& state) {
  const std::string payload = Payload(static_cast<size_t>(state.range(0)), 0);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(
        FormatEvent({.data = payload, .name = "token", .id = "m4k2zx81q0ab3f9"}));
  }
  CountBytes(state);
}

// Of the processor: what other programs get does not count.
template <typename Work>
double SecondsOf(size_t times, Work&& work) {
  const std::clock_t start = std::clock();
  for (size_t i = 0; i < times; ++i) work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// Both in turn, so that whatever slows one slows the other: the counter `of_memcpy` is
// FormatEvent's rate over memcpy's.
void FormatCleanOverCopy(benchmark::State& state) {
  constexpr size_t kBytesPerTurn = size_t{16} << 20;
  const std::string payload = Payload(static_cast<size_t>(state.range(0)), 0);
  const auto buffer = std::make_unique<char[]>(payload.size());
  const size_t times = std::min(kBytesPerTurn / payload.size(), size_t{50000});
  double copying = 0;
  double formatting = 0;
  for ([[maybe_unused]] auto _ : state) {
    copying += SecondsOf(times, [&] {
      const char* source = payload.data();
      benchmark::DoNotOptimize(source);
      std::memcpy(buffer.get(), source, payload.size());
      benchmark::ClobberMemory();
    });
    formatting +=
        SecondsOf(times, [&] { benchmark::DoNotOptimize(FormatEvent(EventOf(payload))); });
  }
  state.counters["of_memcpy"] = copying / formatting;
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t size : {20, 200, 20 << 10, 1 << 20}) benchmark->Arg(size);
}

BENCHMARK(CopyIntoBuffer)->Apply(Sizes);
BENCHMARK(FormatClean)->Apply(Sizes);
BENCHMARK(FormatLines)->Apply(Sizes);
BENCHMARK(FormatNamedWithId)->Apply(Sizes);
BENCHMARK(FormatCleanOverCopy)->Apply(Sizes);
// What an attacker would send: every byte a line of its own.
BENCHMARK_CAPTURE(Format, OnlyLineEnds, 1)->Arg(1 << 20);

}  // namespace
}  // namespace stream_llm
