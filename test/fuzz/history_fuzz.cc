#include <cstddef>
#include <cstdint>

#include "test/engine/choices.h"
#include "test/engine/history_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  stream_llm::FuzzedChoices choices(data, size);
  stream_llm::HistoryCheck(&choices).Run();
  return 0;
}
