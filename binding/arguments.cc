#include "binding/arguments.h"

namespace stream_llm {
namespace {

void Check(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

void Emplace(std::optional<Utf8Argument>* target, Napi::Value value) {
  if (!value.IsUndefined()) target->emplace(value);
}

std::optional<std::string_view> View(const std::optional<Utf8Argument>& text) {
  return text ? std::optional(text->view()) : std::nullopt;
}

}  // namespace

Utf8Argument::Utf8Argument(Napi::Value value) {
  constexpr size_t kLongestSequence = 4;
  const Napi::Env env = value.Env();
  size_t size = 0;
  Check(env, napi_get_value_string_utf8(env, value, short_.data(), short_.size(), &size));
  view_ = {short_.data(), size};
  if (size + kLongestSequence < short_.size()) return;

  // It may have been cut. A UTF-16 unit takes three bytes at most; asking V8 for the exact size
  // would read the string once more.
  size_t units = 0;
  Check(env, napi_get_value_string_utf16(env, value, nullptr, 0, &units));
  const size_t capacity = units * 3 + 1;
  long_ = std::make_unique_for_overwrite<char[]>(capacity);
  Check(env, napi_get_value_string_utf8(env, value, long_.get(), capacity, &size));
  view_ = {long_.get(), size};
}

Utf16Argument::Utf16Argument(Napi::Value value) {
  const Napi::Env env = value.Env();
  size_t size = 0;
  Check(env, napi_get_value_string_utf16(env, value, short_.data(), short_.size(), &size));
  view_ = {short_.data(), size};
  if (size + 1 < short_.size()) return;

  // It may have been cut.
  Check(env, napi_get_value_string_utf16(env, value, nullptr, 0, &size));
  long_ = std::make_unique_for_overwrite<char16_t[]>(size + 1);
  Check(env, napi_get_value_string_utf16(env, value, long_.get(), size + 1, &size));
  view_ = {long_.get(), size};
}

EventArguments::EventArguments(const Napi::CallbackInfo& info, size_t first) : data_(info[first]) {
  Emplace(&name_, info[first + 1]);
  Emplace(&id_, info[first + 2]);
  event_ = {.data = data_.view(), .name = View(name_), .id = View(id_)};
}

EnclosedArguments::EnclosedArguments(const Napi::CallbackInfo& info, size_t first)
    : text_(info[first]) {
  const Napi::Value number = info[first + 1];
  Emplace(&id_, info[first + 2]);
  enclosed_ = {.text = text_.view(), .number = {}, .id = View(id_)};
  if (!number.IsUndefined()) enclosed_.number = UintArgument(number);
}

uint64_t UintArgument(Napi::Value value) {
  constexpr double kLimit = 9007199254740992.0;
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0;
  return number >= 0 && number < kLimit ? static_cast<uint64_t>(number) : 0;
}

}  // namespace stream_llm
