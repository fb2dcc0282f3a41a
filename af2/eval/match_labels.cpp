// Rules for classes and tags: substrings, our cascade, lists, and the nearest label in a text tower.
#include <algorithm>
#include <numeric>
#include <set>

#include "af2/core/text_util.h"
#include "af2/eval/answer_text.h"
#include "af2/eval/match_detail.h"
#include "af2/eval/option_cascade.h"

namespace af2::match_detail {
namespace {

std::string encoder_name(const MatchCase& c) {
  return c.rule.more.value("encoder", std::string("the text tower"));
}

// Cosines of the answer with every label; empty: nothing to encode.
std::vector<double> label_cosines(const MatchCase& c, const AnswerSpace& space) {
  const std::string text = label_answer(c.output);
  if (text.empty() || space.shown.empty()) return {};
  std::vector<std::string> texts;
  for (const std::string& label : space.shown) texts.push_back(tower_text(c.labels, label_answer(label)));
  texts.push_back(tower_text(c.labels, text));
  const std::vector<std::vector<float>> vectors = c.tools.encode(texts);
  std::vector<double> cosines;
  for (std::size_t i = 0; i + 1 < vectors.size(); ++i)
    cosines.push_back(std::inner_product(vectors[i].begin(), vectors[i].end(), vectors.back().begin(), 0.0));
  return cosines;
}

void take_nearest(const MatchCase& c, const AnswerSpace& space, Match& match) {
  const std::vector<double> cosines = label_cosines(c, space);
  if (cosines.empty()) {
    match.why = "empty";
    return;
  }
  const auto best = std::max_element(cosines.begin(), cosines.end());
  match.option = static_cast<int>(best - cosines.begin());
  match.numbers["cosine"] = *best;
  match.why = "text_nearest";
}

AnswerSpace labels_only(const MatchCase& c) {
  EvalItem item = c.item;  // a class is asked for, whatever choices stand in the prompt
  item.choices.clear();
  return answer_space({}, c.labels, item);
}

}  // namespace

Match substring_ordered(const MatchCase& c) {
  const AnswerSpace space = labels_only(c);
  Match match;
  const std::string text = plain_answer(c.output);
  for (std::size_t i = 0; i < space.shown.size() && match.option < 0; ++i)
    if (text.find(plain_answer(space.shown[i])) != std::string::npos) match.option = static_cast<int>(i);
  match.why = match.option >= 0 ? "substring" : text.empty() ? "empty" : "no label inside";
  judge_option(match, space);
  return match;
}

Match cascade_of_labels(const MatchCase& c) {
  const AnswerSpace space = labels_only(c);
  Match match;
  const std::string text = conclusion_inside(strip_think(c.output));
  const std::vector<std::string> words = answer_words(text);
  match.why = words.empty() ? "empty" : "none";
  OptionWords shown;
  for (const std::string& label : space.shown) {
    shown.words.push_back(answer_words(label));
    const auto first = std::find(shown.words.begin(), shown.words.end(), shown.words.back());
    shown.first_equal.push_back(static_cast<int>(first - shown.words.begin()));
  }
  if (!words.empty()) {
    const auto whole = std::find(shown.words.begin(), shown.words.end(), words);
    if (whole != shown.words.end()) {
      match.option = static_cast<int>(whole - shown.words.begin());
      match.why = "label";
    } else if (const int phrase = only_phrase(words, shown); phrase >= 0) {
      match.option = phrase;
      match.why = "phrase";
    } else if (phrase == -2) {
      match.why = "ambiguous";
    } else {
      // Synonyms stand for their label: one class of phrases each.
      OptionWords synonyms;
      std::vector<int> label_of;
      for (std::size_t i = 0; i < space.names.size(); ++i) {
        const auto found = c.labels.synonyms.find(space.names[i]);
        if (found == c.labels.synonyms.end()) continue;
        for (const std::string& synonym : found->second) {
          synonyms.words.push_back(answer_words(synonym));
          synonyms.first_equal.push_back(static_cast<int>(label_of.size()));
          label_of.push_back(static_cast<int>(i));
        }
      }
      std::set<int> named;
      for (std::size_t k = 0; k < label_of.size(); ++k)
        if (!phrase_places(words, synonyms.words[k]).empty()) named.insert(label_of[k]);
      if (named.size() > 1) {
        const int only = only_phrase(words, synonyms);  // nested ones dropped
        named = only >= 0 ? std::set<int>{label_of[static_cast<std::size_t>(only)]} : named;
      }
      if (named.size() == 1) {
        match.option = *named.begin();
        match.why = "synonym";
      } else if (named.size() > 1) {
        match.why = "ambiguous";
      }
    }
    if (match.option < 0 && c.tools.encode) take_nearest(c, space, match);
  }
  judge_option(match, space);
  return match;
}

Match split_labels(const MatchCase& c) {
  Match match;
  std::set<int> given, gold;
  std::vector<std::string> unknown;
  bool empty_word = false;
  for (const AnswerPiece& piece : answer_pieces(c.output, c.labels)) {
    if (piece.label >= 0) {
      given.insert(piece.label);
    } else if (!c.labels.empty.empty() && piece.text == label_answer(c.labels.empty)) {
      empty_word = true;
    } else {
      unknown.push_back(piece.text);
    }
  }
  std::vector<std::string> shown;
  for (const std::string& name : c.labels.list) shown.push_back(c.labels.shown(name));
  for (const std::string& label : c.item.labels) {
    int place = label_place(c.labels.list, label);
    if (place < 0) place = label_place(shown, label);
    if (place >= 0) gold.insert(place);
  }
  for (const int label : given) match.values.push_back(c.labels.list[static_cast<std::size_t>(label)]);
  match.value = join(match.values, ", ");
  if (!unknown.empty()) match.fields["unknown"] = join(unknown, ", ");
  match.parsed = !given.empty() || empty_word;
  match.why = match.parsed ? "pieces" : c.output.empty() ? "empty" : "no piece is a label";
  match.right = match.parsed && given == gold;
  if (match.right) {
    match.score = 1;
  } else if (match.parsed) {
    const auto both = std::count_if(given.begin(), given.end(), [&](int l) { return gold.count(l) > 0; });
    match.score = 2.0 * static_cast<double>(both) / static_cast<double>(given.size() + gold.size());
  }
  return match;
}

Match text_nearest(const MatchCase& c) {
  if (!c.tools.encode) return not_scored("needs the text tower " + encoder_name(c));
  const AnswerSpace space = labels_only(c);
  Match match;
  take_nearest(c, space, match);
  judge_option(match, space);
  return match;
}

Match text_scores(const MatchCase& c) {
  if (!c.tools.encode) return not_scored("needs the text tower " + encoder_name(c));
  const AnswerSpace space = labels_only(c);
  Match match;
  match.label_scores = label_cosines(c, space);
  match.parsed = !match.label_scores.empty();
  match.why = match.parsed ? "text_scores" : "empty";
  if (!match.parsed) return match;
  const auto best = std::max_element(match.label_scores.begin(), match.label_scores.end());
  match.option = static_cast<int>(best - match.label_scores.begin());
  match.value = space.names[static_cast<std::size_t>(match.option)];
  match.right = std::any_of(c.item.labels.begin(), c.item.labels.end(), [&](const std::string& label) {
    return label_answer(label) == label_answer(match.value) ||
           label_answer(label) == label_answer(space.shown[static_cast<std::size_t>(match.option)]);
  });
  match.score = match.right ? 1 : 0;
  return match;
}

}  // namespace af2::match_detail
