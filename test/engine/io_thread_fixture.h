#ifndef STREAM_LLM_TEST_ENGINE_IO_THREAD_FIXTURE_H_
#define STREAM_LLM_TEST_ENGINE_IO_THREAD_FIXTURE_H_

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/io/io_thread.h"
#include "src/wire/event_writer.h"
#include "test/engine/connection.h"
#include "test/engine/descriptor_test.h"
#include "test/engine/notice_log.h"
#include "test/engine/pollers.h"

namespace stream_llm {

// An IoThread over each poller, and its owner.
class IoThreadTest : public DescriptorTest, public ::testing::WithParamInterface<PollerKind> {
 protected:
  void Start(Socket::SendMessage send = ::sendmsg) {
    thread_ = std::make_unique<IoThread>(
        GetParam().make(), IoThread::Options{.on_notices = notices_.teller(), .send = send});
    notices_.set_source([this](auto* notices) { thread_->CollectNotices(notices); });
    probe_connection_ = ConnectUnix();
    probe_ = Attach(probe_connection_);
  }
  void Stop() { thread_.reset(); }

  SessionId Attach(const Connection& connection, const SessionOptions& options = {}) {
    return Attach(Socket::Duplicate(connection.server.get()), options);
  }
  SessionId Attach(Descriptor descriptor, const SessionOptions& options = {}) {
    const SessionId id = ++last_session_;
    thread_->Post(std::make_unique<command::Attach>(
        command::Attach{id, options, std::move(descriptor), std::make_shared<Gauge>()}));
    return id;
  }

  void Send(SessionId id, const FrameRef& frame) {
    ASSERT_TRUE(thread_->HasRoom());
    thread_->PostFrame(command::Send{id, frame}, frame);
  }
  void Send(SessionId id, std::string_view raw) { Send(id, FormatRaw(raw)); }
  void Broadcast(ChannelId channel, std::string_view raw) {
    const FrameRef frame = FormatRaw(raw);
    ASSERT_TRUE(thread_->HasRoom());
    thread_->PostFrame(command::Broadcast{channel, frame}, frame);
  }
  void Multicast(std::vector<SessionId> sessions, std::string_view raw) {
    Multicast(std::move(sessions), FormatRaw(raw));
  }
  void Multicast(std::vector<SessionId> sessions, const FrameRef& frame) {
    ASSERT_TRUE(thread_->HasRoom());
    const size_t receivers = sessions.size();
    auto multicast =
        std::make_unique<command::Multicast>(command::Multicast{std::move(sessions), frame});
    thread_->PostFrame(std::move(multicast), frame, receivers);
  }
  void Join(ChannelId channel, std::initializer_list<SessionId> sessions) {
    for (const SessionId id : sessions) thread_->Post(command::Join{channel, id});
  }
  void End(SessionId id) { thread_->Post(command::End{id}); }
  void Close(SessionId id) { thread_->Post(command::Close{id}); }

  // Waits until all that was posted has been done, and what it left to send was offered once to the
  // sockets: the probe has nothing to send, so its Drained notice comes with the same turn's end.
  void Settle() {
    thread_->Post(command::AwaitDrain{probe_});
    ASSERT_TRUE(notices_.Await(probe_, NoticeKind::kDrained).has_value());
    notices_.Forget(probe_);
  }

  const HubStats& stats() const { return thread_->stats(); }

  NoticeLog notices_;
  std::unique_ptr<IoThread> thread_;

 private:
  Connection probe_connection_;
  SessionId probe_ = 0;
  SessionId last_session_ = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_IO_THREAD_FIXTURE_H_
