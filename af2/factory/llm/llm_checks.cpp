#include "af2/factory/llm/llm_checks.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

constexpr std::size_t kQuote = 5;       // so many words of a transcript in a row are a quotation
constexpr std::size_t kListCommas = 3;  // of a caption: a list, not a sentence
constexpr std::size_t kLeastQuestion = 3;

std::string words_text(std::size_t n, const char* what, int limit) {
  return "has " + std::to_string(n) + " words in " + what + ", the limit is " + std::to_string(limit);
}

int limit_or(const LlmTemplate& from, const char* name, int usual) {
  return from.limits.contains(name) ? from.limit(name) : usual;
}

LlmProblem length_problem(const Item& item, const LlmTemplate& from) {
  const std::size_t asked = plain_words(item.question).size(), answered = plain_words(item.answer).size();
  if (asked < kLeastQuestion) return {"no_question", "\"" + item.question + "\" asks nothing"};
  if (asked > static_cast<std::size_t>(from.limit("question_words")))
    return {"too_long", words_text(asked, "the question", from.limit("question_words"))};
  if (item.options.empty()) {
    if (answered > static_cast<std::size_t>(from.limit("answer_words")))
      return {"too_long", words_text(answered, "the answer", from.limit("answer_words"))};
    if (answered < static_cast<std::size_t>(limit_or(from, "least_answer_words", 1)))
      return {"too_short", words_text(answered, "the answer", limit_or(from, "least_answer_words", 1))};
    return {};
  }
  const bool whole_order = item.type == "order" || item.type == "told_order";
  const int most =
      whole_order ? limit_or(from, "sequence_words", from.limit("option_words")) : from.limit("option_words");
  for (const std::string& option : item.options)
    if (const std::size_t n = plain_words(option).size(); n > static_cast<std::size_t>(most) || n == 0)
      return {"too_long", words_text(n, "an option", most)};
  return {};
}

LlmProblem option_problem(const Item& item, const LlmTemplate& from) {
  if (item.options.empty()) {
    if (item.form == "choice") return {"options", "has none"};
    return {};
  }
  const auto n = static_cast<int>(item.options.size());
  const int least = limit_or(from, "least_options", 2), most = limit_or(from, "most_options", 5);
  if (n < least || n > most)
    return {"options", "has " + std::to_string(n) + " options, not " + std::to_string(least) + " to " +
                           std::to_string(most)};
  std::set<std::string> seen;
  for (const std::string& option : item.options)
    if (!seen.insert(normal_term(option)).second) return {"options_same", "has \"" + option + "\" twice"};
  if (item.answer_index < 0 || item.answer_index >= n ||
      item.options[static_cast<std::size_t>(item.answer_index)] != item.answer)
    return {"answer_no_option", "answers \"" + item.answer + "\", which is no option"};
  return {};
}

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// "at 3.2 seconds", "from 2 s on", "0:12".
bool names_a_time(std::string_view text) {
  static const std::set<std::string> before = {"at",    "from", "to",     "between",
                                               "until", "till", "around", "second"};
  static const std::set<std::string> units = {"s",       "sec", "secs",   "second",
                                              "seconds", "ms",  "minute", "minutes"};
  for (std::size_t i = 1; i + 2 < text.size(); ++i)
    if (text[i] == ':' && is_digit(text[i - 1]) && is_digit(text[i + 1]) && is_digit(text[i + 2]))
      return true;
  const std::vector<std::string> words = words_of(text);
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].empty() || !is_digit(words[i][0]) || !before.contains(words[i - 1])) continue;
    if (words[i - 1] == "second") return true;
    std::size_t unit = i + 1;  // decimals are words of their own behind the point
    while (unit < words.size() && (words[unit] == "." || is_digit(words[unit][0]))) ++unit;
    const bool glued = words[i].size() > 1 && !is_digit(words[i].back()) &&
                       units.contains(words[i].substr(words[i].find_first_not_of("0123456789")));
    if (glued || (unit < words.size() && units.contains(words[unit]))) return true;
  }
  return false;
}

// Letters of Latin script, and the signs that English texts have.
bool is_latin(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 && c != '\t') return false;
    // Two bytes up to U+024F; three bytes only of U+2000 to U+20FF.
    if (c >= 0xCA && c < 0xE2) return false;
    if (c == 0xE2 && (i + 1 >= text.size() || static_cast<unsigned char>(text[i + 1]) > 0x83)) return false;
    if (c > 0xE2) return false;
  }
  return true;
}

bool quotes(std::string_view text, const std::string& source) {
  const std::vector<std::string> words = plain_words(text), spoken = plain_words(source);
  for (std::size_t i = 0; i + kQuote <= spoken.size(); ++i) {
    const auto at = spoken.begin() + static_cast<std::ptrdiff_t>(i);
    if (has_words(words, {at, at + static_cast<std::ptrdiff_t>(kQuote)})) return true;
  }
  return false;
}

LlmProblem word_problem(const Item& item, const Record& record) {
  std::vector<std::string> texts = {item.question, item.answer};
  texts.insert(texts.end(), item.options.begin(), item.options.end());
  for (const std::string& text : texts) {
    if (const std::string phrase = found_phrase(text, llm_banned_phrases()); !phrase.empty())
      return {"banned", "says \"" + phrase + "\""};
    if (text.find("://") != std::string::npos || text.find("<data") != std::string::npos ||
        text.find("{{") != std::string::npos || text.find("```") != std::string::npos)
      return {"banned", "holds marks or links"};
    if (names_a_time(text)) return {"timestamp", "names a point in time: \"" + printable(text, 80) + "\""};
    if (!is_latin(text)) return {"language", "has letters of another script"};
    for (const RecordSpeech& speech : record.speech)
      if (quotes(text, speech.text)) return {"quotes", "repeats what is said"};
    if (item.skill == "contextual_speech")
      for (const RecordText& caption : record.captions)
        if (quotes(text, caption.text)) return {"quotes", "repeats a caption"};
  }
  return {};
}

LlmProblem caption_problem(const Item& item) {
  if (item.options.empty()) {
    if (const std::string phrase = found_phrase(item.answer, {"sound of", "sounds of", "noise of"});
        !phrase.empty())
      return {"caption_form", "says \"" + phrase + "\""};
    if (static_cast<std::size_t>(std::count(item.answer.begin(), item.answer.end(), ',')) >= kListCommas)
      return {"caption_form", "is a list"};
    const auto stops = std::count_if(item.answer.begin(), item.answer.end(),
                                     [](char c) { return c == '.' || c == '!' || c == '?'; });
    if (stops > 1 || (stops == 1 && item.answer.back() != '.'))
      return {"caption_form", "is more than one sentence"};
  }
  return {};
}

LlmProblem music_problem(const Item& item, const Record& record, const std::string& name) {
  const bool plain = name == "skill_harmony" || name == "skill_texture" || name == "skill_rhythm";
  if (plain && !found_phrase(item.question, {"mood", "emotion"}).empty())
    return {"music_rules", "asks for the mood"};
  if (plain &&
      !found_phrase(item.question, {"bpm", "beats per minute", "what tempo", "what is the tempo"}).empty())
    return {"music_rules", "asks for the tempo as a number"};
  for (const std::string* text : {&item.question, &item.answer}) {
    const std::vector<std::string> words = plain_words(*text);
    for (const std::string& instrument : record.music.instruments) {
      const std::vector<std::string> named = plain_words(instrument);
      for (std::size_t i = 0; !named.empty() && i + 1 < words.size(); ++i)
        if (words[i] == named.back() && words[i + 1].size() <= 2 && is_digit(words[i + 1][0]))
          return {"music_rules", "numbers an instrument"};
    }
  }
  return {};
}

}  // namespace

LlmProblem llm_text_problem(const Item& item, const LlmTemplate& from, const Record& record) {
  if (LlmProblem problem = option_problem(item, from)) return problem;
  if (LlmProblem problem = length_problem(item, from)) return problem;
  if (LlmProblem problem = word_problem(item, record)) return problem;
  if (item.skill == "captioning")
    if (LlmProblem problem = caption_problem(item)) return problem;
  if (item.skill == "needle" &&
      !found_phrase(item.question, {"at the beginning", "at the start", "at the end", "in the middle",
                                    "first part", "last part", "segment"})
           .empty())
    return {"place_given", "says where in the recording it is"};
  if (item.skill == "information") return music_problem(item, record, from.name);
  return {};
}

std::vector<std::string> plain_words(std::string_view text) {
  std::vector<std::string> words = words_of(text);
  std::erase_if(words, [](const std::string& word) {
    return word.size() == 1 && std::isalnum(static_cast<unsigned char>(word[0])) == 0 &&
           static_cast<unsigned char>(word[0]) < 128;
  });
  return words;
}

bool has_words(const std::vector<std::string>& whole, const std::vector<std::string>& part) {
  return part.empty() || std::search(whole.begin(), whole.end(), part.begin(), part.end()) != whole.end();
}

std::string found_phrase(std::string_view text, const std::vector<std::string>& phrases) {
  const std::vector<std::string> words = plain_words(text);
  for (const std::string& phrase : phrases)
    if (has_words(words, plain_words(phrase))) return phrase;
  return "";
}

const std::vector<std::string>& llm_banned_phrases() {
  static const std::vector<std::string> all = {"caption",
                                               "captions",
                                               "captioned",
                                               "metadata",
                                               "timestamp",
                                               "timestamps",
                                               "time stamp",
                                               "transcript",
                                               "transcripts",
                                               "transcription",
                                               "annotation",
                                               "annotations",
                                               "annotated",
                                               "according to",
                                               "labelled",
                                               "labeled",
                                               "the label",
                                               "the labels",
                                               "the list",
                                               "the notes",
                                               "the data",
                                               "the text",
                                               "as described",
                                               "the description",
                                               "the video",
                                               "footage",
                                               "on screen",
                                               "json",
                                               "language model",
                                               "ai model",
                                               "as an ai",
                                               "system prompt",
                                               "the prompt",
                                               "my instructions",
                                               "previous instructions",
                                               "the instructions",
                                               "ignore all",
                                               "disregard",
                                               "jailbreak",
                                               "http",
                                               "https",
                                               "www"};
  return all;
}

bool same_stem(const std::string& word_a, const std::string& word_b) {
  if (word_a == word_b) return true;
  static constexpr std::array<const char*, 9> kEndings = {"s",   "es", "ed", "ing", "er",
                                                          "ers", "e",  "d",  "ings"};
  const std::string &shorter = word_a.size() < word_b.size() ? word_a : word_b,
                    &longer = word_a.size() < word_b.size() ? word_b : word_a;
  // bark, barking; clap, clapping; chime, chiming.
  for (std::string stem : {shorter, shorter + shorter.back(),
                           shorter.back() == 'e' ? shorter.substr(0, shorter.size() - 1) : shorter}) {
    if (stem.size() < 3 || !starts_with(longer, stem)) continue;
    const std::string rest = longer.substr(stem.size());
    if (rest.empty() || std::find(kEndings.begin(), kEndings.end(), rest) != kEndings.end()) return true;
  }
  return false;
}

std::vector<std::string> content_words(std::string_view text) {
  static const std::set<std::string> empty = {
      "a",     "an",    "the",   "some",   "of",       "in",    "on",     "at",    "to",
      "and",   "or",    "with",  "by",     "for",      "from",  "is",     "are",   "was",
      "were",  "be",    "being", "it",     "its",      "this",  "that",   "these", "those",
      "there", "then",  "sound", "sounds", "sounding", "noise", "noises", "audio", "recording",
      "clip",  "heard", "hear",  "which",  "what",     "how",   "when",   "where", "who",
      "why",   "do",    "does",  "did",    "can",      "could", "would",  "one",   "you",
      "as",    "into",  "while", "his",    "her",      "their", "they",   "he",    "she"};
  std::vector<std::string> words = plain_words(text);
  std::erase_if(words, [&](const std::string& word) { return empty.contains(word); });
  return words;
}

}  // namespace af2
