#ifndef STREAM_LLM_BINDING_ADDON_H_
#define STREAM_LLM_BINDING_ADDON_H_

#include <napi.h>

#include <optional>
#include <vector>

#include "src/engine.h"
#include "src/wire/event_writer.h"

namespace stream_llm {

// NativeAddon of types/native.d.ts: one per JavaScript environment, so that every worker has an
// engine of its own. No logic: arguments in, one call of the engine, result out.
//
// Owned by the environment and destroyed with it.
class Addon : public Napi::Addon<Addon> {
 public:
  Addon(Napi::Env env, Napi::Object exports);

 private:
  Napi::Value OpenSession(const Napi::CallbackInfo& info);
  Napi::Value AttachSocket(const Napi::CallbackInfo& info);
  Napi::Value Take(const Napi::CallbackInfo& info);
  void CloseSession(const Napi::CallbackInfo& info);
  Napi::Value EndSession(const Napi::CallbackInfo& info);
  Napi::Value BufferedBytes(const Napi::CallbackInfo& info);
  Napi::Value AwaitDrain(const Napi::CallbackInfo& info);

  Napi::Value Push(const Napi::CallbackInfo& info);
  Napi::Value PushText(const Napi::CallbackInfo& info);
  Napi::Value Retry(const Napi::CallbackInfo& info);
  Napi::Value Comment(const Napi::CallbackInfo& info);
  Napi::Value Write(const Napi::CallbackInfo& info);
  Napi::Value WriteBuffer(const Napi::CallbackInfo& info);

  Napi::Value NewChannel(const Napi::CallbackInfo& info);
  void Join(const Napi::CallbackInfo& info);
  void Leave(const Napi::CallbackInfo& info);
  Napi::Value Broadcast(const Napi::CallbackInfo& info);
  Napi::Value BroadcastText(const Napi::CallbackInfo& info);
  Napi::Value Multicast(const Napi::CallbackInfo& info);

  void OpenHistory(const Napi::CallbackInfo& info);
  void CloseHistory(const Napi::CallbackInfo& info);
  void ClearHistory(const Napi::CallbackInfo& info);
  Napi::Value BroadcastKept(const Napi::CallbackInfo& info);
  Napi::Value MulticastKept(const Napi::CallbackInfo& info);
  Napi::Value HistoryState(const Napi::CallbackInfo& info);
  Napi::Value HeldSequence(const Napi::CallbackInfo& info);
  Napi::Value HeldAfter(const Napi::CallbackInfo& info);
  Napi::Value HeldId(const Napi::CallbackInfo& info);
  Napi::Value Replay(const Napi::CallbackInfo& info);

  Napi::Value Advance(const Napi::CallbackInfo& info);
  Napi::Value Collect(const Napi::CallbackInfo& info);
  void OnNotices(const Napi::CallbackInfo& info);
  Napi::Value Stats(const Napi::CallbackInfo& info);
  void Stop(const Napi::CallbackInfo& info);

  Napi::Value Send(const Napi::CallbackInfo& info, const FrameRef& frame);
  Napi::Value Sent(Napi::Env env, bool sent);
  static void RequireSent(Napi::Env env, bool sent);
  void SetRecipients(const Napi::CallbackInfo& info, size_t first);
  Napi::Value Keep(const Napi::CallbackInfo& info, const FrameRef& frame, const Event& event);
  Napi::Value TellCaller(Napi::Env env);
  void TellCallback();
  void Stop();

  std::vector<Notice> notices_;
  std::vector<SessionId> recipients_;
  std::optional<Napi::ThreadSafeFunction> callback_;
  Engine engine_;  // Last: its threads call back until they are stopped.
};

}  // namespace stream_llm

#endif  // STREAM_LLM_BINDING_ADDON_H_
