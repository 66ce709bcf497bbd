#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "src/hub/hub.h"
#include "src/wire/event_writer.h"

namespace stream_llm {
namespace {

constexpr ChannelId kChannel = 1;
constexpr uint64_t kNow = 1000;

FrameRef Token() {
  return FormatEvent({.data = R"({"token":"Hello","index":7})", .name = "token", .id = "7"});
}

// A sink whose client takes everything at once.
class WideSink : public Sink {
 public:
  Result Send(std::span<const std::string_view> pieces) override {
    Result result;
    for (const std::string_view piece : pieces) result.sent += piece.size();
    return result;
  }
};

std::unique_ptr<Hub> HubOf(int64_t sessions, bool pulled) {
  auto hub = std::make_unique<Hub>(kNow);
  const SessionOptions options = {.keep_alive_ms = 10000, .write_timeout_ms = 30000};
  for (int64_t i = 1; i <= sessions; ++i) {
    const auto id = static_cast<SessionId>(i);
    hub->Open(id, options, pulled ? nullptr : std::make_unique<WideSink>(), kNow);
    hub->Join(kChannel, id);
  }
  return hub;
}

// What JavaScript does when it is told of notices.
void TakeAll(Hub* hub, std::vector<Notice>* notices) {
  std::array<char, 65536> target;
  notices->clear();
  hub->CollectNotices(notices);
  for (const Notice& notice : *notices) {
    hub->Take(notice.session, target, kNow);
    hub->Take(notice.session, {}, kNow);
  }
}

// The part that costs the caller of broadcast() time. Sessions have something waiting already, as
// in a burst.
void Broadcast(benchmark::State& state) {
  constexpr int kBurst = 64;
  const auto hub = HubOf(state.range(0), true);
  const FrameRef frame = Token();
  std::vector<Notice> notices;
  int waiting = 0;
  for ([[maybe_unused]] auto _ : state) {
    hub->Broadcast(kChannel, frame, kNow);
    if (++waiting < kBurst) continue;
    state.PauseTiming();
    TakeAll(hub.get(), &notices);
    waiting = 0;
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// A broadcast to sessions that have nothing waiting, each pulled after it.
void BroadcastAndTake(benchmark::State& state) {
  const auto hub = HubOf(state.range(0), true);
  const FrameRef frame = Token();
  std::vector<Notice> notices;
  for ([[maybe_unused]] auto _ : state) {
    hub->Broadcast(kChannel, frame, kNow);
    TakeAll(hub.get(), &notices);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// The same to sessions with a sink: what an I/O thread does but for the system calls.
void BroadcastAndFlush(benchmark::State& state) {
  const auto hub = HubOf(state.range(0), false);
  const FrameRef frame = Token();
  for ([[maybe_unused]] auto _ : state) {
    hub->Broadcast(kChannel, frame, kNow);
    hub->FlushReady(kNow);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// A token to one of many sessions, taken at once.
void SendAndTake(benchmark::State& state) {
  const auto hub = HubOf(state.range(0), true);
  const FrameRef frame = Token();
  std::vector<Notice> notices;
  SessionId next = 0;
  const auto sessions = static_cast<SessionId>(state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    next = (next + 7919) % sessions;
    hub->Send(next + 1, frame, kNow);
    TakeAll(hub.get(), &notices);
  }
  state.SetItemsProcessed(state.iterations());
}

void JoinAndLeave(benchmark::State& state) {
  const auto hub = HubOf(state.range(0), true);
  const auto id = static_cast<SessionId>(state.range(0) / 2);
  for ([[maybe_unused]] auto _ : state) {
    hub->Leave(kChannel, id);
    hub->Join(kChannel, id);
  }
}

BENCHMARK(Broadcast)->Arg(10)->Arg(1000)->Arg(100000);
BENCHMARK(BroadcastAndTake)->Arg(10)->Arg(1000)->Arg(100000);
BENCHMARK(BroadcastAndFlush)->Arg(10)->Arg(1000)->Arg(100000);
BENCHMARK(SendAndTake)->Arg(10)->Arg(1000)->Arg(100000);
BENCHMARK(JoinAndLeave)->Arg(1000)->Arg(100000);

}  // namespace
}  // namespace stream_llm
