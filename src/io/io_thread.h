#ifndef STREAM_LLM_IO_IO_THREAD_H_
#define STREAM_LLM_IO_IO_THREAD_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "src/hub/hub.h"
#include "src/io/command.h"
#include "src/io/mailbox.h"
#include "src/io/poller.h"
#include "src/io/socket.h"

namespace stream_llm {

// A thread that runs one Hub whose sessions are sockets: takes all commands that wait, sends once
// to each session that has something, runs the timers, sleeps.
//
// Thread safety: the public methods belong to one thread, the owner's; everything private but the
// two mailboxes and the atomics belongs to the thread itself.
class IoThread {
 public:
  struct Options {
    // Called on the thread when notices wait and the owner has not been told since it last took
    // them.
    std::function<void()> on_notices = [] {};
    Socket::SendMessage send = ::sendmsg;
  };

  IoThread(std::unique_ptr<Poller> poller, Options options);
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;
  // Sends once more what can be sent without waiting, then closes all sessions.
  ~IoThread();

  void Post(Command command);
  // False while kMostPostedBytes wait to be read: the thread has fallen far behind.
  bool HasRoom() const { return posted_bytes_.load(std::memory_order_relaxed) < kMostPostedBytes; }
  // As Post(), for a command with a frame, and with so many receivers by name. Only while
  // HasRoom().
  void PostFrame(Command command, const FrameRef& frame, size_t receivers = 0);

  // Adds what has happened to `notices`.
  void CollectNotices(std::vector<Notice>* notices);

  // How far the thread is: counters that any thread may read.
  const HubStats& stats() const { return hub_.stats(); }

  static constexpr size_t kMostPostedBytes = size_t{256} << 20;

 private:
  void Run();
  void Turn();
  void TellNotices();
  // What a posted frame costs until it is read.
  static size_t Weight(const FrameRef& frame, size_t receivers = 0) {
    return frame->body().size() + receivers * sizeof(SessionId) + sizeof(Frame) + sizeof(Command);
  }

  void Execute(std::unique_ptr<command::Attach> attach);
  void Execute(const command::Close& close) { hub_.Close(close.session); }
  void Execute(const command::End& end) { hub_.End(end.session); }
  void Execute(const command::AwaitDrain& await) { hub_.AwaitDrain(await.session); }
  void Execute(const command::Join& join) { hub_.Join(join.channel, join.session); }
  void Execute(const command::Leave& leave) { hub_.Leave(leave.channel, leave.session); }
  void Execute(const command::Send& send);
  void Execute(const command::Broadcast& broadcast);
  void Execute(const std::unique_ptr<command::Multicast>& multicast);
  void Execute(const command::Stop&) { stopping_ = true; }

  const std::unique_ptr<Poller> poller_;
  const Options options_;
  Mailbox<Command> commands_;
  Mailbox<Notice> notices_;
  std::atomic<size_t> posted_bytes_ = 0;

  uint64_t now_;
  Hub hub_;
  bool stopping_ = false;
  bool has_worked_ = false;  // Whether the last turn had commands.
  size_t executed_bytes_ = 0;
  std::vector<Command> batch_;
  std::vector<Notice> new_notices_;
  std::vector<Poller::Tag> writable_;

  std::vector<Notice> taken_notices_;  // The owner's.

  std::thread thread_;  // Last: starts when everything else is there.
};

}  // namespace stream_llm

#endif  // STREAM_LLM_IO_IO_THREAD_H_
