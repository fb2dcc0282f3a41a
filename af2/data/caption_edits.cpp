#include "af2/data/caption_edits.h"

#include <algorithm>
#include <optional>
#include <set>

#include "af2/core/text_util.h"
#include "af2/data/clap_pairs.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

struct OrderWord {
  const char* text;
  bool flip;     // "b after a": what stands second comes first
  bool clauses;  // may stand before a clause with a verb ("a dog barks")
};
constexpr OrderWord kOrderWords[] = {{", and then ", false, true},    {", then ", false, true},
                                     {" and then ", false, true},     {" then ", false, true},
                                     {" followed by ", false, false}, {" before ", false, true},
                                     {" after ", true, true},         {" preceded by ", true, false}};

constexpr std::pair<const char*, const char*> kOpposites[] = {{"loudly", "softly"},
                                                              {"loudly", "quietly"},
                                                              {"loud", "quiet"},
                                                              {"loud", "soft"},
                                                              {"louder", "quieter"},
                                                              {"fast", "slow"},
                                                              {"quickly", "slowly"},
                                                              {"rapidly", "slowly"},
                                                              {"high-pitched", "low-pitched"},
                                                              {"high pitched", "low pitched"},
                                                              {"male", "female"},
                                                              {"man", "woman"},
                                                              {"men", "women"},
                                                              {"boy", "girl"},
                                                              {"boys", "girls"},
                                                              {"distant", "nearby"},
                                                              {"in the distance", "close by"},
                                                              {"far away", "close by"},
                                                              {"increasing", "decreasing"},
                                                              {"once", "three times"},
                                                              {"heavy", "light"},
                                                              {"large", "small"},
                                                              {"big", "small"},
                                                              {"continuously", "once"}};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '\'';
}

// Where `word` stands in `text` on its own, letters of either case.
std::vector<std::size_t> places_of(const std::string& text, const std::string& word) {
  std::string low;
  for (const char c : text) low += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::vector<std::size_t> places;
  for (std::size_t at = low.find(word); at != std::string::npos; at = low.find(word, at + 1)) {
    const bool left = at == 0 || !is_letter(low[at - 1]) || word.front() == ' ' || word.front() == ',';
    const std::size_t end = at + word.size();
    if (left && (end == low.size() || !is_letter(low[end]) || word.back() == ' ')) places.push_back(at);
  }
  return places;
}

std::string lower_first(std::string text) {
  const bool word_of_its_own = text.size() > 1 && (text[1] < 'a' || text[1] > 'z') && text[1] != ' ';
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z' && !word_of_its_own && text.substr(0, 2) != "I ")
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

std::string like(const std::string& caption, std::string text) {
  if (caption[0] >= 'A' && caption[0] <= 'Z' && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  if (caption.back() == '.') text += '.';
  return text;
}

struct Parts {
  std::string first, second;  // as they stand
  OrderWord word;
};

// The two parts of a caption with one word of order, if they can be told apart.
std::optional<Parts> parts_of(const std::string& caption) {
  std::string text = trim(caption);
  while (!text.empty() && text.back() == '.') text.pop_back();
  if (text.find_first_of(".;:!?\"") != std::string::npos) return std::nullopt;
  const OrderWord* found = nullptr;
  std::size_t place = 0;
  std::string rest = text;
  for (const OrderWord& word : kOrderWords) {
    const auto places = places_of(text, word.text);
    if (places.empty()) continue;
    if (found) {
      // "and then" holds "then": the longer one came first in the table.
      const std::string long_one = found->text;
      if (places.size() == 1 && places[0] >= place && places[0] < place + long_one.size()) continue;
      return std::nullopt;
    }
    if (places.size() > 1) return std::nullopt;
    found = &word;
    place = places[0];
  }
  if (!found) return std::nullopt;
  Parts parts{lower_first(trim(text.substr(0, place))),
              lower_first(trim(text.substr(place + std::string(found->text).size()))), *found};
  if (parts.first.empty() || parts.second.empty()) return std::nullopt;
  if (parts.first.find(',') != std::string::npos || parts.second.find(',') != std::string::npos)
    return std::nullopt;
  // "a dog barks before barking louder", "rain falls before it stops": not two things.
  const std::vector<std::string> left = words_of(parts.first), right = words_of(parts.second);
  static const std::set<std::string> small = {"a",   "an", "the", "and",  "of", "in",   "on",    "is",
                                              "are", "at", "to",  "with", "by", "some", "while", "as"};
  for (const auto& word : right)
    if (!small.contains(word) && std::find(left.begin(), left.end(), word) != left.end()) return std::nullopt;
  for (const char* word : {"it", "he", "she", "they", "that", "which", "this", "again", "more", "finally"})
    if (!places_of(parts.first, word).empty() || !places_of(parts.second, word).empty()) return std::nullopt;
  const std::string& verb = right[0];
  if (right.size() == 1 || verb.ends_with("ing") || verb.ends_with("s")) return std::nullopt;  // no subject
  return parts;
}

std::string joined(const std::string& a, const char* word, const std::string& b, const std::string& caption) {
  return like(trim(caption), a + word + b);
}

}  // namespace

std::vector<std::string> same_order_wordings(const std::string& caption) {
  const auto parts = parts_of(caption);
  if (!parts) return {};
  const std::string& early = parts->word.flip ? parts->second : parts->first;
  const std::string& late = parts->word.flip ? parts->first : parts->second;
  std::vector<std::string> found;
  const std::string own = same_text_key(caption);
  for (const OrderWord& word : kOrderWords) {
    // "followed by" needs noun phrases: only between the two ways that have them.
    if (word.clauses != parts->word.clauses) continue;
    const std::string text =
        word.flip ? joined(late, word.text, early, caption) : joined(early, word.text, late, caption);
    if (same_text_key(text) != own) found.push_back(text);
  }
  return found;
}

std::vector<ClapNegative> opposite_wordings(const std::string& caption,
                                            const std::vector<std::string>& others) {
  std::vector<ClapNegative> found;
  std::set<std::string> seen = {same_text_key(caption)};
  for (const auto& other : others) seen.insert(same_text_key(other));
  const auto keep = [&](const std::string& text, const char* kind) {
    if (seen.insert(same_text_key(text)).second) found.push_back({text, kind});
  };
  if (const auto parts = parts_of(caption))
    keep(joined(parts->second, parts->word.text, parts->first, caption), "order");
  for (const auto& [one, two] : kOpposites)
    for (const auto& [from, to] : {std::pair(one, two), std::pair(two, one)}) {
      const auto places = places_of(caption, from);
      if (places.size() != 1 || !places_of(caption, to).empty()) continue;
      if (std::any_of(others.begin(), others.end(),
                      [&, opposite = to](const auto& other) { return !places_of(other, opposite).empty(); }))
        continue;
      std::string text = caption;
      text.replace(places[0], std::string(from).size(), to);
      keep(like(trim(caption).substr(0, 1) + "x", text), "attribute");
    }
  return found;
}

std::string negative_problem(const std::string& caption, const std::string& edited) {
  constexpr std::size_t kMoreWords = 6;
  if (same_text_key(caption) == same_text_key(edited)) return "same_text";
  const auto plain = [](const std::string& text) {
    std::vector<std::string> words = words_of(text);
    std::erase_if(words, [](const std::string& word) {
      return word.size() == 1 && std::string_view(".,;:!?()").find(word[0]) != std::string_view::npos;
    });
    return words;
  };
  std::vector<std::string> before = plain(caption), after = plain(edited);
  if (before == after) return "reworded";
  if (after.size() > before.size() + kMoreWords) return "too_long";
  std::multiset<std::string> left(after.begin(), after.end());
  std::size_t kept = 0;
  for (const auto& word : before)
    if (const auto place = left.find(word); place != left.end()) {
      ++kept;
      left.erase(place);
    }
  return 2 * kept < before.size() ? "other_words" : "";
}

}  // namespace af2
