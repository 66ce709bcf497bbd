#include "binding/addon.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "binding/arguments.h"
#include "binding/envelope.h"
#include "binding/event_buffer.h"
#include "src/io/clock.h"

namespace stream_llm {
namespace {

uint64_t Now() { return SteadyMilliseconds(); }

size_t IoThreads() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing of ours changes the environment.
  const char* const threads = std::getenv("STREAM_LLM_IO_THREADS");
  if (threads == nullptr) return 1;
  return static_cast<size_t>(std::max(1L, std::strtol(threads, nullptr, 10)));
}

// 0 stands for no limit.
size_t LimitArgument(Napi::Value value) {
  const uint64_t limit = UintArgument(value);
  return limit == 0 ? std::numeric_limits<size_t>::max() : static_cast<size_t>(limit);
}

std::string_view BytesOf(const Napi::Uint8Array& array) {
  return {reinterpret_cast<const char*>(array.Data()), array.ByteLength()};
}

// Of an envelope, and what goes into it.
FrameRef FormatText(const Napi::CallbackInfo& info, size_t first) {
  const auto* const object = EnvelopeObject::Unwrap(info[first].As<Napi::Object>());
  return object->envelope().Format(EnclosedArguments(info, first + 1).enclosed());
}

SessionOptions SessionOptionsOf(const Napi::CallbackInfo& info, size_t first) {
  return {
      .keep_alive_ms = UintArgument(info[first]),
      .write_timeout_ms = UintArgument(info[first + 1]),
      .max_buffered_bytes = static_cast<size_t>(UintArgument(info[first + 2])),
      .slow_consumer = static_cast<SlowConsumer>(std::min<uint64_t>(
          UintArgument(info[first + 3]), static_cast<uint64_t>(SlowConsumer::kDropNewest))),
  };
}

}  // namespace

Addon::Addon(Napi::Env env, Napi::Object exports)
    : engine_(Now(), {.io_threads = IoThreads(), .on_notices = [this] {
                        if (callback_) callback_->NonBlockingCall();
                      }}) {
  DefineAddon(exports, {
                           InstanceValue("EventBuffer", EventBuffer::Define(env)),
                           InstanceValue("Envelope", EnvelopeObject::Define(env)),
                           InstanceMethod<&Addon::OpenSession>("openSession"),
                           InstanceMethod<&Addon::AttachSocket>("attachSocket"),
                           InstanceMethod<&Addon::Take>("take"),
                           InstanceMethod<&Addon::CloseSession>("closeSession"),
                           InstanceMethod<&Addon::EndSession>("endSession"),
                           InstanceMethod<&Addon::BufferedBytes>("bufferedBytes"),
                           InstanceMethod<&Addon::AwaitDrain>("awaitDrain"),
                           InstanceMethod<&Addon::Push>("push"),
                           InstanceMethod<&Addon::PushText>("pushText"),
                           InstanceMethod<&Addon::Retry>("retry"),
                           InstanceMethod<&Addon::Comment>("comment"),
                           InstanceMethod<&Addon::Write>("write"),
                           InstanceMethod<&Addon::WriteBuffer>("writeBuffer"),
                           InstanceMethod<&Addon::NewChannel>("newChannel"),
                           InstanceMethod<&Addon::Join>("join"),
                           InstanceMethod<&Addon::Leave>("leave"),
                           InstanceMethod<&Addon::Broadcast>("broadcast"),
                           InstanceMethod<&Addon::BroadcastText>("broadcastText"),
                           InstanceMethod<&Addon::Multicast>("multicast"),
                           InstanceMethod<&Addon::OpenHistory>("openHistory"),
                           InstanceMethod<&Addon::CloseHistory>("closeHistory"),
                           InstanceMethod<&Addon::ClearHistory>("clearHistory"),
                           InstanceMethod<&Addon::BroadcastKept>("broadcastKept"),
                           InstanceMethod<&Addon::MulticastKept>("multicastKept"),
                           InstanceMethod<&Addon::HistoryState>("historyState"),
                           InstanceMethod<&Addon::HeldSequence>("heldSequence"),
                           InstanceMethod<&Addon::HeldAfter>("heldAfter"),
                           InstanceMethod<&Addon::HeldId>("heldId"),
                           InstanceMethod<&Addon::Replay>("replay"),
                           InstanceMethod<&Addon::Advance>("advance"),
                           InstanceMethod<&Addon::Collect>("collect"),
                           InstanceMethod<&Addon::OnNotices>("onNotices"),
                           InstanceMethod<&Addon::Stats>("stats"),
                           InstanceMethod<&Addon::Stop>("stop"),
                       });
}

Napi::Value Addon::OpenSession(const Napi::CallbackInfo& info) {
  const SessionId id = engine_.OpenSession(SessionOptionsOf(info, 0), Now());
  return Napi::Number::New(info.Env(), static_cast<double>(id));
}

Napi::Value Addon::AttachSocket(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  SessionOptions options = SessionOptionsOf(info, 2);
  options.framing = info[1].As<Napi::Boolean>() ? Framing::kChunked : Framing::kRaw;
  const auto id = engine_.AttachSocket(fd, options);
  return Napi::Number::New(info.Env(), id ? static_cast<double>(*id) : -errno);
}

Napi::Value Addon::Take(const Napi::CallbackInfo& info) {
  auto into = info[1].As<Napi::Uint8Array>();
  const size_t taken = engine_.Take(
      UintArgument(info[0]), {reinterpret_cast<char*>(into.Data()), into.ByteLength()}, Now());
  TellCallback();
  return Napi::Number::New(info.Env(), static_cast<double>(taken));
}

void Addon::CloseSession(const Napi::CallbackInfo& info) {
  engine_.CloseSession(UintArgument(info[0]));
}

Napi::Value Addon::EndSession(const Napi::CallbackInfo& info) {
  engine_.EndSession(UintArgument(info[0]));
  return TellCaller(info.Env());
}

Napi::Value Addon::BufferedBytes(const Napi::CallbackInfo& info) {
  const size_t bytes = engine_.BufferedBytes(UintArgument(info[0]));
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

Napi::Value Addon::AwaitDrain(const Napi::CallbackInfo& info) {
  engine_.AwaitDrain(UintArgument(info[0]));
  return TellCaller(info.Env());
}

Napi::Value Addon::Push(const Napi::CallbackInfo& info) {
  return Send(info, FormatEvent(EventArguments(info, 1).event()));
}

Napi::Value Addon::PushText(const Napi::CallbackInfo& info) {
  return Send(info, FormatText(info, 1));
}

Napi::Value Addon::Retry(const Napi::CallbackInfo& info) {
  return Send(info, FormatRetry(UintArgument(info[1])));
}

Napi::Value Addon::Comment(const Napi::CallbackInfo& info) {
  return Send(info, FormatComment(Utf8Argument(info[1]).view()));
}

Napi::Value Addon::Write(const Napi::CallbackInfo& info) {
  return Send(info, FormatRaw(BytesOf(info[1].As<Napi::Uint8Array>())));
}

Napi::Value Addon::WriteBuffer(const Napi::CallbackInfo& info) {
  return Send(info, FormatRaw(EventBuffer::Unwrap(info[1].As<Napi::Object>())->view()));
}

Napi::Value Addon::NewChannel(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(engine_.NewChannel()));
}

void Addon::Join(const Napi::CallbackInfo& info) {
  engine_.Join(UintArgument(info[0]), UintArgument(info[1]));
}

void Addon::Leave(const Napi::CallbackInfo& info) {
  engine_.Leave(UintArgument(info[0]), UintArgument(info[1]));
}

Napi::Value Addon::Broadcast(const Napi::CallbackInfo& info) {
  const FrameRef frame = FormatEvent(EventArguments(info, 1).event());
  return Sent(info.Env(), engine_.Broadcast(UintArgument(info[0]), frame, Now()));
}

Napi::Value Addon::BroadcastText(const Napi::CallbackInfo& info) {
  const FrameRef frame = FormatText(info, 1);
  return Sent(info.Env(), engine_.Broadcast(UintArgument(info[0]), frame, Now()));
}

Napi::Value Addon::Multicast(const Napi::CallbackInfo& info) {
  SetRecipients(info, 0);
  const FrameRef frame = FormatEvent(EventArguments(info, 2).event());
  return Sent(info.Env(), engine_.Multicast(recipients_, frame, Now()));
}

void Addon::OpenHistory(const Napi::CallbackInfo& info) {
  engine_.OpenHistory(UintArgument(info[0]), {
                                                 .max_events = LimitArgument(info[1]),
                                                 .max_bytes = LimitArgument(info[2]),
                                                 .max_age_ms = UintArgument(info[3]),
                                             });
}

void Addon::CloseHistory(const Napi::CallbackInfo& info) {
  engine_.CloseHistory(UintArgument(info[0]));
}

void Addon::ClearHistory(const Napi::CallbackInfo& info) {
  History* const history = engine_.FindHistory(UintArgument(info[0]), Now());
  if (history != nullptr) history->Clear();
}

Napi::Value Addon::BroadcastKept(const Napi::CallbackInfo& info) {
  const EventArguments arguments(info, 2);
  const FrameRef frame = FormatEvent(arguments.event());
  RequireSent(info.Env(), engine_.Broadcast(UintArgument(info[0]), frame, Now()));
  return Keep(info, frame, arguments.event());
}

Napi::Value Addon::MulticastKept(const Napi::CallbackInfo& info) {
  SetRecipients(info, 2);
  const EventArguments arguments(info, 4);
  const FrameRef frame = FormatEvent(arguments.event());
  RequireSent(info.Env(), engine_.Multicast(recipients_, frame, Now()));
  return Keep(info, frame, arguments.event());
}

Napi::Value Addon::HistoryState(const Napi::CallbackInfo& info) {
  auto state = Napi::Float64Array::New(info.Env(), 4);
  const History* const history = engine_.FindHistory(UintArgument(info[0]), Now());
  if (history == nullptr) return state;
  state[0] = static_cast<double>(history->first());
  state[1] = static_cast<double>(history->end());
  state[2] = static_cast<double>(history->bytes());
  state[3] = static_cast<double>(history->evicted_order());
  return state;
}

Napi::Value Addon::HeldSequence(const Napi::CallbackInfo& info) {
  const History* const history = engine_.FindHistory(UintArgument(info[0]), Now());
  const auto sequence =
      history == nullptr ? std::nullopt : history->SequenceOf(Utf8Argument(info[1]).view());
  return Napi::Number::New(info.Env(), static_cast<double>(sequence.value_or(0)));
}

Napi::Value Addon::HeldAfter(const Napi::CallbackInfo& info) {
  const History* const history = engine_.FindHistory(UintArgument(info[0]), Now());
  const uint64_t sequence = history == nullptr ? 0 : history->FirstAfter(UintArgument(info[1]));
  return Napi::Number::New(info.Env(), static_cast<double>(sequence));
}

Napi::Value Addon::HeldId(const Napi::CallbackInfo& info) {
  const History* const history = engine_.FindHistory(UintArgument(info[0]), Now());
  const uint64_t sequence = UintArgument(info[1]);
  const bool is_held =
      history != nullptr && sequence >= history->first() && sequence < history->end();
  if (!is_held) return info.Env().Undefined();
  return Napi::String::New(info.Env(), (*history)[sequence].id);
}

Napi::Value Addon::Replay(const Napi::CallbackInfo& info) {
  const uint64_t next =
      engine_.Replay(UintArgument(info[0]), UintArgument(info[1]), UintArgument(info[2]),
                     UintArgument(info[3]), static_cast<size_t>(UintArgument(info[4])), Now());
  return Napi::Number::New(info.Env(), static_cast<double>(next));
}

Napi::Value Addon::Advance(const Napi::CallbackInfo& info) {
  const uint64_t now = Now();
  engine_.Advance(now);
  TellCallback();
  const auto wake_up = engine_.NextWakeUp();
  if (!wake_up) return Napi::Number::New(info.Env(), -1);
  return Napi::Number::New(info.Env(), static_cast<double>(*wake_up - std::min(*wake_up, now)));
}

Napi::Value Addon::Collect(const Napi::CallbackInfo& info) {
  notices_.clear();
  engine_.CollectNotices(&notices_);
  if (notices_.empty()) return info.Env().Undefined();
  auto triples = Napi::Float64Array::New(info.Env(), notices_.size() * 3);
  double* next = triples.Data();
  for (const Notice& notice : notices_) {
    *next++ = static_cast<double>(notice.session);
    *next++ = static_cast<double>(notice.kind);
    *next++ = static_cast<double>(notice.value);
  }
  return triples;
}

void Addon::OnNotices(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Stop();
  callback_ = Napi::ThreadSafeFunction::New(env, info[0].As<Napi::Function>(), "stream-llm", 0, 1);
  callback_->Unref(env);
  // Runs before the one that Node-API has added for the function itself.
  env.AddCleanupHook([](Addon* addon) { addon->Stop(); }, this);
}

Napi::Value Addon::Stats(const Napi::CallbackInfo& info) {
  const EngineStats stats = engine_.Stats();
  auto result = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, uint64_t count) {
    result.Set(name, static_cast<double>(count));
  };
  set("frames", stats.frames);
  set("bytes", stats.bytes);
  set("sends", stats.sends);
  set("coalesced", stats.coalesced);
  set("blocked", stats.blocked);
  set("dropped", stats.dropped);
  return result;
}

void Addon::Stop(const Napi::CallbackInfo&) { engine_.StopIoThreads(); }

Napi::Value Addon::Send(const Napi::CallbackInfo& info, const FrameRef& frame) {
  return Sent(info.Env(), engine_.Send(UintArgument(info[0]), frame, Now()));
}

Napi::Value Addon::Sent(Napi::Env env, bool sent) {
  RequireSent(env, sent);
  return TellCaller(env);
}

void Addon::RequireSent(Napi::Env env, bool sent) {
  if (sent) return;
  auto error = Napi::Error::New(env, "The engine is too far behind to take more events");
  error.Set("code", Napi::String::New(env, "overloaded"));
  throw Napi::Error(error);
}

// From (sessions, count) in the arguments.
void Addon::SetRecipients(const Napi::CallbackInfo& info, size_t first) {
  const auto sessions = info[first].As<Napi::Float64Array>();
  const size_t count =
      std::min(static_cast<size_t>(UintArgument(info[first + 1])), sessions.ElementLength());
  recipients_.clear();
  for (size_t i = 0; i < count; ++i) recipients_.push_back(static_cast<SessionId>(sessions[i]));
}

// Of the arguments (channel, order), which come first.
Napi::Value Addon::Keep(const Napi::CallbackInfo& info, const FrameRef& frame, const Event& event) {
  const bool is_due_earlier = engine_.Keep(UintArgument(info[0]), frame, event.id.value_or(""),
                                           UintArgument(info[1]), Now());
  const bool has_notices = engine_.TellOfNotices();
  return Napi::Boolean::New(info.Env(), has_notices || is_due_earlier);
}

Napi::Value Addon::TellCaller(Napi::Env env) {
  return Napi::Boolean::New(env, engine_.TellOfNotices());
}

// For calls whose result is not whether there are notices.
void Addon::TellCallback() {
  if (callback_ && engine_.TellOfNotices()) callback_->NonBlockingCall();
}

void Addon::Stop() {
  engine_.StopIoThreads();
  if (callback_) callback_->Abort();
  callback_.reset();
}

}  // namespace stream_llm

using stream_llm::Addon;
NODE_API_ADDON(Addon)
