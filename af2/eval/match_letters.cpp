// Rules for questions with options: tokens, letters, and our cascade.
#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>

#include "af2/core/text_util.h"
#include "af2/eval/answer_text.h"
#include "af2/eval/match_detail.h"
#include "af2/eval/option_cascade.h"

namespace af2::match_detail {
namespace {

using Tokens = std::set<std::string>;

Tokens tokens_of(const std::string& text) {
  const std::vector<std::string> runs = word_runs(text);
  return {runs.begin(), runs.end()};
}

bool tokens_accept(const Tokens& given, const Tokens& gold, const std::vector<Tokens>& options) {
  if (given.empty() || !std::includes(given.begin(), given.end(), gold.begin(), gold.end())) return false;
  return std::none_of(options.begin(), options.end(), [&](const Tokens& option) {
    return option != gold && std::any_of(option.begin(), option.end(), [&](const std::string& token) {
             return gold.count(token) == 0 && given.count(token) > 0;
           });
  });
}

// How many words blanks part.
std::size_t blank_parted(const std::string& text) {
  std::istringstream words(text);
  return static_cast<std::size_t>(
      std::distance(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()));
}

// The index of A to D, as far as there are options.
int capital_option(char c, const AnswerSpace& space) {
  const int i = c - 'A';
  return i >= 0 && i < 4 && i < static_cast<int>(space.names.size()) ? i : -1;
}

}  // namespace

Match mmau_tokens(const MatchCase& c) {
  const AnswerSpace space = answer_space(c.rule, c.labels, c.item);
  Match match;
  const Tokens given = tokens_of(c.output);
  std::vector<Tokens> options;
  for (const std::string& option : space.shown) options.push_back(tokens_of(option));
  // Which option the rule would take, were it the right one.
  for (std::size_t i = 0; i < options.size() && match.option < 0; ++i)
    if (tokens_accept(given, options[i], options)) match.option = static_cast<int>(i);
  match.parsed = match.option >= 0;
  match.value = match.parsed ? space.names[static_cast<std::size_t>(match.option)] : c.output;
  const Tokens gold =
      tokens_of(space.gold >= 0 ? space.shown[static_cast<std::size_t>(space.gold)] : c.item.answer());
  match.right = !gold.empty() && tokens_accept(given, gold, options);
  if (match.right) {
    match.parsed = true;
    if (space.gold >= 0) match.option = space.gold;
  }
  match.score = match.right ? 1 : 0;
  match.why = given.empty() ? "empty" : match.parsed ? "tokens" : "no option's tokens alone";
  return match;
}

Match letter_first_or_second_last(const MatchCase& c) {
  const AnswerSpace space = answer_space(c.rule, c.labels, c.item);
  Match match;
  std::string text = trim(c.output);
  std::erase(text, '\n');
  if (!text.empty()) match.option = capital_option(text.front(), space);
  match.why = "first character";
  if (match.option < 0 && text.size() > 1) {
    match.option = capital_option(text[text.size() - 2], space);
    match.why = "second-last character";
  }
  if (match.option < 0) match.why = "no letter first or second-last";
  judge_option(match, space);
  return match;
}

Match letter_any(const MatchCase& c) {
  const AnswerSpace space = answer_space(c.rule, c.labels, c.item);
  Match match;
  const std::string text = " " + c.output + " ";
  const auto last_of = [&](const std::string& searched, const auto& form) {
    std::size_t last = 0;
    for (std::size_t i = 0; i < space.names.size() && i < 26; ++i) {
      const std::string wanted = form(i);
      if (wanted.empty()) continue;
      const std::size_t at = searched.rfind(wanted);
      if (at != std::string::npos && (match.option < 0 || at > last))
        last = at, match.option = static_cast<int>(i);
    }
    return match.option >= 0;
  };
  const auto letter = [](std::size_t i) { return std::string(1, static_cast<char>('A' + i)); };
  match.why = "letter";
  if (!last_of(text, [&](std::size_t i) { return "(" + letter(i) + ")"; }) &&
      !last_of(text, [&](std::size_t i) { return " " + letter(i) + " "; }) &&
      !last_of(text, [&](std::size_t i) { return letter(i) + "."; })) {
    match.why = "no letter";
    if (blank_parted(text) > 5 &&
        last_of(plain_answer(text), [&](std::size_t i) { return plain_answer(space.shown[i]); }))
      match.why = "text";
  }
  judge_option(match, space);
  return match;
}

Match muchomusic(const MatchCase& c) {
  const AnswerSpace space = answer_space(c.rule, c.labels, c.item);
  Match match;
  const std::string mark = "The correct answer is:";
  std::string text = c.output;
  if (const auto at = text.rfind(mark); at != std::string::npos) text = text.substr(at + mark.size());
  std::set<char> capitals;
  for (const char letter : text)
    if (letter >= 'A' && letter <= 'D') capitals.insert(letter);
  match.why = "capital";
  if (capitals.size() == 1) {
    match.option = capital_option(*capitals.begin(), space);
  } else {
    match.why = "substring";
    for (std::size_t i = 0; i < space.shown.size() && match.option < 0; ++i)
      if (!space.shown[i].empty() && text.find(space.shown[i]) != std::string::npos)
        match.option = static_cast<int>(i);
  }
  if (match.option < 0) match.why = "neither one capital nor an option's text";
  judge_option(match, space);
  return match;
}

Match cascade_of_options(const MatchCase& c) {
  const AnswerSpace space = answer_space(c.rule, c.labels, c.item);
  if (space.shown.empty()) return not_scored("an open question has no options: marked by a judge");
  const CascadeAnswer answer = option_cascade(c.output, space.shown);
  Match match;
  match.option = answer.option;
  match.why = answer.why;
  judge_option(match, space);
  if (match.parsed && space.gold < 0 && !c.item.refs.empty()) {
    // The right answer is none of the options; one that equals it all the same is right.
    match.right = answer_words(match.value) == answer_words(c.item.answer());
    match.score = match.right ? 1 : 0;
  }
  return match;
}

}  // namespace af2::match_detail
