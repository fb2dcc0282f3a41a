#include "af2/factory/rules/long_recheck_combine.h"

#include <algorithm>

#include "af2/data/vocabulary.h"
#include "af2/text/timed_answers.h"

namespace af2::long_recheck {

std::string phrase_for(const LongRecheckScene& scene, const std::string& label) {
  const int found = scene.context().words.find(label);
  return found < 0 ? plain_label(label) : scene.context().words.at(found).phrase;
}

std::string stretches_problem(const LongRecheckScene& scene,
                              const std::function<std::string(const Heard&)>& says) {
  const double step = scene.fact_number("stretch_s"), length = scene.length();
  if (step <= 0 || step >= length || length > 12 * step) return "its stretches are not 2 to 12";
  std::vector<TimedAnswer> answers;
  for (int i = 0; i * step < length; ++i) {
    const double end = std::min((i + 1) * step, length);
    answers.push_back({i * step, end, says({i * step, end})});
  }
  const std::string& question = scene.context().item.question;
  const std::string list = " " + timed_list(answers);
  const bool ends = question.size() > list.size() && question.ends_with(list);
  // No list but this one.
  if (!ends || question.find('(') != question.size() - list.size() + 1)
    return "its timed answers are not what the labels say: " + list;
  return "";
}

}  // namespace af2::long_recheck
