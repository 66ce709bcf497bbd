#include "bench/client/event_reader.h"

#include <charconv>

namespace stream_llm::bench {
namespace {

// Takes `prefix` and the whole number behind it from the front of `text`.
bool TakeNumber(std::string_view* text, std::string_view prefix, uint64_t* number) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

}  // namespace

std::optional<Stamp> ReadStamp(std::string_view data) {
  if (data.starts_with(' ')) data.remove_prefix(1);
  Stamp stamp;
  if (!TakeNumber(&data, "{\"seq\":", &stamp.sequence)) return std::nullopt;
  if (!TakeNumber(&data, ",\"at\":", &stamp.sent_at)) return std::nullopt;
  return stamp;
}

}  // namespace stream_llm::bench
