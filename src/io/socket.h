#ifndef STREAM_LLM_IO_SOCKET_H_
#define STREAM_LLM_IO_SOCKET_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <optional>
#include <span>
#include <string_view>

#include "src/hub/sink.h"
#include "src/io/descriptor.h"
#include "src/io/poller.h"

namespace stream_llm {

// Sends a session's bytes to a stream socket that Node has accepted.
//
// Owns a duplicate of Node's descriptor: Node may close its own at any moment, and the system may
// give that number to another client at once; the duplicate still names this connection, and keeps
// it from being another's. Touched by one thread, that of the Hub that owns it.
class Socket final : public Sink {
 public:
  // sendmsg(2), or what a test puts in its place.
  using SendMessage = ssize_t (*)(int fd, const msghdr* message, int flags);

  // A duplicate of `fd`, set up to be written by the engine; not valid when few descriptors
  // are left, or none (errno says so). To be called by the thread that keeps `fd` open meanwhile.
  static Descriptor Duplicate(int fd);

  // `poller` must outlive the socket and reports `tag` when it can be written again.
  Socket(Descriptor descriptor, Poller* poller, Poller::Tag tag, SendMessage send = ::sendmsg);
  // Leaves the connection as it was found: Node may send its next response on it.
  ~Socket() override;

  Result Send(std::span<const std::string_view> pieces) override;

 private:
  Result Watch(size_t sent);

  const Descriptor descriptor_;
  Poller& poller_;
  const Poller::Tag tag_;
  const SendMessage send_;
  std::optional<int> unsent_before_;  // TCP_NOTSENT_LOWAT as it was found, where that was changed.
  bool added_ = false;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_IO_SOCKET_H_
