#ifndef STREAM_LLM_TEST_ENGINE_ENGINE_SOCKET_FIXTURE_H_
#define STREAM_LLM_TEST_ENGINE_ENGINE_SOCKET_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "src/engine.h"
#include "src/io/clock.h"
#include "src/wire/event_writer.h"
#include "test/engine/connection.h"
#include "test/engine/descriptor_test.h"
#include "test/engine/notice_log.h"

namespace stream_llm {

// An engine with sessions on its socket lane, and its owner.
class EngineSocketTest : public DescriptorTest {
 protected:
  void Start(size_t io_threads = 1) {
    StartWith({.io_threads = io_threads, .on_notices = notices_.teller()});
  }
  void StartWith(const EngineOptions& options) {
    engine_ = std::make_unique<Engine>(SteadyMilliseconds(), options);
    notices_.set_source([this](auto* notices) { engine_->CollectNotices(notices); });
    for (size_t i = 0; i < options.io_threads; ++i) {
      probe_connections_.push_back(ConnectUnix());
      probes_.push_back(Attach(probe_connections_.back()));
    }
  }
  void Stop() { engine_.reset(); }

  SessionId Attach(const Connection& connection, const SessionOptions& options = {}) {
    const auto id = engine_->AttachSocket(connection.server.get(), options);
    EXPECT_TRUE(id.has_value());
    return id.value_or(0);
  }

  void Send(SessionId id, std::string_view raw) {
    ASSERT_TRUE(engine_->Send(id, FormatRaw(raw), SteadyMilliseconds()));
  }
  void Broadcast(ChannelId channel, std::string_view raw) {
    ASSERT_TRUE(engine_->Broadcast(channel, FormatRaw(raw), SteadyMilliseconds()));
  }
  void Multicast(const std::vector<SessionId>& sessions, std::string_view raw) {
    ASSERT_TRUE(engine_->Multicast(sessions, FormatRaw(raw), SteadyMilliseconds()));
  }

  // Waits until the I/O threads have made it so. False after kPatience.
  template <typename Condition>
  static bool Eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  // Waits until every I/O thread has done what it was told, and offered it once to the sockets. One
  // probe is on each, because sessions are dealt out in turn.
  void Settle() {
    for (const SessionId probe : probes_) engine_->AwaitDrain(probe);
    for (const SessionId probe : probes_) {
      ASSERT_TRUE(notices_.Await(probe, NoticeKind::kDrained).has_value());
      notices_.Forget(probe);
    }
  }

  NoticeLog notices_;
  std::unique_ptr<Engine> engine_;

 private:
  std::vector<Connection> probe_connections_;
  std::vector<SessionId> probes_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_ENGINE_SOCKET_FIXTURE_H_
