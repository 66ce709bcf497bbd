#include <cstddef>
#include <cstdint>

#include "test/engine/choices.h"
#include "test/engine/envelope_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  stream_llm::FuzzedChoices choices(data, size);
  if (choices.OneIn(2)) {
    stream_llm::CheckEscape(&choices);
  } else {
    stream_llm::CheckEnvelope(&choices);
  }
  return 0;
}
