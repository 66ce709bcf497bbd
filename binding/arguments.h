#ifndef STREAM_LLM_BINDING_ARGUMENTS_H_
#define STREAM_LLM_BINDING_ARGUMENTS_H_

#include <napi.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "src/wire/envelope.h"
#include "src/wire/event_writer.h"

namespace stream_llm {

// A JavaScript string as UTF-8, without an allocation when it is short. Lone surrogates have become
// U+FFFD: Node-API replaces them.
class Utf8Argument {
 public:
  // Throws Napi::Error when `value` is not a string.
  explicit Utf8Argument(Napi::Value value);
  Utf8Argument(const Utf8Argument&) = delete;
  Utf8Argument& operator=(const Utf8Argument&) = delete;

  std::string_view view() const { return view_; }

 private:
  std::array<char, 1024> short_;
  std::unique_ptr<char[]> long_;
  std::string_view view_;
};

// A JavaScript string as it is: UTF-16, in which lone surrogates can be told. Without an allocation
// when it is short.
class Utf16Argument {
 public:
  // Throws Napi::Error when `value` is not a string.
  explicit Utf16Argument(Napi::Value value);
  Utf16Argument(const Utf16Argument&) = delete;
  Utf16Argument& operator=(const Utf16Argument&) = delete;

  std::u16string_view view() const { return view_; }

 private:
  std::array<char16_t, 512> short_;
  std::unique_ptr<char16_t[]> long_;
  std::u16string_view view_;
};

// Three arguments (data, name or undefined, id or undefined) as an Event.
class EventArguments {
 public:
  EventArguments(const Napi::CallbackInfo& info, size_t first);

  const Event& event() const { return event_; }

 private:
  Utf8Argument data_;
  std::optional<Utf8Argument> name_;
  std::optional<Utf8Argument> id_;
  Event event_;
};

// Three arguments (text, number or undefined, id or undefined) as what goes into an Envelope.
class EnclosedArguments {
 public:
  EnclosedArguments(const Napi::CallbackInfo& info, size_t first);

  const Enclosed& enclosed() const { return enclosed_; }

 private:
  Utf16Argument text_;
  std::optional<Utf8Argument> id_;
  Enclosed enclosed_;
};

// A whole number from 0 to 2^53 - 1; anything else becomes 0.
uint64_t UintArgument(Napi::Value value);

}  // namespace stream_llm

#endif  // STREAM_LLM_BINDING_ARGUMENTS_H_
