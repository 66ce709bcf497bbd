#ifndef STREAM_LLM_TEST_ENGINE_HUB_CHECK_H_
#define STREAM_LLM_TEST_ENGINE_HUB_CHECK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/hub/hub.h"
#include "src/wire/event_writer.h"
#include "test/engine/choices.h"
#include "test/engine/fake_sink.h"
#include "test/engine/hub_model.h"
#include "test/engine/notice_text.h"

namespace stream_llm {

// Runs a Hub and its model side by side, time included; throws where they differ.
class HubCheck {
 public:
  explicit HubCheck(Choices* choices) : choices_(*choices), hub_(std::make_unique<Hub>(now_)) {}

  void Run() {
    while (choices_.More()) {
      ++step_;
      Step();
      CompareCounts();
      CompareSession(ChooseSession());
    }
    for (SessionId id = 1; id <= last_session_; ++id) CompareSession(id);
    hub_.reset();
    for (const auto& [id, client] : clients_) Expect(client->sink_destroyed, "a sink outlives all");
  }

 private:
  void Expect(bool condition, const char* what) const {
    if (!condition) Require(false, "step " + std::to_string(step_) + ": " + what);
  }

  void Step() {
    switch (choices_.Below(16)) {
      case 0:
        return Open();
      case 1:
        return Finish();
      case 2:
      case 3:
        return Join();
      case 4:
        return Leave();
      case 5:
      case 6:
        return Broadcast();
      case 7:
      case 8:
        return Send();
      case 9:
        return Multicast();
      case 10:
      case 11:
        return Take();
      case 12:
        return Flush();
      case 13:
        return Unblock();
      case 14:
        return Advance();
      default:
        return Collect();
    }
  }

  // Most often one that is open.
  SessionId ChooseSession() {
    const auto& sessions = model_.sessions();
    if (sessions.empty() || choices_.OneIn(16)) return choices_.Below(last_session_ + 2);
    return std::next(sessions.begin(), static_cast<ptrdiff_t>(choices_.Below(sessions.size())))
        ->first;
  }
  ChannelId ChooseChannel() { return choices_.Below(5); }
  std::string ChooseBody() {
    const size_t size = choices_.Below(choices_.OneIn(8) ? 200 : 20);
    std::string body;
    body.assign(size, static_cast<char>('a' + step_ % 26));
    return body;
  }

  void Open() {
    if (model_.sessions().size() == 12) return;
    const SessionOptions options = {
        .keep_alive_ms = choices_.OneIn(2) ? choices_.Below(80) : 0,
        .write_timeout_ms = choices_.OneIn(2) ? choices_.Below(80) : 0,
        .max_buffered_bytes = 1 + choices_.Below(700),
        .slow_consumer = static_cast<SlowConsumer>(choices_.Below(3)),
        .framing = static_cast<Framing>(choices_.Below(2)),
    };
    const SessionId id = ++last_session_;
    std::unique_ptr<FakeSink> sink;
    if (choices_.OneIn(2)) {
      clients_[id] = std::make_unique<FakeClient>();
      sink = std::make_unique<FakeSink>(clients_[id].get());
    }
    const bool pulled = sink == nullptr;
    hub_->Open(id, options, std::move(sink), now_);
    model_.sessions().emplace(std::piecewise_construct, std::forward_as_tuple(id),
                              std::forward_as_tuple(options, pulled, now_));
  }

  void Finish() {
    const SessionId id = ChooseSession();
    switch (choices_.Below(3)) {
      case 0:
        hub_->Close(id);
        model_.sessions().erase(id);
        break;
      case 1:
        hub_->End(id);
        model_.End(id);
        break;
      default:
        hub_->AwaitDrain(id);
        model_.AwaitDrain(id);
    }
  }

  void Join() {
    const SessionId id = ChooseSession();
    const ChannelId channel = ChooseChannel();
    hub_->Join(channel, id);
    if (HubModel::Session* const session = model_.Find(id)) session->channels.insert(channel);
  }

  void Leave() {
    const SessionId id = ChooseSession();
    const ChannelId channel = ChooseChannel();
    hub_->Leave(channel, id);
    if (HubModel::Session* const session = model_.Find(id)) session->channels.erase(channel);
  }

  void Broadcast() {
    const ChannelId channel = ChooseChannel();
    const std::string body = ChooseBody();
    hub_->Broadcast(channel, FormatRaw(body), now_);
    model_.Broadcast(channel, body, now_);
  }

  void Send() {
    const SessionId id = ChooseSession();
    const std::string body = ChooseBody();
    hub_->Send(id, FormatRaw(body), now_);
    model_.SendTo({&id, 1}, body, now_);
  }

  void Multicast() {
    std::vector<SessionId> ids(choices_.Below(5));
    for (SessionId& id : ids) id = ChooseSession();
    const std::string body = ChooseBody();
    hub_->Multicast(ids, FormatRaw(body), now_);
    model_.SendTo(ids, body, now_);
  }

  void Take() {
    const SessionId id = ChooseSession();
    const HubModel::Session* const session = model_.Find(id);
    if (session != nullptr && !session->pulled) return;
    const size_t most = choices_.Below(choices_.OneIn(2) ? 300 : 10);
    std::string taken(most, '\0');
    taken.resize(hub_->Take(id, taken, now_));
    Expect(taken == model_.Take(id, most, now_), "bytes taken");
  }

  void Flush() {
    hub_->FlushReady(now_);
    model_.FlushReady(now_);
  }

  void Unblock() {
    const SessionId id = ChooseSession();
    const auto client = clients_.find(id);
    if (client == clients_.end()) return;
    client->second->room =
        choices_.OneIn(3) ? std::numeric_limits<size_t>::max() : choices_.Below(30);
    if (choices_.OneIn(16)) client->second->failure = static_cast<CloseReason>(choices_.Below(4));
    if (HubModel::Session* const session = model_.Find(id)) {
      session->room = client->second->room;
      session->failure = client->second->failure;
    }
    hub_->Unblock(id, now_);
    model_.Unblock(id, now_);
  }

  void Advance() {
    now_ += choices_.Below(choices_.OneIn(8) ? 1000 : 20);
    hub_->Advance(now_);
    model_.Advance(now_);
    const auto wake_up = hub_->NextWakeUp();
    if (wake_up) Expect(*wake_up > now_, "a wake-up in the past");
  }

  void Collect() {
    std::vector<Notice> notices;
    const bool has_notices = hub_->has_notices();
    hub_->CollectNotices(&notices);
    Expect(has_notices || notices.empty(), "has_notices");
    std::map<SessionId, std::vector<std::string>> actual;
    for (const Notice& notice : notices) {
      // It may have been taken since it was ready.
      if (notice.kind == NoticeKind::kReady && notice.value == 0) continue;
      actual[notice.session].push_back(TextOf(notice));
    }
    auto expected = model_.CollectNotices();
    for (const auto& [id, texts] : expected) CompareNotices(id, texts, actual[id]);
    Expect(actual.size() == expected.size(), "notices of sessions without any");
  }

  void CompareNotices(SessionId id, std::vector<std::string> expected,
                      std::vector<std::string> actual) {
    if (model_.Find(id) == nullptr) {
      Expect(!actual.empty() && actual.back() == expected.back(), "the last notice of a session");
    }
    std::sort(expected.begin(), expected.end());
    std::sort(actual.begin(), actual.end());
    Expect(actual == expected, "notices");
  }

  void CompareCounts() {
    Expect(hub_->session_count() == model_.sessions().size(), "session count");
    Expect(hub_->channel_count() == model_.channel_count(), "channel count");
    const uint64_t deadline = model_.FirstDeadline();
    if (deadline == std::numeric_limits<uint64_t>::max()) return;
    const auto wake_up = hub_->NextWakeUp();
    Expect(wake_up && *wake_up <= deadline, "a wake-up after a deadline");
  }

  void CompareSession(SessionId id) {
    const Session* const session = hub_->Find(id);
    const HubModel::Session* const expected = model_.Find(id);
    Expect((session == nullptr) == (expected == nullptr), "which sessions are open");
    if (session != nullptr) {
      Expect(session->outbox.bytes() == expected->outbox.bytes(), "bytes that wait");
    }
    const auto client = clients_.find(id);
    if (client == clients_.end()) return;
    Expect(client->second->received == model_.received(id), "bytes received");
    Expect(client->second->sink_destroyed == (session == nullptr), "the life of a sink");
  }

  Choices& choices_;
  uint64_t now_ = 5000;
  std::map<SessionId, std::unique_ptr<FakeClient>> clients_;
  std::unique_ptr<Hub> hub_;
  HubModel model_;
  SessionId last_session_ = 0;
  size_t step_ = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_HUB_CHECK_H_
