#ifndef STREAM_LLM_TEST_ENGINE_HUB_FIXTURE_H_
#define STREAM_LLM_TEST_ENGINE_HUB_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/hub/hub.h"
#include "src/wire/event_writer.h"
#include "test/engine/fake_sink.h"
#include "test/engine/notice_text.h"

namespace stream_llm {

// A hub, its clock, and sessions 1, 2, 3, ... in the order they are opened.
class HubTest : public testing::Test {
 protected:
  SessionId Open(const SessionOptions& options = {}) {
    hub_.Open(++last_session_, options, nullptr, now_);
    return last_session_;
  }
  // Lives as long as the hub and its sinks.
  FakeClient& NewClient(size_t room = std::numeric_limits<size_t>::max()) {
    return clients_.emplace_back(FakeClient{.room = room});
  }
  // With a sink.
  SessionId Connect(FakeClient* client, const SessionOptions& options = {}) {
    hub_.Open(++last_session_, options, std::make_unique<FakeSink>(client), now_);
    return last_session_;
  }

  void Send(SessionId id, std::string_view bytes) { hub_.Send(id, FormatRaw(bytes), now_); }
  void Broadcast(ChannelId id, std::string_view bytes) {
    hub_.Broadcast(id, FormatRaw(bytes), now_);
  }

  // Takes what then leaves at once.
  std::string Take(SessionId id, size_t most = size_t{1} << 20) {
    std::string taken = TakeUnderWay(id, most);
    SayLeft(id);
    return taken;
  }
  std::string TakeUnderWay(SessionId id, size_t most = size_t{1} << 20) {
    std::string taken(most, '\0');
    taken.resize(hub_.Take(id, taken, now_));
    return taken;
  }
  void SayLeft(SessionId id) { hub_.Take(id, {}, now_); }

  void Flush() { hub_.FlushReady(now_); }

  // Time passes, and the timers that are due run.
  void Wait(uint64_t milliseconds) {
    now_ += milliseconds;
    hub_.Advance(now_);
  }

  std::vector<std::string> Notices() {
    std::vector<Notice> notices;
    hub_.CollectNotices(&notices);
    std::vector<std::string> texts;
    texts.reserve(notices.size());
    for (const Notice& notice : notices) texts.push_back(TextOf(notice));
    return texts;
  }

  uint64_t now_ = 1000;

 private:
  std::deque<FakeClient> clients_;
  SessionId last_session_ = 0;

 protected:
  Hub hub_{now_};
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_HUB_FIXTURE_H_
