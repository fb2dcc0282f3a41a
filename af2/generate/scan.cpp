#include "af2/generate/scan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "af2/core/error.h"
#include "af2/text/timed_answers.h"

namespace af2 {

void add_stretch(std::vector<Choice>& sums, const std::vector<Choice>& more) {
  if (sums.empty()) {
    sums = more;
    return;
  }
  double most = -std::numeric_limits<double>::infinity(), total = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i].log_probability += more[i].log_probability;
    most = std::max(most, sums[i].log_probability);
  }
  for (Choice& choice : sums) total += choice.share = std::exp(choice.log_probability - most);
  for (Choice& choice : sums) choice.share /= total;
}

std::string combining_prompt(const std::string& prompt, const std::vector<StretchAnswer>& answers) {
  std::vector<TimedAnswer> timed;
  for (const StretchAnswer& answer : answers) timed.push_back({answer.start_s, answer.end_s, answer.text});
  return combined_question(prompt, timed);
}

Scan::Scan(const Engine& engine, std::string prompt, std::vector<std::string> choices,
           const AnswerOptions& options)
    : engine_(engine), prompt_(std::move(prompt)), given_(std::move(choices)), options_(options) {}

const StretchAnswer& Scan::hear(const Memory& memory, double start_s) {
  result_.encode_ms += memory.encode_ms();
  result_.n_windows += memory.report().n_windows;
  StretchAnswer part{start_s, start_s + memory.report().seconds_used, {}, {}};
  if (!given_.empty()) {
    part.choices = engine_.choose(memory, prompt_, given_);
    part.text = likeliest(part.choices).text;
    add_stretch(result_.choices, part.choices);
    result_.stretches.push_back(std::move(part));
    return result_.stretches.back();
  }
  Answer answer = engine_.answer(memory, prompt_, options_);
  part.text = answer.text;
  const auto n = static_cast<double>(answer.tokens.size() + 1);
  const double sureness = engine_.score(memory, prompt_, answer.text) / n;
  if (result_.stretches.empty()) result_.answer = answer;
  result_.answer.prefill_ms += result_.stretches.empty() ? 0 : answer.prefill_ms;
  result_.answer.decode_ms += result_.stretches.empty() ? 0 : answer.decode_ms;
  if (open_.size() == kMostAnswers) {
    closed_.push_back(combine(open_, *surest_));
    open_.clear();
  }
  if (open_.empty() || sureness > best_) best_ = sureness, surest_ = memory;
  if (!surest_ever_ || sureness > best_ever_) best_ever_ = sureness, surest_ever_ = memory;
  open_.push_back({part.start_s, part.end_s, part.text, sureness});
  result_.stretches.push_back(std::move(part));
  return result_.stretches.back();
}

Scan::Part Scan::combine(const std::vector<Part>& parts, const Memory& memory) {
  if (parts.size() == 1) return parts.front();
  std::vector<StretchAnswer> answers;
  for (const Part& part : parts) answers.push_back({part.start_s, part.end_s, part.text, {}});
  const Answer answer = engine_.answer(memory, combining_prompt(prompt_, answers), options_);
  const double prefill = result_.answer.prefill_ms + answer.prefill_ms,
               decode = result_.answer.decode_ms + answer.decode_ms;
  result_.answer = answer;
  result_.answer.prefill_ms = prefill;
  result_.answer.decode_ms = decode;
  double most = parts.front().sureness;
  for (const Part& part : parts) most = std::max(most, part.sureness);
  return {parts.front().start_s, parts.back().end_s, answer.text, most};
}

ScanAnswer Scan::finish() {
  if (result_.stretches.empty()) throw internal_error("nothing was heard before the end of a scan");
  if (!given_.empty()) {
    result_.answer.text = likeliest(result_.choices).text;
    result_.answer.finish_reason = "stop";
    result_.answer.prompt_tokens = static_cast<int>(engine_.prompt_ids(prompt_).size());
    return std::move(result_);
  }
  closed_.push_back(combine(open_, *surest_));
  while (closed_.size() > 1) {
    std::vector<Part> next;
    for (std::size_t first = 0; first < closed_.size(); first += kMostAnswers) {
      const std::size_t last = std::min(closed_.size(), first + kMostAnswers);
      next.push_back(combine({closed_.begin() + static_cast<std::ptrdiff_t>(first),
                              closed_.begin() + static_cast<std::ptrdiff_t>(last)},
                             *surest_ever_));
    }
    closed_ = std::move(next);
  }
  result_.answer.text = closed_.front().text;
  return std::move(result_);
}

}  // namespace af2
