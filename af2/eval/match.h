// From a model's output to right or wrong, by the rules of docs/spec/evaluation.md section 3: the published
// ones, bit for bit with their defects, and our robust ones. A rule never guesses.
//
// Not marks by a judge (judge.h), nor sums over items (scoring.h). Thread rule: pure functions, as far as the
// encoder in MatchTools is one.
//
//   Match m = match_output(*benchmark.robust, benchmark, items.labels, item, "(b) truck", {});
//   m.parsed, m.right, m.option;  // true, true, 1
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/eval_item.h"

namespace af2 {

struct Match {
  bool parsed = false;    // the rule found an answer in the output
  bool right = false;     // and it is the right one
  bool excluded = false;  // unparsed, and the file's rule leaves such items out of the total
  bool scored = true;     // false: this rule needs what is not at hand (a judge, an encoder, a hosted page)
  double score = 0;       // 0..1: 1 and 0 for right and wrong, shares for fields, tags and overlap
  std::string value;      // what was understood: an option's text, a label's name, a number
  int option = -1;        // into the item's choices or the label list
  std::vector<std::string> values;            // several labels; fields that are right
  std::map<std::string, std::string> fields;  // marked_fields: what stood in each
  std::map<std::string, double> numbers;      // spans: known, found, matched, onset_error_s; difference ...
  std::vector<double> label_scores;           // text_scores: one for each label of the list
  std::string why;                            // which step decided, or why nothing was found
};

struct MatchTools {
  // A text tower: one unit vector for each text. Empty: not at hand, and what needs it stays unscored.
  std::function<std::vector<std::vector<float>>(const std::vector<std::string>&)> encode;
};

// The tools with what was encoded kept: a text is encoded once. The copy that is returned is not for several
// threads at once.
MatchTools remembering(MatchTools tools);

// Matches one output. Throws kUser for a rule or preparation step that is not known, naming it.
Match match_output(const MatchRule& rule, const Benchmark& benchmark, const LabelSet& labels,
                   const EvalItem& item, const std::string& output, const MatchTools& tools);

// The names of all rules.
std::vector<std::string> match_rules();
// The texts that the rule will ask the encoder for, so that a caller can have them encoded in one batch.
std::vector<std::string> texts_to_encode(const MatchRule& rule, const LabelSet& labels,
                                         const std::string& output);

// What can be chosen in an item, and which of it is right (-1: none): its choices, options that stand inside
// its question where the rule says `options: inline`, else the label list.
struct AnswerSpace {
  std::vector<std::string> names, shown;
  int gold = -1;
};
AnswerSpace answer_space(const MatchRule& rule, const LabelSet& labels, const EvalItem& item);

// Options of a question that lists them as "(a) dog (b) cat"; empty if it does not.
std::vector<std::string> inline_options(const std::string& question);

// Parts of a list at , ; and " and ", never cut inside a label of the list: name or shown form where a part
// is one, else the part as it stands.
struct AnswerPiece {
  std::string text;
  int label = -1;
};
std::vector<AnswerPiece> answer_pieces(const std::string& output, const LabelSet& labels);

}  // namespace af2
