#ifndef STREAM_LLM_TEST_ENGINE_NOTICE_TEXT_H_
#define STREAM_LLM_TEST_ENGINE_NOTICE_TEXT_H_

#include <array>
#include <string>

#include "src/hub/hub.h"

namespace stream_llm {

// "1 ready 5", "1 drained 1", "1 dropped 2", "1 ended", "1 closed write-timeout".
inline std::string TextOf(const Notice& notice) {
  static constexpr std::array kReasons = {"slow-consumer", "write-timeout", "connection-reset",
                                          "connection-error"};
  const std::string session = std::to_string(notice.session);
  switch (notice.kind) {
    case NoticeKind::kReady:
      return session + " ready " + std::to_string(notice.value);
    case NoticeKind::kDrained:
      return session + " drained " + std::to_string(notice.value);
    case NoticeKind::kDropped:
      return session + " dropped " + std::to_string(notice.value);
    case NoticeKind::kEnded:
      return session + " ended";
    case NoticeKind::kClosed:
      return session + " closed " + kReasons.at(notice.value);
  }
  return "unknown";
}

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_NOTICE_TEXT_H_
