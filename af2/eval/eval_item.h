// One question of a benchmark with what counts as right: what every layout on disk is read into
// (docs/spec/evaluation.md section 2), and what matchers, metrics and judges are given.
//
// Not a question's answer by a model (prediction.h), nor how a file says it (benchmark.h). Thread rule: plain
// values.
//
//   EvalItem item = ...;
//   item.choices.at(item.gold_index);  // "a dog"
#pragma once

#include <map>
#include <string>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

struct EvalItem {
  std::string id;       // unique in its benchmark
  std::string cluster;  // unit of resampling; as the file names it, else the first clip, else the id
  std::string task;     // of this row: the benchmark's, or what `route` says
  std::vector<std::string> audio;  // paths below the root, as checked; none: a question about a text
  double start = 0, duration = 0;  // of the clip in its file, seconds; 0: from its beginning, to its end

  std::string question, hypothesis, context;
  std::vector<std::string> choices;
  int gold_index = -1;  // into choices; -1: open, or the right answer is none of them
  // Right answers or captions, as the file writes them; the first is `answer`. Of labels: how they are shown,
  // joined by ", ", or the word for none; of marked fields: the text that holds them all.
  std::vector<std::string> refs;
  std::vector<std::string>
      labels;  // right classes, as in the label list; none of them: an item without a label
  std::map<std::string, std::string> fields;  // other roles (instrument, pitch, rubric, view ...), as text
  std::map<std::string, std::string> groups;  // what `by` names, and `category`: value of each
  std::string where;                          // file and row it comes from
  std::vector<std::string> faults;  // what is odd about it: gold not among the choices, equal options ...

  std::string answer() const { return refs.empty() ? std::string() : refs.front(); }
};

}  // namespace af2
