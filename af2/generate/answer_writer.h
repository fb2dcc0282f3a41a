// One answer while it is written: takes the logits of its next token, picks, keeps text and reasons to stop.
//
// It does not run the network: the engine asks each open answer for its last token and gives it the logits of
// the next one, so that several answers can share a step. Thread rule: one owner; `model` and `grammars` must
// outlive it.
//
//   AnswerWriter writer(model, grammars, n_prompt_tokens, options, on_text);
//   while (writer.open()) writer.take(logits_after(writer.tokens()));
//   Answer answer = writer.finish();
#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "af2/generate/conclusion.h"
#include "af2/generate/constraint.h"
#include "af2/generate/engine.h"
#include "af2/generate/model_folder.h"
#include "af2/generate/sampling.h"
#include "af2/text/stop_text.h"
#include "af2/text/stream.h"

namespace af2 {

class AnswerWriter {
 public:
  using OnText = std::function<void(std::string_view)>;

  // The clock starts here. Throws kUser for options that do not go together.
  AnswerWriter(const ModelFolder& model, GrammarCache& grammars, int n_prompt_tokens,
               const AnswerOptions& options, OnText on_text);

  bool open() const { return open_; }
  const std::vector<int>& tokens() const { return answer_.tokens; }
  // Logits [1, vocab] after the prompt, then after each token. Ends the answer where it is cancelled. Throws
  // kModel when they are no numbers, kUser as Constraint::mask.
  void take(const torch::Tensor& logits);
  // What was written, with its times and warnings.
  Answer finish();

 private:
  void emit(const std::string& text);
  void end(const char* reason);

  const ModelFolder& model_;
  AnswerOptions options_;
  OnText on_text_;
  Answer answer_;
  Sampler sampler_;
  Constraint constraint_;
  StreamDecoder stream_;
  StopText stop_text_;
  int most_;  // tokens
  Conclusion conclusion_;
  double start_, first_done_ = 0;
  bool open_ = true;
};

}  // namespace af2
