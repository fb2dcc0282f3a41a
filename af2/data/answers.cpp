#include "af2/data/answers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

using Words = std::vector<std::string>;

template <std::size_t N>
bool is_one_of(const std::string& word, const std::array<const char*, N>& list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// Which words stand under a negation: from "no", "not", "without" ... for four words, on through "or" and
// "nor", until a pause, "but" and the like. "not only" negates nothing.
std::vector<bool> negated_words(const Words& words) {
  constexpr std::array<const char*, 9> kNo = {"no",  "not",  "without", "neither", "never",
                                              "nor", "none", "cannot",  "absent"};
  constexpr std::array<const char*, 11> kStop = {",",   ".",       ";",      ":",    "!",   "?",
                                                 "but", "instead", "rather", "just", "only"};
  std::vector<bool> negated(words.size(), false);
  int reach = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool contraction = word.size() > 3 && word.ends_with("n't");
    if (is_one_of(word, kNo) || contraction) {
      reach = 4;
    } else if (is_one_of(word, kStop)) {
      reach = 0;
    } else if (reach > 0) {
      negated[i] = true;
      reach = word == "or" ? 4 : reach - 1;
    }
  }
  return negated;
}

bool same_or_plural(const std::string& word, const std::string& singular) {
  if (word.empty() || !word.starts_with(singular)) return false;
  const std::string_view rest = std::string_view(word).substr(singular.size());
  return rest.empty() || rest == "s" || rest == "es";
}

struct Term {
  Words words;
  std::set<int> owners;
};

// All terms of all owners, longest first; a term that several own stands once.
std::vector<Term> collect_terms(const std::vector<const std::vector<std::string>*>& owner_terms) {
  std::map<std::string, std::set<int>> owners;
  for (std::size_t owner = 0; owner < owner_terms.size(); ++owner)
    for (const std::string& term : *owner_terms[owner])
      owners[normal_term(term)].insert(static_cast<int>(owner));
  std::vector<Term> terms;
  for (const auto& [text, who] : owners)
    if (!text.empty()) terms.push_back({split(text, ' '), who});
  std::stable_sort(terms.begin(), terms.end(),
                   [](const Term& a, const Term& b) { return a.words.size() > b.words.size(); });
  return terms;
}

// The owner sets that a text names. Words used by a longer term are used up, also when that mention is
// negated.
std::set<std::set<int>> named(std::string_view text, const std::vector<Term>& terms) {
  Words words = words_of(text);
  const std::vector<bool> negated = negated_words(words);
  std::set<std::set<int>> found;
  for (const Term& term : terms) {
    const std::size_t n = term.words.size();
    for (std::size_t at = 0; at + n <= words.size(); ++at) {
      bool same = same_or_plural(words[at + n - 1], term.words[n - 1]);
      for (std::size_t i = 0; same && i + 1 < n; ++i) same = words[at + i] == term.words[i];
      if (!same) continue;
      if (!negated[at]) found.insert(term.owners);
      for (std::size_t i = 0; i < n; ++i) words[at + i].clear();  // no term holds an empty word
    }
  }
  return found;
}

// 0-based letter or -1. `n` options. Upper case; lower case too where a bracket follows.
int letter_index(char c, std::size_t n, bool lower_too) {
  const int upper = c - 'A', lower = c - 'a';
  if (upper >= 0 && upper < static_cast<int>(n)) return upper;
  return lower_too && lower >= 0 && lower < static_cast<int>(n) ? lower : -1;
}

int match_letter(std::string_view raw, std::size_t n) {
  const std::string text = trim(raw);
  const auto is_end = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\0'; };
  const auto at = [&](std::size_t i) { return i < text.size() ? text[i] : '\0'; };
  // At the start: "(B)", "B)", "B.", "B:", "B" alone.
  if (at(0) != '(' && !text.empty()) {
    const bool bracket = at(1) == ')';
    const int index = letter_index(at(0), n, bracket || text.size() == 1);
    if (index >= 0 && (bracket || text.size() == 1 || ((at(1) == '.' || at(1) == ':') && is_end(at(2)))))
      return index;
  }
  std::set<int> bracketed;
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    if (text[i] != '(' || text[i + 2] != ')') continue;
    const int index = letter_index(text[i + 1], n, true);
    if (index >= 0 && i == 0) return index;
    if (index >= 0) bracketed.insert(index);
  }
  if (bracketed.size() == 1) return *bracketed.begin();
  if (bracketed.size() > 1) return -1;
  for (const std::string_view cue : {"answer is ", "answer: ", "option "}) {
    for (std::size_t found = 0; (found = text.find(cue, found)) != std::string::npos; ++found) {
      const std::size_t place = found + cue.size();
      const int index = letter_index(at(place), n, false);
      const char next = at(place + 1);
      // "answer is A dog" is no letter.
      const bool alone = next == '\0' || next == '.' || next == ',' || next == ':' || next == ')';
      if (index >= 0 && (alone || (cue == "option " && is_end(next)))) return index;
    }
  }
  return -1;
}

}  // namespace

int match_option_terms(std::string_view text, const std::vector<std::vector<std::string>>& option_terms) {
  const int letter = match_letter(text, option_terms.size());
  if (letter >= 0) return letter;
  std::vector<const std::vector<std::string>*> owners;
  for (const auto& terms : option_terms) owners.push_back(&terms);
  std::set<int> named_options;
  for (const std::set<int>& who : named(text, collect_terms(owners)))
    named_options.insert(who.begin(), who.end());
  return named_options.size() == 1 ? *named_options.begin() : -1;
}

int match_option(std::string_view text, const std::vector<std::string>& options) {
  std::vector<std::vector<std::string>> terms;
  for (const std::string& option : options) terms.push_back({option});
  return match_option_terms(text, terms);
}

std::optional<bool> parse_yes_no(std::string_view text) {
  constexpr std::array<const char*, 4> kYes = {"yes", "yeah", "yep", "true"};
  constexpr std::array<const char*, 4> kNo = {"no", "nope", "not", "false"};
  const Words words = words_of(text);
  if (words.empty()) return std::nullopt;
  if (is_one_of(words[0], kYes)) return true;
  if (is_one_of(words[0], kNo)) return false;
  const auto yes = [&](const std::string& w) { return is_one_of(w, kYes); };
  const auto no = [&](const std::string& w) { return is_one_of(w, kNo) || w.ends_with("n't"); };
  const bool has_yes = std::any_of(words.begin(), words.end(), yes);
  const bool has_no = std::any_of(words.begin(), words.end(), no);
  if (has_yes == has_no) return std::nullopt;
  return has_yes;
}

std::optional<int> parse_count(std::string_view text) {
  constexpr std::array<const char*, 21> kNumbers = {
      "zero",     "one",     "two",     "three",     "four",     "five",     "six",
      "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
      "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"};
  static const std::map<std::string, int> kWords = {
      {"once", 1}, {"twice", 2}, {"thrice", 3}, {"none", 0}, {"never", 0}};
  std::set<int> found;
  for (const std::string& word : words_of(text)) {
    const auto number = std::find(kNumbers.begin(), kNumbers.end(), word);
    const auto other = kWords.find(word);
    if (number != kNumbers.end()) {
      found.insert(static_cast<int>(number - kNumbers.begin()));
    } else if (other != kWords.end()) {
      found.insert(other->second);
    } else if (word[0] >= '0' && word[0] <= '9') {
      int value = 0;
      const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
      const std::string_view rest(end, static_cast<std::size_t>(word.data() + word.size() - end));
      if (code != std::errc() || value > 999999 || !(rest.empty() || rest == "x")) return std::nullopt;
      found.insert(value);
    }
  }
  return found.size() == 1 ? std::optional(*found.begin()) : std::nullopt;
}

std::vector<std::vector<int>> named_labels(std::string_view text, const SoundBank& bank) {
  std::vector<const std::vector<std::string>*> owners;
  for (std::size_t i = 0; i < bank.labels().size(); ++i) owners.push_back(&bank.terms(static_cast<int>(i)));
  std::vector<std::vector<int>> result;
  for (const std::set<int>& who : named(text, collect_terms(owners)))
    result.emplace_back(who.begin(), who.end());
  return result;
}

bool names_label(std::string_view text, const SoundBank& bank, int label, int most) {
  // Two words for one thing are one thing: sets that meet are joined.
  std::vector<std::set<int>> things;
  for (const std::vector<int>& who : named_labels(text, bank)) {
    std::set<int> joined(who.begin(), who.end());
    std::erase_if(things, [&](const std::set<int>& thing) {
      const bool meets = std::any_of(thing.begin(), thing.end(), [&](int l) { return joined.contains(l); });
      if (meets) joined.insert(thing.begin(), thing.end());
      return meets;
    });
    things.push_back(std::move(joined));
  }
  const bool named_it =
      std::any_of(things.begin(), things.end(), [&](const auto& t) { return t.contains(label); });
  return named_it && static_cast<int>(things.size()) <= most;
}

bool is_right(std::string_view text, const AnswerKey& key, const SoundBank& bank) {
  if (key.type == "what_mc")
    return match_option(text, key.options) == key.answer_index && key.answer_index >= 0;
  if (key.type == "order_first" || key.type == "order_last") {
    std::vector<std::vector<std::string>> terms;
    for (const std::string& option : key.options) {
      terms.push_back({option});
      for (std::size_t i = 0; i < bank.labels().size(); ++i)
        if (bank.labels()[i].phrase == option) terms.back() = bank.terms(static_cast<int>(i));
    }
    return match_option_terms(text, terms) == key.answer_index && key.answer_index >= 0;
  }
  if (key.type == "presence") {
    const std::optional<bool> yes = parse_yes_no(text);
    return yes && *yes == (key.answer_index == 0);
  }
  if (key.type == "count") {
    const std::optional<int> heard = parse_count(text), truth = parse_count(key.output);
    return heard && truth && *heard == *truth;
  }
  if (key.type == "what_open") {
    const int label = bank.label_id(key.label);
    return label >= 0 && names_label(text, bank, label, std::max(1, key.n_present));
  }
  throw user_error("no exact rule scores answers of type `" + key.type + "`");
}

}  // namespace af2
