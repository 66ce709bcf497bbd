#include <cstddef>
#include <cstdint>

#include "test/engine/choices.h"
#include "test/engine/outbox_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  stream_llm::FuzzedChoices choices(data, size);
  stream_llm::OutboxCheck(&choices).Run();
  return 0;
}
