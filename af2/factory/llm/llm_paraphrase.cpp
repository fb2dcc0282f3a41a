#include "af2/factory/llm/llm_paraphrase.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/questions.h"
#include "af2/data/text_terms.h"
#include "af2/data/wordings.h"
#include "af2/factory/rules/rules.h"

namespace af2 {
namespace {

// Words that carry a question's sense, by what they say: a paraphrase has a word of the same groups and of no
// other. Endings count by same_stem().
struct Sense {
  const char* name;
  std::vector<std::string> words;
};
const std::vector<Sense>& senses() {
  static const std::vector<Sense> all = {
      {"first", {"first", "earliest", "begin", "start", "beginning", "open", "initial", "initially"}},
      {"last", {"last", "latest", "final", "finally", "end", "finish", "conclude"}},
      {"before", {"before", "precede", "prior", "earlier"}},
      {"after", {"after", "follow", "next", "subsequent", "subsequently", "later", "afterwards"}},
      {"middle", {"middle", "halfway", "centre", "center"}},
      {"during", {"during", "while", "overlap", "simultaneously", "together", "meanwhile", "same"}},
      {"right_beside", {"right", "immediately", "directly", "straight", "just"}},
      {"longest", {"longest", "longer", "long"}},
      {"shortest", {"shortest", "shorter", "short", "brief", "briefest"}},
      {"loud", {"loudest", "louder", "loud", "loudness", "volume"}},
      {"soft", {"softest", "softer", "quietest", "quieter", "faintest", "soft", "quiet"}},
      {"high", {"highest", "higher", "high"}},
      {"low", {"lowest", "lower", "low", "deepest", "deeper"}},
      {"most", {"most"}},
      {"least", {"least", "fewest", "rarest"}},
      {"more", {"more"}},
      {"less", {"less", "fewer"}},
      {"order", {"order", "sequence", "arrange"}},
      {"how_often", {"times", "often", "count", "many", "number", "occurrences"}},
      {"change", {"change", "alter", "develop", "evolve", "grow", "fade"}},
      {"silence", {"silence", "silent", "pause", "gap"}},
      {"not", {"not", "no", "never", "without", "absent", "missing", "except", "none", "isn't", "doesn't"}},
      {"only", {"only", "once", "single", "sole"}},
      {"every", {"every", "all", "each"}},
      {"reason", {"why", "cause", "reason", "because", "purpose"}},
      {"place", {"where", "place", "location"}},
      {"who", {"who", "whom", "speaker"}},
  };
  return all;
}

std::set<std::string> senses_of(const std::vector<std::string>& words) {
  std::set<std::string> found;
  for (const Sense& sense : senses())
    for (const std::string& word : words)
      if (word != "lasts" && word != "lasting" &&  // how long, not which is the last
          std::any_of(sense.words.begin(), sense.words.end(),
                      [&](const std::string& one) { return same_stem(one, word); }))
        found.insert(sense.name);
  return found;
}

// "3", "three", "third" and "thrice" are the number three.
int number_of(const std::string& word) {
  static const std::array<const char*, 13> kCardinals = {"zero", "one",    "two",   "three", "four",
                                                         "five", "six",    "seven", "eight", "nine",
                                                         "ten",  "eleven", "twelve"};
  static const std::array<const char*, 13> kOrdinals = {"zeroth", "",         "second",  "third",  "fourth",
                                                        "fifth",  "sixth",    "seventh", "eighth", "ninth",
                                                        "tenth",  "eleventh", "twelfth"};
  for (int i = 0; i < 13; ++i)
    if (i != 1 &&
        (word == kCardinals[static_cast<std::size_t>(i)] || word == kOrdinals[static_cast<std::size_t>(i)]))
      return i;
  if (word == "twice" || word == "both" || word == "pair") return 2;
  if (word == "thrice") return 3;
  if (std::isdigit(static_cast<unsigned char>(word[0])) != 0) return 1000 + std::atoi(word.c_str());
  return -1;
}

std::set<int> numbers_in(const std::vector<std::string>& words) {
  std::set<int> numbers;
  for (const std::string& word : words)
    if (int n = number_of(word); n >= 0) numbers.insert(n >= 1000 && n <= 1012 && n != 1001 ? n - 1000 : n);
  return numbers;
}

bool asks_yes_or_no(const std::vector<std::string>& words) {
  static const std::set<std::string> kBegins = {"is",  "are",   "was", "were", "do",   "does",  "did",
                                                "can", "could", "has", "have", "will", "would", "should"};
  static const std::set<std::string> kAsks = {"what", "which", "who", "whose", "how",
                                              "when", "where", "why", "whom"};
  if (words.empty() || !kBegins.contains(words[0])) return false;
  return std::none_of(words.begin(), words.end(),
                      [](const std::string& word) { return kAsks.contains(word); });
}

bool begins_as_request(const std::vector<std::string>& words) {
  static const std::set<std::string> kBegins = {
      "say",    "name",     "tell",      "count",  "choose",  "pick",   "give",
      "state",  "identify", "describe",  "listen", "put",     "select", "find",
      "decide", "judge",    "determine", "sort",   "arrange", "order",  "please"};
  return !words.empty() && kBegins.contains(words[0]);
}

// Words that say nothing of a clip: those of our own questions, and what people ask with.
std::set<std::string> usual_words() {
  std::set<std::string> usual = {
      "about",    "across",     "among",     "answer",    "any",       "appear",    "around",     "at",
      "audible",  "based",      "catch",     "choose",    "come",      "compare",   "contain",    "could",
      "detect",   "determine",  "either",    "emerge",    "following", "given",     "go",         "happen",
      "have",     "here",       "identify",  "if",        "include",   "indicate",  "judging",    "kind",
      "know",     "last",       "list",      "listen",    "listening", "made",      "make",       "mention",
      "name",     "notice",     "occur",     "occurs",    "of",        "option",    "options",    "out",
      "over",     "part",       "perceive",  "pick",      "play",      "played",    "please",     "point",
      "present",  "produce",    "provided",  "put",       "recognise", "recognize", "say",        "select",
      "should",   "show",       "something", "spot",      "state",     "take",      "tell",       "them",
      "thing",    "throughout", "type",      "up",        "us",        "we",        "whether",    "will",
      "within",   "your",       "hearing",   "occurring", "happening", "piece",     "soundtrack", "listener",
      "anywhere", "whole",      "during",    "correct",   "correctly", "describe",  "described",  "best",
      "be",       "been",       "has",       "had",       "i",         "me",        "my"};
  for (int type = 0; type < kQuestionTypes; ++type)
    for (const std::string& text : wordings(static_cast<QuestionType>(type)))
      for (const std::string& word : plain_words(text)) usual.insert(word);
  for (const auto& [key, list] : all_wordings())
    for (const std::string& text : list.usual)
      for (const std::string& word : plain_words(text)) usual.insert(word);
  return usual;
}

}  // namespace

LlmParaphraser::LlmParaphraser(LlmClient* client, const Vocabulary& words, LlmParaphraseOptions options,
                               const std::filesystem::path& templates)
    : client_(client),
      words_(words),
      options_(options),
      template_(llm_template("paraphrase", templates)),
      usual_(usual_words()) {
  if (options_.number < 1 || options_.number > 8) throw user_error("must be in 1..8", "--paraphrases");
}

std::set<int> LlmParaphraser::named(const std::string& text) const {
  std::set<int> found;
  const std::vector<std::string> said = plain_words(text);
  for (int label = 0; label < words_.size(); ++label)
    for (const std::string& term : words_.terms(label))
      if (const std::vector<std::string> parts = plain_words(term);
          !parts.empty() && has_words(said, parts)) {
        found.insert(label);
        break;
      }
  return found;
}

LlmRequest LlmParaphraser::request(const Item& item) const {
  LlmRequest request = template_.request(
      {{"question", data_slot(item.question)}, {"number", std::to_string(options_.number)}});
  // So many, neither fewer nor more, where the endpoint keeps to the schema.
  Json& texts = request.schema["properties"]["texts"];
  texts["minItems"] = texts["maxItems"] = options_.number;
  return request;
}

LlmProblem LlmParaphraser::problem(const Item& item, const std::string& text) const {
  const std::vector<std::string> before = plain_words(item.question), now = plain_words(text);
  if (now.size() < 3) return {"no_question", "asks nothing"};
  const std::size_t most = std::max(static_cast<std::size_t>(options_.most_words), before.size());
  if (now.size() > most) return {"too_long", "has " + std::to_string(now.size()) + " words"};
  if (now == before) return {"same", "is the question itself"};
  if (const std::string phrase = found_phrase(text, llm_banned_phrases()); !phrase.empty())
    return {"banned", "says \"" + phrase + "\""};
  if (text.find_first_of("<>{}[]\\\n") != std::string::npos) return {"banned", "holds marks"};
  if (text.back() != '?' && (text.back() != '.' || !begins_as_request(now)))
    return {"no_question", "is neither a question nor a request"};
  if (std::count(text.begin(), text.end(), '?') >
      std::max<std::ptrdiff_t>(1, std::count(item.question.begin(), item.question.end(), '?')))
    return {"no_question", "asks more than once"};
  if (asks_yes_or_no(now) != asks_yes_or_no(before)) return {"other_kind", "wants another kind of answer"};
  if (named(text) != named(item.question)) return {"other_sounds", "names other sounds"};
  if (numbers_in(now) != numbers_in(before)) return {"other_numbers", "has other numbers"};
  const std::set<std::string> sense = senses_of(before), other = senses_of(now);
  if (sense != other) {
    std::vector<std::string> changed;
    std::set_symmetric_difference(sense.begin(), sense.end(), other.begin(), other.end(),
                                  std::back_inserter(changed));
    return {"other_sense", "differs in: " + join(changed, ", ")};
  }
  // Lists of options inside of a question stay letter by letter.
  if (const std::size_t list = item.question.find("(A)");
      list != std::string::npos && text.find(trim(item.question.substr(list))) == std::string::npos)
    return {"other_sounds", "has lost its list"};
  if (options_.known_words)
    for (const std::string& word : content_words(text)) {
      const auto stem = [&](const std::string& one) { return same_stem(one, word); };
      if (std::none_of(before.begin(), before.end(), stem) &&
          std::none_of(usual_.begin(), usual_.end(), stem) && senses_of({word}).empty() &&
          number_of(word) < 0)
        return {"new_word", "brings in \"" + word + "\""};
    }
  return {};
}

LlmMade LlmParaphraser::make(const Item& item) const {
  if (!client_) throw internal_error("no language model", "LlmParaphraser");
  LlmMade made;
  ++made.counts["paraphrase/asked"];
  const LlmReply reply = client_->ask(request(item));
  const auto aside = [&](const LlmProblem& problem, const std::string& text) {
    made.aside.push_back({{"item", item.id},
                          {"template", template_.name},
                          {"version", template_.version},
                          {"reason", problem.reason},
                          {"detail", problem.detail}});
    if (!text.empty()) made.aside.back()["reply"] = text;
  };
  if (!reply.value) {
    ++made.counts["paraphrase/failed_parse"];
    aside({"failed_parse", reply.problem}, "");
    return made;
  }
  std::set<std::vector<std::string>> seen;
  for (const Json& json : (*reply.value)["texts"]) {
    const std::string text = trim(json.get<std::string>());
    ++made.counts["paraphrase/made"];
    LlmProblem why = text.empty() ? LlmProblem{"no_question", "is empty"} : problem(item, text);
    if (!why && !seen.insert(plain_words(text)).second) why = {"repeated", "is another paraphrase"};
    if (why) {
      ++made.counts["refused/" + why.reason];
      aside(why, text);
      continue;
    }
    ++made.counts["paraphrase/survived"];
    Item reworded = item;
    reworded.id = item.id + "/p" + std::to_string(made.items.size() + 1);
    reworded.question = text;
    reworded.generator = client_->model();
    reworded.wording = "paraphrase/" + item.wording;
    reworded.version = template_.version;
    reworded.checks = {"paraphrase"};
    made.items.push_back(std::move(reworded));
  }
  if (!made.items.empty()) ++made.counts["paraphrase/questions_with_one"];
  return made;
}

std::vector<Item> paraphrase_items(const LlmParaphraser& paraphraser, const std::vector<Item>& items,
                                   LlmCounts& counts) {
  std::vector<Item> all;
  for (const Item& item : items) {
    LlmMade made = paraphraser.make(item);
    for (const auto& [name, n] : made.counts) counts[name] += n;
    std::move(made.items.begin(), made.items.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace af2
