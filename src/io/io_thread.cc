#include "src/io/io_thread.h"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

#include <algorithm>
#include <cassert>
#include <chrono>
#include <limits>
#include <utility>

#include "src/io/clock.h"

namespace stream_llm {
namespace {

int TimeoutUntil(std::optional<uint64_t> time, uint64_t now) {
  if (!time) return -1;
  const uint64_t wait = *time - std::min(*time, now);
  return static_cast<int>(std::min<uint64_t>(wait, std::numeric_limits<int>::max()));
}

// How long the thread lingers after a turn, before it sleeps until it is woken. What is posted
// meanwhile costs its sender no wake-up, and goes out together: much less than a client can notice.
constexpr std::chrono::microseconds kLinger{100};

// The thread that wakes this one is the event loop: it should go on, rather than have its processor
// taken by the sends that it has just handed over. The system does that for threads of this kind.
void LetWakerGoOn() {
#if defined(__linux__)
  const sched_param parameters{};
  ::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &parameters);
#endif
}

}  // namespace

IoThread::IoThread(std::unique_ptr<Poller> poller, Options options)
    : poller_(std::move(poller)),
      options_(std::move(options)),
      now_(SteadyMilliseconds()),
      hub_(now_),
      thread_([this] { Run(); }) {}

IoThread::~IoThread() {
  Post(command::Stop{});
  thread_.join();
}

void IoThread::Post(Command command) {
  if (commands_.Post(std::move(command))) poller_->Wake();
}

void IoThread::PostFrame(Command command, const FrameRef& frame, size_t receivers) {
  assert(HasRoom());
  posted_bytes_.fetch_add(Weight(frame, receivers), std::memory_order_relaxed);
  Post(std::move(command));
}

void IoThread::CollectNotices(std::vector<Notice>* notices) {
  // Sleep() says that the next notice has to be told again; what came in between is taken at once.
  do {
    notices_.TakeAll(&taken_notices_);
    notices->insert(notices->end(), taken_notices_.begin(), taken_notices_.end());
  } while (!notices_.Sleep());
}

void IoThread::Run() {
  LetWakerGoOn();
  while (!stopping_) {
    Turn();
    if (has_worked_ && !stopping_) std::this_thread::sleep_for(kLinger);
    // While commands come in, only look for sockets that can be written; never wait for them.
    const bool sleep = !stopping_ && commands_.Sleep();
    poller_->Wait(sleep ? TimeoutUntil(hub_.NextWakeUp(), now_) : 0, &writable_);
  }
}

void IoThread::Turn() {
  now_ = SteadyMilliseconds();
  // First: a client that has caught up must not be found slow for what comes now.
  for (const Poller::Tag tag : writable_) hub_.Unblock(tag, now_);
  writable_.clear();

  commands_.TakeAll(&batch_);
  has_worked_ = !batch_.empty();
  for (Command& command : batch_) {
    std::visit([this](auto& known) { Execute(std::move(known)); }, command);
  }
  batch_.clear();
  posted_bytes_.fetch_sub(std::exchange(executed_bytes_, 0), std::memory_order_relaxed);

  hub_.Advance(now_);
  hub_.FlushReady(now_);
  TellNotices();
}

void IoThread::TellNotices() {
  hub_.CollectNotices(&new_notices_);
  bool tell = false;
  for (const Notice& notice : new_notices_) tell |= notices_.Post(notice);
  new_notices_.clear();
  if (tell) options_.on_notices();
}

void IoThread::Execute(std::unique_ptr<command::Attach> attach) {
  auto socket = std::make_unique<Socket>(std::move(attach->descriptor), poller_.get(),
                                         attach->session, options_.send);
  hub_.Open(attach->session, attach->options, std::move(socket), now_)->gauge =
      std::move(attach->gauge);
}

void IoThread::Execute(const command::Send& send) {
  executed_bytes_ += Weight(send.frame);
  hub_.Send(send.session, send.frame, now_);
}

void IoThread::Execute(const command::Broadcast& broadcast) {
  executed_bytes_ += Weight(broadcast.frame);
  hub_.Broadcast(broadcast.channel, broadcast.frame, now_);
}

void IoThread::Execute(const std::unique_ptr<command::Multicast>& multicast) {
  executed_bytes_ += Weight(multicast->frame, multicast->sessions.size());
  hub_.Multicast(multicast->sessions, multicast->frame, now_);
}

}  // namespace stream_llm
