// What tests of judges share: time that passes by sleeping alone, a judge's part of a benchmark, answers.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "af2/eval/judge.h"

namespace af2::test {

// Time that passes only by sleeping. Any thread.
class PatientClock {
 public:
  LlmClock clock() {
    return {[this] {
              const std::lock_guard lock(mutex_);
              return now_;
            },
            [this](double seconds) {
              const std::lock_guard lock(mutex_);
              now_ += seconds;
              slept_.push_back(seconds);
            }};
  }
  std::vector<double> slept() const {
    const std::lock_guard lock(mutex_);
    return slept_;
  }

 private:
  mutable std::mutex mutex_;
  double now_ = 1000;
  std::vector<double> slept_;
};

// As benchmarks/ID.yaml has it.
inline JudgeSpec judge_spec(const std::string& rubric) {
  const Rubric of_program = judge_rubric(rubric);
  JudgeSpec spec;
  spec.rubric = rubric;
  spec.parse = of_program.form, spec.low = of_program.low, spec.high = of_program.high;
  spec.inputs = {"question", "answer", "response"};
  if (rubric == "compa_r") spec.axes = {"clarity", "correctness", "engagement"};
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

}  // namespace af2::test
