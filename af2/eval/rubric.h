// What a judge is asked, as files: one a rubric, with its scale, the form of the reply and texts with slots
// (docs/spec/evaluation.md section 5). Those of af2/eval/rubrics are in the program.
//
//   version: 1
//   scale: [1, 10]
//   form: {"format": "json", "key": "score"}
//   --- system
//   ...
//   --- prompt
//   Answer to mark: <response>{{response}}</response>
//   --- end
//
// Scale and form are those of the benchmark's file, and are compared with it, so that what is asked for and
// what is read cannot drift apart. `trim: 1` leaves out so many of the lowest and of the highest marks of
// several repeats; `lowest_when_wrong: true` gives the lowest mark where the final answer is wrong. Not how
// replies are read (judge_parse.h). Thread rule: plain values, free functions.
//
//   const Rubric rubric = judge_rubric("longaudiobench");
//   Json messages = rubric.messages({{"question", q}, {"answer", gold}, {"response", output}});
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/llm_template.h"

namespace af2 {

struct Rubric {
  std::string id, sha256;  // of the file's text
  double low = 1, high = 10;
  Json form = Json::object();  // as JudgeSpec::parse
  int trim = 0;
  bool lowest_when_wrong = false;
  LlmTemplate texts;

  // System and user message. Every input is fenced as data_slot() does. Throws kUser for a slot that is not
  // given.
  Json messages(const std::map<std::string, std::string>& inputs) const;
};

// Throws kUser for a file that is no rubric, naming part and reason.
Rubric parse_rubric(const std::string& id, const std::string& text);
// The embedded one of that id, or `folder`'s ID.txt where it has one. Throws kUser for an unknown id.
Rubric judge_rubric(const std::string& id, const std::filesystem::path& folder = {});

// What stands between <tag> and </tag> in a prompt of a rubric; empty where there is none.
std::string fenced_text(const std::string& prompt, const std::string& tag);

// Id and content of each file of af2/eval/rubrics (generated).
const std::vector<std::pair<std::string, std::string>>& embedded_rubrics();

}  // namespace af2
