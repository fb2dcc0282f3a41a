// Rules for short answers: equality in several strengths, yes and no, numbers, overlap.
#include <algorithm>
#include <cmath>

#include "af2/eval/answer_text.h"
#include "af2/eval/caption_metrics.h"
#include "af2/eval/match_detail.h"

namespace af2::match_detail {
namespace {

// What counts as the right answer, as texts.
std::vector<std::string> right_texts(const MatchCase& c) {
  if (!c.item.labels.empty()) return {c.item.labels.front(), c.labels.shown(c.item.labels.front())};
  std::vector<std::string> texts = c.item.refs;
  if (c.item.gold_index >= 0 && c.item.gold_index < static_cast<int>(c.item.choices.size())) {
    const std::string& choice = c.item.choices[static_cast<std::size_t>(c.item.gold_index)];
    texts.push_back(choice);
    // Files whose options stand inside the question have them in their answers' form: "(b) truck".
    if (c.benchmark.data.is_object() && c.benchmark.data.contains("options_inline"))
      texts.push_back(std::string("(") + static_cast<char>('a' + c.item.gold_index) + ") " + choice);
  }
  return texts;
}

using NormalForm = std::string (*)(std::string_view);

Match equal_to(const MatchCase& c, const std::vector<std::string>& right, NormalForm form) {
  Match match;
  const std::string given = form(c.output);
  match.value = given;
  match.right = !given.empty() && std::any_of(right.begin(), right.end(),
                                              [&](const std::string& text) { return form(text) == given; });
  match.score = match.right ? 1 : 0;
  // Where the possible answers are known, anything else is no answer.
  const AnswerSpace space = answer_space(c.rule, c.labels, c.item);
  for (std::size_t i = 0; i < space.names.size() && match.option < 0 && !given.empty(); ++i) {
    const std::string lettered = std::string("(") + static_cast<char>('a' + i % 26) + ") " + space.shown[i];
    if (given == form(space.shown[i]) || given == form(space.names[i]) || given == form(lettered)) {
      match.option = static_cast<int>(i);
      match.value = space.names[i];
    }
  }
  match.parsed = match.right || (space.names.empty() ? !given.empty() : match.option >= 0);
  match.why = given.empty() ? "empty" : match.parsed ? "equal" : "none of the possible answers";
  return match;
}

std::string yes_no_word(bool yes) {
  return yes ? "yes" : "no";
}

Match yes_no_match(const MatchCase& c, std::optional<bool> given) {
  Match match;
  const std::vector<std::string> right = right_texts(c);
  match.parsed = given.has_value();
  if (!given) {
    match.why = c.output.empty() ? "empty" : "neither yes nor no";
    return match;
  }
  match.value = yes_no_word(*given);
  match.right = !right.empty() && first_word_yes_no(right.front()) == given;
  match.score = match.right ? 1 : 0;
  match.why = "word";
  return match;
}

}  // namespace

Match exact_norm(const MatchCase& c) {
  std::vector<std::string> right = right_texts(c);
  // The first reference is the answer; further ones are for any_ref. A choice is the same answer as text.
  if (c.item.labels.empty() && c.item.refs.size() > 1)
    right.erase(right.begin() + 1, right.begin() + static_cast<std::ptrdiff_t>(c.item.refs.size()));
  return equal_to(c, right, exact_answer);
}

Match any_ref(const MatchCase& c) {
  return equal_to(c, right_texts(c), exact_answer);
}

Match any_ref_words(const MatchCase& c) {
  return equal_to(c, right_texts(c), loose_answer);
}

Match yesno_prefix5(const MatchCase& c) {
  const std::string head = plain_answer(c.output).substr(0, 5);
  const bool yes = head.find("yes") != std::string::npos, no = head.find("no") != std::string::npos;
  // The published rule looks for the right word only, so that "yesno" is right for both.
  Match match = yes_no_match(c, yes || no ? std::optional<bool>(yes) : std::nullopt);
  const std::vector<std::string> right = right_texts(c);
  const std::string gold = right.empty() ? "" : exact_answer(right.front());
  match.right = match.parsed && !gold.empty() && head.find(gold) != std::string::npos;
  match.score = match.right ? 1 : 0;
  if (match.right) match.value = gold;
  if (match.parsed) match.why = "first five characters";
  return match;
}

Match yes_no(const MatchCase& c) {
  return yes_no_match(c, first_word_yes_no(c.output));
}

Match first_int(const MatchCase& c) {
  Match match;
  const std::vector<std::string> right = right_texts(c);
  const std::optional<int> given = first_integer(c.output);
  match.why = "integer";
  if (!given) {
    match.why = c.output.empty() ? "empty" : "no integer";
    return match;
  }
  if (c.labels.range && (*given < c.labels.range->first || *given > c.labels.range->second)) {
    match.why = "outside the range: " + std::to_string(*given);
    return match;
  }
  match.parsed = true;
  match.value = std::to_string(*given);
  match.numbers["given"] = *given;
  if (!right.empty())
    if (const std::optional<int> gold = first_integer(right.front())) {
      match.numbers["gold"] = *gold;
      match.right = *gold == *given;
    }
  match.score = match.right ? 1 : 0;
  return match;
}

Match reference_overlap(const MatchCase& c) {
  Match match;
  const std::vector<std::string> given = word_runs(c.output);
  match.parsed = !given.empty();
  match.value = c.output;
  match.why = match.parsed ? "overlap" : "empty";
  for (const std::string& text : right_texts(c))
    match.score = std::max(match.score, token_f1(given, word_runs(text)));
  match.right = match.score >= 1;
  return match;
}

}  // namespace af2::match_detail
