#include <iostream>
#include <span>

#include "bench/client/client.h"
#include "bench/client/options.h"

int main(int argc, char** argv) {
  using namespace stream_llm::bench;
  auto options = ParseOptions(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (!options) return 2;
  return Client(*options).Run();
}
