// Questions and answers by construction from a scene's exact labels (docs/spec/data.md section 2, back end
// B).
//
// Every answer follows from the labels; answer letters, yes and no, and counts are drawn evenly; wrong
// options come uniformly from the labels that could have sounded and did not, so that an option's name tells
// nothing. Not for scoring (af2/data/answers.h). Thread rule: free functions; QaSource::item() may run on any
// thread.
//
//   const QaSource source(bank, Split::kTrain, 42, QaSourceOptions{});
//   const QaGroup group = source.item(17);      // group.scene.samples, group.questions[0].prompt
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "af2/data/scene.h"
#include "af2/data/wordings.h"

namespace af2 {

struct QaItem {
  std::string type;  // question_name()
  std::string prompt, output;
  // What can be answered, as texts: 4 phrases (what_mc), 2 phrases (order), yes and no (presence); else
  // empty.
  std::vector<std::string> options;
  int answer_index = -1;                // into options
  std::string label;                    // the class asked about (the first sounding one for caption)
  std::vector<std::string> present;     // names of all classes in the scene, by first onset
  std::vector<std::string> recordings;  // their recordings, those of `label` first; for clustering
  bool held_out_wording = false;
};

struct QuestionOptions {
  bool held_out_wording = false;
  double lettered_order = 0.3;  // share of order questions with (A) and (B)
  double lettered_answers = 1;  // share of answers "(A) a bell" where options have letters, else "a bell"
  // For balanced test sets; -1: drawn.
  int target = -1;  // the class asked about
  int answer = -1;  // what_mc: the right letter; presence: 1 yes, 0 no; order: 1 if the target is the answer
};

// Scene options that suit the type, from `base`. Draws the number of repeats for count (1-5 evenly; length of
// scene and events do not depend on it).
SceneOptions scene_for(QuestionType type, Random& rng, const SceneOptions& base);
// The same with a label that must sound (-1: none) and a fixed number of repeats (0: drawn).
SceneOptions scene_for(QuestionType type, Random& rng, const SceneOptions& base, int label, int repeats);

// One question of the type; nullopt when the scene does not allow it: order needs two sounds, each once, with
// onsets 0.5 s apart; count a scene made for it; what_mc three absent labels; what_open at most two sounds.
std::optional<QaItem> ask(QuestionType type, const Scene& scene, const SoundBank& bank, Random& rng,
                          const QuestionOptions& options = {});

// The asked type first, then up to `most` - 1 further questions of other types that keep the balance.
std::vector<QaItem> make_questions(QuestionType type, const Scene& scene, const SoundBank& bank, Random& rng,
                                   const QuestionOptions& options, int most);

struct QaGroup {
  Scene scene;
  std::vector<QaItem> questions;
};

struct QaSourceOptions {
  SceneOptions scene;
  // Weights by type, in the order of QuestionType.
  double what_open = 0.2, what_mc = 0.25, presence = 0.15, order_first = 0.1, order_last = 0.1, count = 0.1,
         caption = 0.1;
  int most_questions = 3;  // about one scene: 1..this, drawn
  double lettered_answers = 1;

  template <class V>
  void visit(V& v) {
    v.field("scene", scene, "the scenes");
    v.field("what_open", what_open, "weight of open questions on what is heard");
    v.field("what_mc", what_mc, "weight of the same with four options");
    v.field("presence", presence, "weight of yes/no questions on one sound");
    v.field("order_first", order_first, "weight of which came first");
    v.field("order_last", order_last, "weight of which came last");
    v.field("count", count, "weight of how many times");
    v.field("caption", caption, "weight of captions");
    v.field("lettered_answers", lettered_answers,
            "share of answers that begin with their option's letter; the others are its text alone");
    v.field("most_questions", most_questions, "questions about one scene at most");
  }
};

// An endless set: item k is a function of (seed, split, k) and the options. Items of the test split use the
// held-out wordings.
class QaSource {
 public:
  // Keeps a reference to `bank`. Throws kUser for weights that are negative or all zero.
  QaSource(const SoundBank& bank, Split split, std::uint64_t seed, QaSourceOptions options);
  QaGroup item(std::uint64_t index) const;
  // Other questions about the scene of item `index`, drawn anew for every `visit`. Its samples are not
  // needed. Empty where the type of its first question finds nothing to ask this time.
  std::vector<QaItem> ask_again(const Scene& scene, QuestionType type, std::uint64_t index,
                                std::uint64_t visit) const;

 private:
  const SoundBank& bank_;
  Split split_;
  std::uint64_t seed_;
  QaSourceOptions options_;
  std::array<double, kQuestionTypes> weights_;
};

}  // namespace af2
