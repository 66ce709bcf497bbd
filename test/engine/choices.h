#ifndef STREAM_LLM_TEST_ENGINE_CHOICES_H_
#define STREAM_LLM_TEST_ENGINE_CHOICES_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <stdexcept>
#include <string>

namespace stream_llm {

// Where a randomised test takes its decisions from, so that the same test runs with a seed and with
// a fuzzer's bytes.
class Choices {
 public:
  Choices() = default;
  Choices(const Choices&) = delete;
  Choices& operator=(const Choices&) = delete;
  virtual ~Choices() = default;

  // Whether another step should be made.
  virtual bool More() = 0;
  // A number below `limit`, which is not 0.
  virtual uint64_t Below(uint64_t limit) = 0;

  bool OneIn(uint64_t count) { return Below(count) == 0; }
  template <typename T>
  const T& Of(std::span<const T> items) {
    return items[Below(items.size())];
  }
};

// The same choices for the same seed, on every machine.
class SeededChoices : public Choices {
 public:
  SeededChoices(uint64_t seed, size_t steps) : generator_(seed), steps_left_(steps) {}

  bool More() override { return steps_left_ != 0 && steps_left_-- != 0; }
  uint64_t Below(uint64_t limit) override { return generator_() % limit; }

 private:
  std::mt19937_64 generator_;
  size_t steps_left_;
};

// Choices of a fuzzer: zeros once its bytes are used up.
class FuzzedChoices : public Choices {
 public:
  FuzzedChoices(const uint8_t* data, size_t size) : bytes_(data, size) {}

  bool More() override { return !bytes_.empty(); }
  uint64_t Below(uint64_t limit) override {
    uint64_t number = 0;
    for (uint64_t range = limit - 1; range != 0 && !bytes_.empty(); range >>= 8) {
      number = number << 8 | bytes_.front();
      bytes_ = bytes_.subspan(1);
    }
    return number % limit;
  }

 private:
  std::span<const uint8_t> bytes_;
};

// Ends a randomised test: a test prints the message with its seed, a fuzzer with its input.
inline void Require(bool condition, const std::string& what) {
  if (!condition) throw std::logic_error(what);
}

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_CHOICES_H_
