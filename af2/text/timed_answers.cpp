#include "af2/text/timed_answers.h"

#include <fmt/format.h>

#include <cmath>

#include "af2/core/text_util.h"

namespace af2 {

std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(std::floor(seconds));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string timed_list(const std::vector<TimedAnswer>& answers) {
  std::string text = "(";
  for (std::size_t i = 0; i < answers.size(); ++i) {
    std::string answer = trim(answers[i].text);
    if (!answer.empty() && answer.back() == '.') answer.pop_back();
    text += fmt::format("{}{}-{}: {}.", i ? " " : "", clock_text(answers[i].start_s),
                        clock_text(answers[i].end_s), answer);
  }
  return text + ")";
}

std::string combined_question(const std::string& question, const std::vector<TimedAnswer>& answers) {
  return trim(question) + " " + timed_list(answers);
}

}  // namespace af2
