#ifndef STREAM_LLM_TEST_ENGINE_OUTBOX_CHECK_H_
#define STREAM_LLM_TEST_ENGINE_OUTBOX_CHECK_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "src/hub/outbox.h"
#include "src/wire/event_writer.h"
#include "test/engine/choices.h"
#include "test/engine/outbox_model.h"

namespace stream_llm {

// Runs an Outbox and its model side by side; throws where they differ.
class OutboxCheck {
 public:
  explicit OutboxCheck(Choices* choices)
      : choices_(*choices),
        max_bytes_(1 + choices_.Below(choices_.OneIn(2) ? 300 : 3000)),
        policy_(static_cast<SlowConsumer>(choices_.Below(3))),
        framing_(static_cast<Framing>(choices_.Below(2))),
        outbox_(max_bytes_, policy_, framing_),
        model_(max_bytes_, policy_, framing_) {}

  void Run() {
    while (choices_.More()) {
      ++step_;
      if (choices_.Below(5) < 3) {
        Append();
      } else {
        Consume();
      }
      Compare();
    }
  }

 private:
  void Expect(bool condition, const std::string& what) const {
    if (!condition) Require(false, "step " + std::to_string(step_) + ": " + what);
  }

  void Append() {
    const size_t size = choices_.Below(choices_.OneIn(8) ? 700 : 40);
    std::string body(size, static_cast<char>('a' + step_ % 26));
    const FrameRef frame = FormatRaw(body);
    Expect(outbox_.Fits(frame) == model_.Fits(body), "whether a frame fits");
    const Outbox::Admission admission = outbox_.Append(frame);
    const Outbox::Admission expected = model_.Append(body);
    Expect(admission.overflow == expected.overflow, "overflow");
    Expect(admission.dropped == expected.dropped, "number of events dropped");
  }

  void Consume() {
    const size_t bytes = model_.bytes();
    const size_t count = choices_.OneIn(4) ? bytes : choices_.Below(bytes + 1);
    Expect(outbox_.Consume(count) == model_.Consume(count), "number of frames done");
  }

  void Compare() {
    Expect(outbox_.bytes() == model_.bytes(), "bytes");
    Expect(outbox_.frame_count() == model_.frame_count(), "frame count");
    Expect(outbox_.empty() == (model_.frame_count() == 0), "empty");
    Expect(model_.cost() <= model_.Bound(), "more than promised");
    std::array<std::string_view, 8> pieces;
    const size_t most = choices_.Below(pieces.size() + 1);
    const size_t filled = outbox_.Gather(std::span(pieces).first(most));
    Expect(filled == std::min(most, model_.frame_count()), "number of pieces");
    std::string gathered;
    for (size_t i = 0; i < filled; ++i) gathered += pieces[i];
    Expect(model_.waiting().starts_with(gathered), "bytes gathered");
    if (filled == model_.frame_count()) Expect(gathered == model_.waiting(), "all bytes gathered");
  }

  Choices& choices_;
  const size_t max_bytes_;
  const SlowConsumer policy_;
  const Framing framing_;
  Outbox outbox_;
  OutboxModel model_;
  size_t step_ = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_OUTBOX_CHECK_H_
