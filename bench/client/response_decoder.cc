#include "bench/client/response_decoder.h"

#include <algorithm>
#include <cctype>

namespace stream_llm::bench {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

size_t ResponseDecoder::FeedHead(std::string_view bytes) {
  size_t had = head_.size();
  head_ += bytes;
  size_t end = head_.find("\r\n\r\n", had < 3 ? 0 : had - 3);
  if (end == std::string::npos) return bytes.size();
  size_t taken = end + 4 - had;

  head_.resize(end);
  std::transform(head_.begin(), head_.end(), head_.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  bool is_chunked = head_.find("\r\ntransfer-encoding: chunked") != std::string::npos;
  if (!head_.starts_with("http/1.1 200")) {
    state_ = State::kFailed;
    head_.resize(std::min(head_.find("\r\n"), head_.size()));
    return taken;
  }
  state_ = is_chunked ? State::kChunkSize : State::kIdentity;
  head_.clear();
  head_.shrink_to_fit();
  return taken;
}

size_t ResponseDecoder::FeedChunkSize(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    char c = bytes[i];
    if (c == '\n') {
      if (!has_digit_) {
        state_ = State::kFailed;
      } else {
        state_ = left_ == 0 ? State::kEnded : State::kChunkData;
      }
      has_digit_ = in_extension_ = false;
      return i + 1;
    }
    int digit = HexDigit(c);
    if (c == ';') {
      in_extension_ = true;
    } else if (digit >= 0 && !in_extension_) {
      left_ = left_ * 16 + static_cast<uint64_t>(digit);
      has_digit_ = true;
    } else if (c != '\r' && !in_extension_) {
      state_ = State::kFailed;
      return bytes.size();
    }
  }
  return bytes.size();
}

size_t ResponseDecoder::FeedChunkEnd(std::string_view bytes) {
  if (bytes[0] == '\n') {
    state_ = State::kChunkSize;
  } else if (bytes[0] != '\r') {
    state_ = State::kFailed;
  }
  return 1;
}

}  // namespace stream_llm::bench
