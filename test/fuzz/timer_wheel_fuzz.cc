#include <cstddef>
#include <cstdint>

#include "test/engine/choices.h"
#include "test/engine/timer_wheel_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  stream_llm::FuzzedChoices choices(data, size);
  stream_llm::TimerWheelCheck(&choices, 8).Run();
  return 0;
}
