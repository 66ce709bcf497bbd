#include "binding/event_buffer.h"

#include "binding/arguments.h"

namespace stream_llm {

Napi::Function EventBuffer::Define(Napi::Env env) {
  return DefineClass(env, "EventBuffer",
                     {
                         InstanceMethod<&EventBuffer::WriteName>("event"),
                         InstanceMethod<&EventBuffer::WriteData>("data"),
                         InstanceMethod<&EventBuffer::WriteId>("id"),
                         InstanceMethod<&EventBuffer::WriteRetry>("retry"),
                         InstanceMethod<&EventBuffer::WriteComment>("comment"),
                         InstanceMethod<&EventBuffer::Dispatch>("dispatch"),
                         InstanceMethod<&EventBuffer::Push>("push"),
                         InstanceMethod<&EventBuffer::Clear>("clear"),
                         InstanceMethod<&EventBuffer::Read>("read"),
                     });
}

void EventBuffer::WriteName(const Napi::CallbackInfo& info) {
  writer_.Name(Utf8Argument(info[0]).view());
}

void EventBuffer::WriteData(const Napi::CallbackInfo& info) {
  writer_.Data(Utf8Argument(info[0]).view());
}

void EventBuffer::WriteId(const Napi::CallbackInfo& info) {
  writer_.Id(Utf8Argument(info[0]).view());
}

void EventBuffer::WriteRetry(const Napi::CallbackInfo& info) {
  writer_.Retry(UintArgument(info[0]));
}

void EventBuffer::WriteComment(const Napi::CallbackInfo& info) {
  writer_.Comment(Utf8Argument(info[0]).view());
}

void EventBuffer::Dispatch(const Napi::CallbackInfo&) { writer_.Dispatch(); }

void EventBuffer::Push(const Napi::CallbackInfo& info) {
  writer_.Write(EventArguments(info, 0).event());
}

void EventBuffer::Clear(const Napi::CallbackInfo&) { bytes_.Clear(); }

Napi::Value EventBuffer::Read(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), bytes_.view().data(), bytes_.size());
}

}  // namespace stream_llm
