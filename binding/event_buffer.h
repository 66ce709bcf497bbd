#ifndef STREAM_LLM_BINDING_EVENT_BUFFER_H_
#define STREAM_LLM_BINDING_EVENT_BUFFER_H_

#include <napi.h>

#include <string_view>

#include "src/wire/event_writer.h"
#include "src/wire/frame_builder.h"

namespace stream_llm {

// NativeEventBuffer of types/native.d.ts. Owned by its JavaScript object.
class EventBuffer : public Napi::ObjectWrap<EventBuffer> {
 public:
  static Napi::Function Define(Napi::Env env);

  explicit EventBuffer(const Napi::CallbackInfo& info) : ObjectWrap(info), writer_(&bytes_) {}

  std::string_view view() const { return bytes_.view(); }

 private:
  void WriteName(const Napi::CallbackInfo& info);
  void WriteData(const Napi::CallbackInfo& info);
  void WriteId(const Napi::CallbackInfo& info);
  void WriteRetry(const Napi::CallbackInfo& info);
  void WriteComment(const Napi::CallbackInfo& info);
  void Dispatch(const Napi::CallbackInfo& info);
  void Push(const Napi::CallbackInfo& info);
  void Clear(const Napi::CallbackInfo& info);
  Napi::Value Read(const Napi::CallbackInfo& info);

  FrameBuilder bytes_;
  EventWriter writer_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_BINDING_EVENT_BUFFER_H_
