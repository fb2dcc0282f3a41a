#include "af2/eval/match.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/eval/answer_text.h"
#include "af2/eval/match_detail.h"

namespace af2 {
namespace {

using match_detail::MatchCase;

Match of_a_judge(const MatchCase&) {
  return match_detail::not_scored("marked by a judge");
}
Match of_an_embedder(const MatchCase& c) {
  return match_detail::not_scored("needs the external encoder " +
                                  c.rule.more.value("encoder", std::string("of the file")));
}
Match of_a_page(const MatchCase&) {
  return match_detail::not_scored("scored by the authors' page: submit the written file");
}
Match of_no_rule(const MatchCase&) {
  return match_detail::not_scored("has no rule for right and wrong");
}

using RuleFunction = Match (*)(const MatchCase&);
const std::vector<std::pair<std::string, RuleFunction>>& rule_table() {
  static const std::vector<std::pair<std::string, RuleFunction>> table = {
      {"mmau_tokens", match_detail::mmau_tokens},
      {"letter_first_or_second_last", match_detail::letter_first_or_second_last},
      {"letter_any", match_detail::letter_any},
      {"muchomusic", match_detail::muchomusic},
      {"option_cascade", match_detail::cascade_of_options},
      {"exact_norm", match_detail::exact_norm},
      {"any_ref", match_detail::any_ref},
      {"any_ref_words", match_detail::any_ref_words},
      {"words_numbers", match_detail::any_ref_words},
      {"yesno_prefix5", match_detail::yesno_prefix5},
      {"yes_no", match_detail::yes_no},
      {"first_int", match_detail::first_int},
      {"reference_overlap", match_detail::reference_overlap},
      {"substring_ordered", match_detail::substring_ordered},
      {"label_cascade", match_detail::cascade_of_labels},
      {"split_labels", match_detail::split_labels},
      {"text_nearest", match_detail::text_nearest},
      {"text_scores", match_detail::text_scores},
      {"marked_fields", match_detail::marked_fields},
      {"blab", match_detail::blab},
      {"per_task", match_detail::per_task},
      {"constraint", match_detail::constraint},
      {"judge", of_a_judge},
      {"embed_nearest", of_an_embedder},
      {"submit", of_a_page},
      {"none", of_no_rule}};
  return table;
}

// The file's rule, or another one for items of this task (`by_task`): sets that mix forms.
std::string rule_name(const MatchRule& rule, const EvalItem& item) {
  const auto by_task = rule.more.find("by_task");
  if (by_task == rule.more.end()) return rule.rule;
  return by_task->value(item.task, rule.rule);
}

}  // namespace

MatchTools remembering(MatchTools tools) {
  if (!tools.encode) return tools;
  auto known = std::make_shared<std::unordered_map<std::string, std::vector<float>>>();
  return {[known, encode = std::move(tools.encode)](const std::vector<std::string>& texts) {
    std::vector<std::string> unknown;
    for (const std::string& text : texts)
      if (known->emplace(text, std::vector<float>()).second) unknown.push_back(text);
    if (!unknown.empty()) {
      std::vector<std::vector<float>> vectors;
      try {
        vectors = encode(unknown);
      } catch (...) {
        for (const std::string& text : unknown) known->erase(text);
        throw;
      }
      for (std::size_t i = 0; i < unknown.size(); ++i) known->at(unknown[i]) = std::move(vectors.at(i));
    }
    std::vector<std::vector<float>> out;
    out.reserve(texts.size());
    for (const std::string& text : texts) out.push_back(known->at(text));
    return out;
  }};
}

std::vector<std::string> match_rules() {
  std::vector<std::string> names;
  for (const auto& [name, function] : rule_table()) names.push_back(name);
  return names;
}

std::vector<std::string> texts_to_encode(const MatchRule& rule, const LabelSet& labels,
                                         const std::string& output) {
  if (rule.rule != "text_nearest" && rule.rule != "text_scores" && rule.rule != "label_cascade") return {};
  const std::string text = label_answer(prepare_answer(output, rule.before));
  if (text.empty()) return {};
  return {match_detail::tower_text(labels, text)};
}

Match match_output(const MatchRule& rule, const Benchmark& benchmark, const LabelSet& labels,
                   const EvalItem& item, const std::string& output, const MatchTools& tools) {
  const std::string name = rule_name(rule, item);
  const auto& table = rule_table();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.first == name; });
  if (found == table.end())
    throw user_error("unknown match rule \"" + name + "\"", benchmark.path.string(),
                     "did you mean \"" + nearest_word(name, match_rules()) + "\"?");
  Match match = found->second({rule, benchmark, labels, item, prepare_answer(output, rule.before), tools});
  match.excluded = match.scored && !match.parsed && rule.unparsed == "exclude";
  if (!match.parsed) match.right = false, match.score = 0;
  return match;
}

AnswerSpace answer_space(const MatchRule& rule, const LabelSet& labels, const EvalItem& item) {
  AnswerSpace space;
  if (!item.choices.empty()) {
    space.names = space.shown = item.choices;
    space.gold = item.gold_index;
    return space;
  }
  if (rule.more.value("options", std::string()) == "inline") {
    space.names = space.shown = inline_options(item.question);
    if (space.names.empty()) return space;
    const LetterAndRest gold = leading_letter(item.answer());
    if (gold.letter >= 0 && gold.letter < static_cast<int>(space.names.size())) {
      space.gold = gold.letter;
    } else {
      space.gold = match_detail::label_place(space.names, item.answer());
    }
    return space;
  }
  space.names = labels.list;
  for (const std::string& name : labels.list) space.shown.push_back(labels.shown(name));
  const std::string gold = item.labels.empty() ? item.answer() : item.labels.front();
  space.gold = match_detail::label_place(space.names, gold);
  if (space.gold < 0) space.gold = match_detail::label_place(space.shown, gold);
  return space;
}

std::vector<std::string> inline_options(const std::string& question) {
  // The last run of (a) (b) (c) ...: examples may stand before it.
  std::vector<std::size_t> best;
  for (std::size_t at = 0; at + 2 < question.size(); ++at) {
    const auto is_mark = [&](std::size_t p, std::size_t i) {
      return question[p] == '(' && question[p + 2] == ')' &&
             (question[p + 1] == static_cast<char>('a' + i) || question[p + 1] == static_cast<char>('A' + i));
    };
    if (!is_mark(at, 0)) continue;
    std::vector<std::size_t> run = {at};
    for (std::size_t p = at + 3; p + 2 < question.size() && run.size() < 26; ++p)
      if (is_mark(p, run.size())) run.push_back(p);
    if (run.size() >= 2) best = run;
  }
  std::vector<std::string> options;
  for (std::size_t i = 0; i < best.size(); ++i) {
    const std::size_t begin = best[i] + 3;
    // The last option ends with its line: a request may follow it.
    std::size_t end = i + 1 < best.size() ? best[i + 1] : question.find('\n', begin);
    end = std::min(end, question.size());
    std::string option = trim(std::string_view(question).substr(begin, end - begin));
    while (!option.empty() && (option.back() == '.' || option.back() == ',' || option.back() == ';'))
      option.pop_back();
    if (i + 1 == best.size())
      if (const auto sentence = option.find(". "); sentence != std::string::npos) option.resize(sentence);
    options.push_back(trim(option));
  }
  return options;
}

std::vector<AnswerPiece> answer_pieces(const std::string& output, const LabelSet& labels) {
  struct Known {
    std::string text;
    int label;
  };
  std::vector<Known> known;
  for (std::size_t i = 0; i < labels.list.size(); ++i) {
    known.push_back({label_answer(labels.list[i]), static_cast<int>(i)});
    known.push_back({label_answer(labels.shown(labels.list[i])), static_cast<int>(i)});
  }
  std::stable_sort(known.begin(), known.end(),
                   [](const Known& a, const Known& b) { return a.text.size() > b.text.size(); });
  const std::string text = label_answer(output);
  // The length of the separator at `p`, 0 if there is none.
  const auto separator = [&](std::size_t p) -> std::size_t {
    if (text[p] == ',' || text[p] == ';' || text[p] == '\n') return 1;
    return text.compare(p, 5, " and ") == 0 ? 5 : 0;
  };
  std::vector<AnswerPiece> pieces;
  for (std::size_t p = 0; p < text.size();) {
    if (text[p] == ' ') {
      ++p;
    } else if (text.compare(p, 4, "and ") == 0) {
      p += 4;  // "dog, and cat"
    } else if (const std::size_t skip = separator(p); skip > 0) {
      p += skip;
    } else {
      const auto whole = std::find_if(known.begin(), known.end(), [&](const Known& k) {
        if (k.text.empty() || text.compare(p, k.text.size(), k.text) != 0) return false;
        std::size_t end = p + k.text.size();
        if (end < text.size() && text[end] == '.') ++end;
        return end >= text.size() || separator(end) > 0;
      });
      std::size_t end = p;
      if (whole != known.end()) {
        end += whole->text.size();
        pieces.push_back({whole->text, whole->label});
        if (end < text.size() && text[end] == '.') ++end;
      } else {
        while (end < text.size() && separator(end) == 0) ++end;
        pieces.push_back({exact_answer(text.substr(p, end - p)), -1});
      }
      p = end;
    }
  }
  return pieces;
}

}  // namespace af2

namespace af2::match_detail {

void judge_option(Match& match, const AnswerSpace& space) {
  match.parsed = match.option >= 0;
  if (!match.parsed) return;
  match.value = space.names.at(static_cast<std::size_t>(match.option));
  if (space.gold >= 0) {
    // Of equal options either is right.
    const auto gold = static_cast<std::size_t>(space.gold);
    match.right = match.option == space.gold ||
                  answer_words(space.shown.at(gold)) ==
                      answer_words(space.shown.at(static_cast<std::size_t>(match.option)));
    if (match.right) match.option = space.gold, match.value = space.names.at(gold);
  }
  match.score = match.right ? 1 : 0;
}

Match not_scored(const std::string& why) {
  Match match;
  match.scored = false;
  match.why = why;
  return match;
}

std::string tower_text(const LabelSet& labels, const std::string& text) {
  std::string filled = labels.text_template;
  const std::size_t hole = filled.find("{label}");
  return hole == std::string::npos ? text : filled.replace(hole, 7, text);
}

int label_place(const std::vector<std::string>& texts, const std::string& text) {
  const std::string wanted = label_answer(text);
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (label_answer(texts[i]) == wanted) return static_cast<int>(i);
  return -1;
}

}  // namespace af2::match_detail
