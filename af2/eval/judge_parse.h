// A judge's reply to marks (docs/spec/evaluation.md section 5).
//
// Reads the forms that benchmarks name: json {key | keys}, two_numbers, first_word {map}, line {after, map},
// labelled_numbers. A mark is a number on the scale or is not there: nothing is guessed, rounded or moved to
// the scale's end. Thoughts before </think> are skipped. Not asking again (judge.h). Thread rule: pure
// functions.
//
//   const ReplyMarks marks = read_marks(form, "Here: ```json\n{\"score\": \"7/10\"}\n```");
//   if (marks.problem.empty()) use(marks.mark);  // 7
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

// One criterion of a list that is stored with an item (mmar_rubrics): the scores that it allows.
struct JudgeCriterion {
  std::string name;
  std::vector<double> choices;  // ascending, not empty
};

struct MarkForm {
  std::string format;                   // json, two_numbers, first_word, line, labelled_numbers
  std::vector<std::string> keys;        // json: of the object; labelled_numbers: the labels
  std::string after;                    // line
  std::map<std::string, double> words;  // first_word, line: lower-case word to mark
  double low = 1, high = 10;
  std::vector<JudgeCriterion> criteria;  // json: the one key holds a list of scores, one a criterion
};

// From a benchmark's or a rubric's `parse` table; `axes`: labels of labelled_numbers. Throws kUser naming
// `where` for an unknown format, a missing or wrong part, a word's mark outside of the scale.
MarkForm mark_form(const Json& parse, const std::vector<std::string>& axes, double low, double high,
                   const std::string& where);

struct ReplyMarks {
  // Of the reply: the one number; of several axes the one called `overall`, else their mean; of criteria
  // their points / the most that they allow, put on the scale; of two numbers the first.
  double mark = 0;
  std::optional<double> second;        // two_numbers
  std::map<std::string, double> axes;  // by key, label or criterion
  std::string problem;                 // why it cannot be read; then nothing else counts
};

ReplyMarks read_marks(const MarkForm& form, const std::string& reply);

// The criteria in an item's text: a JSON list of {name, choices}, `choices` numbers. Throws kData naming
// `where`.
std::vector<JudgeCriterion> read_criteria(const std::string& text, const std::string& where);

// The first JSON object that `text` has anywhere; null: none.
Json first_json_object(const std::string& text);

}  // namespace af2
