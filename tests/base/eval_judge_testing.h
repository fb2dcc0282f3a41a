// What tests of judges share: a judge's part of a benchmark, answers.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "../scratch.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/eval/judge.h"
#include "af2/net/http_client.h"
#include "http_stand_in.h"
#include "patient_clock.h"

namespace af2::test {

// As benchmarks/ID.yaml has it.
inline JudgeSpec judge_spec(const std::string& rubric) {
  const Rubric of_program = judge_rubric(rubric);
  JudgeSpec spec;
  spec.rubric = rubric;
  spec.parse = of_program.form, spec.low = of_program.low, spec.high = of_program.high;
  spec.inputs = {"question", "answer", "response"};
  if (rubric == "compa_r_dense") spec.inputs.push_back("dense_caption");
  if (rubric == "compa_r" || rubric == "compa_r_dense") spec.axes = {"clarity", "correctness", "engagement"};
  if (rubric == "mmau_pro_open")
    spec.axes = {"correctness", "relevance", "completeness", "clarity", "overall"}, spec.official_missing = 3;
  if (rubric == "audiobench_0_5" || rubric == "caption_0_5") spec.inputs = {"answer", "response"};
  if (rubric == "airbench_pair")
    spec.inputs = {"context", "question", "answer", "response"}, spec.swap = true;
  if (rubric == "mmar_rubrics") spec.inputs.push_back("rubric"), spec.repeats = 5;
  return spec;
}

inline JudgeCase judge_case_of(const std::string& id, const std::string& reference,
                               const std::string& response, const std::string& category = "") {
  JudgeCase one;
  one.id = id, one.category = category;
  one.inputs = {{"question", "What is heard?"}, {"answer", reference}, {"response", response}};
  return one;
}

inline const std::string kJudgedText = "a dog barks twice and then rain falls";

// Judges that keep what they are told in a folder of the test.
class JudgeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!built_with_http()) GTEST_SKIP() << "built without HTTP";
  }
  JudgeOptions options(const std::string& url) const {
    JudgeOptions o;
    o.url = url, o.model = "m", o.timeout_s = 5;
    return o;
  }
  Judge judge(const std::string& url, const JudgeSpec& spec = judge_spec("longaudiobench")) {
    return Judge(spec, options(url), "secret-key", scratch.path(), time.clock());
  }
  std::vector<std::string> lines() const {
    auto all = split(read_file(scratch / "judge.jsonl"), '\n');
    all.pop_back();  // behind the last end of line
    return all;
  }
  static StandInReply score(double n) { return StandIn::says(Json{{"score", n}}.dump()); }

  Scratch scratch;
  PatientClock time;
};

inline std::vector<JudgeCase> numbered_cases(int n) {
  std::vector<JudgeCase> cases;
  for (int i = 0; i < n; ++i)
    cases.push_back(
        judge_case_of("item" + std::to_string(i), kJudgedText, kJudgedText + " " + std::to_string(i)));
  return cases;
}

}  // namespace af2::test
