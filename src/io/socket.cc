#include "src/io/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <utility>

namespace stream_llm {
namespace {

#if defined(MSG_NOSIGNAL)
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
constexpr int kSendFlags = MSG_DONTWAIT;  // Duplicate() sets SO_NOSIGPIPE instead.
#endif

// How much may wait in the kernel unsent: what waits there, no policy can drop. Enough for a round
// trip of a fast client.
constexpr int kUnsentBytes = 128 * 1024;

// The last of the process's descriptors are left to connections to come: without one, they would be
// refused, while a session can do without a duplicate. Descriptors are given out lowest first.
constexpr rlim_t kMostLeft = 256;

bool IsScarce(const Descriptor& descriptor) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  const rlim_t left = std::min(limit.rlim_cur / 8, kMostLeft);
  return static_cast<rlim_t>(descriptor.get()) >= limit.rlim_cur - left;
}

// How much may wait unsent, an option of the connection and not of the descriptor. Not essential: a
// Unix socket has none.
#if defined(TCP_NOTSENT_LOWAT)
std::optional<int> UnsentLimit(int fd) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, &size) != 0) return std::nullopt;
  return bytes;
}

bool SetUnsentLimit(int fd, int bytes) {
  return ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes) == 0;
}
#else
std::optional<int> UnsentLimit(int) { return std::nullopt; }
bool SetUnsentLimit(int, int) { return false; }
#endif

CloseReason ReasonOf(int error) {
  switch (error) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
      return CloseReason::kConnectionReset;
    default:
      return CloseReason::kConnectionError;
  }
}

Sink::Result Failure(int error) {
  return {.status = Sink::Status::kFailed, .reason = ReasonOf(error)};
}

}  // namespace

Descriptor Socket::Duplicate(int fd) {
  Descriptor duplicate(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!duplicate.valid()) return duplicate;
  if (IsScarce(duplicate)) {
    errno = EMFILE;
    return {};
  }
#if defined(SO_NOSIGPIPE)
  const int yes = 1;
  ::setsockopt(duplicate.get(), SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
#endif
  return duplicate;
}

Socket::Socket(Descriptor descriptor, Poller* poller, Poller::Tag tag, SendMessage send)
    : descriptor_(std::move(descriptor)), poller_(*poller), tag_(tag), send_(send) {
  const auto before = UnsentLimit(descriptor_.get());
  if (before && SetUnsentLimit(descriptor_.get(), kUnsentBytes)) unsent_before_ = before;
}

Socket::~Socket() {
  if (added_) poller_.Remove(descriptor_.get());
  if (unsent_before_) SetUnsentLimit(descriptor_.get(), *unsent_before_);
}

Sink::Result Socket::Send(std::span<const std::string_view> pieces) {
  std::array<iovec, kMostPieces> vectors;
  assert(pieces.size() <= vectors.size());
  const size_t count = pieces.size();
  size_t size = 0;
  for (size_t i = 0; i < count; ++i) {
    vectors[i] = {.iov_base = const_cast<char*>(pieces[i].data()), .iov_len = pieces[i].size()};
    size += pieces[i].size();
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  for (;;) {
    const ssize_t sent = send_(descriptor_.get(), &message, kSendFlags);
    if (sent >= 0) {
      const auto sent_size = static_cast<size_t>(sent);
      // A part means that the kernel has no more room.
      return sent_size < size ? Watch(sent_size) : Result{.sent = sent_size};
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Watch(0);
    if (errno != EINTR) return Failure(errno);
  }
}

Sink::Result Socket::Watch(size_t sent) {
  const int fd = descriptor_.get();
  if (!(added_ ? poller_.Rearm(fd, tag_) : poller_.Add(fd, tag_))) return Failure(errno);
  added_ = true;
  return {.sent = sent, .status = Status::kBlocked};
}

}  // namespace stream_llm
