#include "bench/client/options.h"

#include <charconv>
#include <iostream>
#include <string_view>

namespace stream_llm::bench {
namespace {

template <typename Number>
bool ParseNumber(std::string_view text, Number* number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParseList(std::string_view text, std::vector<uint64_t>* list) {
  while (!text.empty()) {
    size_t comma = text.find(',');
    if (!ParseNumber(text.substr(0, comma), &list->emplace_back())) return false;
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return true;
}

bool ParseOption(std::string_view name, std::string_view value, Options* options) {
  if (name == "port") return ParseNumber(value, &options->port);
  if (name == "connections") return ParseNumber(value, &options->connections);
  if (name == "stalled") return ParseNumber(value, &options->stalled);
  if (name == "deadline") return ParseNumber(value, &options->deadline);
  if (name == "silence") return ParseNumber(value, &options->silence);
  if (name == "phases") return ParseList(value, &options->phases);
  if (name == "path") {
    options->path = value;
    return true;
  }
  if (name == "check-order") {
    options->check_order = value != "no";
    return true;
  }
  return false;
}

}  // namespace

std::optional<Options> ParseOptions(std::span<char*> arguments) {
  Options options;
  for (std::string_view argument : arguments) {
    size_t equals = argument.find('=');
    bool valid = argument.starts_with("--") && equals != std::string_view::npos &&
                 ParseOption(argument.substr(2, equals - 2), argument.substr(equals + 1), &options);
    if (!valid) {
      std::cerr << "bench_client: not understood: " << argument << '\n'
                << "expected --port=N [--path=/] [--connections=N] [--stalled=N] [--phases=N,N]"
                   " [--check-order=no] [--deadline=SECONDS] [--silence=SECONDS]\n";
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace stream_llm::bench
