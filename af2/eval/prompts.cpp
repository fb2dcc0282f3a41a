#include "af2/eval/prompts.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/eval/item_fields.h"
#include "af2/eval/template_text.h"
#include "af2/text/prompt.h"

namespace af2 {
namespace {

const PromptForm& form_of(const Benchmark& benchmark, const std::string& name) {
  if (benchmark.prompts.empty())
    throw user_error("asks nothing: it is scored with the encoder alone", benchmark.id);
  const auto found = benchmark.prompts.find(name);
  if (found != benchmark.prompts.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, form] : benchmark.prompts) names.push_back(known);
  throw user_error("there is no prompt \"" + printable(name) + "\"", benchmark.id,
                   "there are: " + join(names, ", "));
}

std::string question_of(const PromptForm& form, const EvalItem& item) {
  const bool cut = !form.drop_suffix.empty() && item.question.ends_with(form.drop_suffix);
  return cut ? item.question.substr(0, item.question.size() - form.drop_suffix.size()) : item.question;
}

std::string value_of_hole(const PromptForm& form, const LabelSet& labels, const EvalItem& item,
                          const std::string& hole) {
  if (hole == "options") return printed_options(form, item.choices);
  if (hole == "question") return question_of(form, item);
  if (hole == "hypothesis") return item.hypothesis;
  if (hole == "context") return item.context;
  if (hole == "label_options") {
    std::vector<std::string> lines;
    for (const std::string& label : labels.list) lines.push_back(label + ".");
    return join(lines, "\n");
  }
  if (hole == "category") {
    const auto found = item.groups.find(hole);
    return found == item.groups.end() ? "" : found->second;
  }
  const auto found = item.fields.find(hole);
  return found == item.fields.end() ? "" : found->second;
}

}  // namespace

std::string printed_options(const PromptForm& form, const std::vector<std::string>& choices) {
  if (choices.size() > 26)
    throw data_error(std::to_string(choices.size()) + " options", "choices", "there are letters for 26");
  const TextTemplate style = TextTemplate::parse(form.style, "prompt.options.style");
  std::vector<std::string> printed;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const std::string& text = choices[i].empty() ? form.missing : choices[i];
    if (text.empty()) continue;
    printed.push_back(style.fill([&](const std::string& hole) -> std::string {
      if (hole == "L") return {static_cast<char>('A' + i)};
      if (hole == "l") return {static_cast<char>('a' + i)};
      return hole == "text." && !text.ends_with('.') ? text + "." : text;
    }));
  }
  return join(printed, form.join);
}

std::string prompt_for(const Benchmark& benchmark, const LabelSet& labels, const EvalItem& item,
                       const std::string& name) {
  const PromptForm& form = form_of(benchmark, name);
  std::string text =
      TextTemplate::parse(form.text, benchmark.id + " prompt " + name).fill([&](const std::string& hole) {
        return value_of_hole(form, labels, item, hole);
      });
  for (const auto& [from, to] : benchmark.prompt_replace) text = with_replaced(text, from, to);
  return clean_question(text, form.letter_case == "lower");
}

EvalItem rotated_options(const Benchmark& benchmark, const EvalItem& item, std::size_t k) {
  const std::size_t n = item.choices.size();
  if (n == 0 || k % n == 0) return item;
  EvalItem turned = item;
  std::rotate(turned.choices.begin(), turned.choices.begin() + static_cast<std::ptrdiff_t>(k % n),
              turned.choices.end());
  if (item.gold_index >= 0)
    turned.gold_index = static_cast<int>((static_cast<std::size_t>(item.gold_index) + n - k % n) % n);
  const std::vector<InlineOption> places = inline_options(benchmark, item.question);
  if (places.size() != n) return turned;
  for (std::size_t i = n; i-- > 0;)  // from the back, so that places stay right
    turned.question.replace(places[i].begin, places[i].end - places[i].begin, turned.choices[i]);
  return turned;
}

}  // namespace af2
