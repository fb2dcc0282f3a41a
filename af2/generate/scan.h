// A question about a clip of any length: every stretch of it is heard, and the answers are combined
// (docs/spec/interfaces.md section 1, `--long scan`).
//
// With given answers the log-probabilities of each are summed over the stretches. A free answer is asked for
// each stretch; then the model is asked again with up to twelve of these answers and their times in the
// question, hearing the stretch that it was surest about, and so on as a tree until one answer is left.
// Memory stays that of one stretch, whatever the length: clips come one by one, and only the surest stretch
// of a group is kept. Thread rule: one owner.
//
//   Scan scan(engine, "what happens?", {}, options);
//   for (...) scan.hear(stretch, start_s);
//   ScanAnswer whole = scan.finish();
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "af2/generate/engine.h"

namespace af2 {

struct StretchAnswer {
  double start_s = 0, end_s = 0;
  std::string text;
  std::vector<Choice> choices;  // with given answers
};

struct ScanAnswer {
  Answer answer;                         // the combined one; of a single stretch its own
  std::vector<StretchAnswer> stretches;  // in time order, all of them
  std::vector<Choice> choices;           // with given answers: sums over the stretches
  double encode_ms = 0;
  int n_windows = 0;
};

class Scan {
 public:
  static constexpr std::size_t kMostAnswers = 12;  // in one combining question

  // Keeps a reference to `engine`. `prompt` is the question, without a list of the choices.
  Scan(const Engine& engine, std::string prompt, std::vector<std::string> choices,
       const AnswerOptions& options);

  // Hears one more stretch, which begins at start_s of the clip. Throws kData.
  const StretchAnswer& hear(const Clip& stretch, double start_s) {
    return hear(engine_.listen(stretch), start_s);
  }
  // The same of a stretch that was heard already.
  const StretchAnswer& hear(const Memory& memory, double start_s);
  // Throws kInternal when nothing was heard.
  ScanAnswer finish();

 private:
  // An answer about a part of the clip, and how sure the model was of it (mean log-probability of a token).
  struct Part {
    double start_s = 0, end_s = 0;
    std::string text;
    double sureness = 0;
  };
  // Asks about `parts` together, hearing `memory`.
  Part combine(const std::vector<Part>& parts, const Memory& memory);

  const Engine& engine_;
  std::string prompt_;
  std::vector<std::string> given_;
  AnswerOptions options_;
  ScanAnswer result_;
  std::vector<Part> open_, closed_;             // of the present group, and combined groups
  std::optional<Memory> surest_, surest_ever_;  // of the present group, and of all
  double best_ = 0, best_ever_ = 0;
};

// Sums of log-probabilities, one stretch after the other, and the shares that follow. `sums` may be empty.
void add_stretch(std::vector<Choice>& sums, const std::vector<Choice>& more);

// "question (0:00-5:00: an answer. 5:00-10:00: another.)": what a combining question looks like.
std::string combining_prompt(const std::string& prompt, const std::vector<StretchAnswer>& answers);

}  // namespace af2
