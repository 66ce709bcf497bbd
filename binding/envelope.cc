#include "binding/envelope.h"

#include <optional>
#include <string_view>

#include "binding/arguments.h"

namespace stream_llm {
namespace {

Envelope EnvelopeOf(const Napi::CallbackInfo& info) {
  std::optional<Utf8Argument> name;
  if (!info[0].IsUndefined()) name.emplace(info[0]);
  const auto view = name ? std::optional(name->view()) : std::nullopt;
  auto envelope = Envelope::Make(view, Utf8Argument(info[1]).view(), Utf8Argument(info[2]).view());
  if (envelope) return *std::move(envelope);
  throw Napi::TypeError::New(info.Env(), "An envelope needs JSON on one line around its text");
}

}  // namespace

Napi::Function EnvelopeObject::Define(Napi::Env env) { return DefineClass(env, "Envelope", {}); }

EnvelopeObject::EnvelopeObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), envelope_(EnvelopeOf(info)) {}

}  // namespace stream_llm
