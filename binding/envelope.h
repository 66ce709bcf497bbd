#ifndef STREAM_LLM_BINDING_ENVELOPE_H_
#define STREAM_LLM_BINDING_ENVELOPE_H_

#include <napi.h>

#include "src/wire/envelope.h"

namespace stream_llm {

// NativeEnvelope of types/native.d.ts. Owned by its JavaScript object.
class EnvelopeObject : public Napi::ObjectWrap<EnvelopeObject> {
 public:
  static Napi::Function Define(Napi::Env env);

  // Throws TypeError for what Envelope::Make() refuses.
  explicit EnvelopeObject(const Napi::CallbackInfo& info);

  const Envelope& envelope() const { return envelope_; }

 private:
  const Envelope envelope_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_BINDING_ENVELOPE_H_
