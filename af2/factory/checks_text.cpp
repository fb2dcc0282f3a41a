// Words of an item: lengths, phrases that give its making away, names, language (checks.h).
#include <algorithm>
#include <unordered_set>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/checks.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

using Words = std::unordered_set<std::string>;

// First names that are no common English words when written with a capital.
const Words& first_names() {
  static const Words names = {
      "aaron",       "abigail",   "adam",     "adrian",    "ahmed",    "alan",      "albert",    "alex",
      "alexander",   "alexandra", "alice",    "alison",    "amanda",   "amelia",    "amy",       "andrea",
      "andrew",      "angela",    "anna",     "anne",      "anthony",  "antonio",   "ashley",    "barbara",
      "benjamin",    "betty",     "brandon",  "brenda",    "brian",    "bruce",     "bryan",     "carl",
      "carlos",      "carmen",    "caroline", "catherine", "charles",  "charlotte", "chloe",     "christina",
      "christopher", "claire",    "daniel",   "david",     "deborah",  "dennis",    "diana",     "diego",
      "donald",      "dorothy",   "douglas",  "edward",    "elena",    "elizabeth", "ella",      "emily",
      "emma",        "eric",      "ethan",    "eugene",    "evelyn",   "fatima",    "fernando",  "francis",
      "gabriel",     "gary",      "george",   "gerald",    "giovanni", "gloria",    "gregory",   "hannah",
      "hans",        "harold",    "heather",  "helen",     "henry",    "isabella",  "ivan",      "jacob",
      "james",       "jane",      "janet",    "jason",     "jeffrey",  "jennifer",  "jeremy",    "jessica",
      "joan",        "john",      "jonathan", "jose",      "joseph",   "joshua",    "juan",      "julia",
      "julie",       "justin",    "karen",    "katherine", "kathleen", "keith",     "kelly",     "kenneth",
      "kevin",       "kimberly",  "larry",    "laura",     "lauren",   "lawrence",  "leonard",   "linda",
      "lisa",        "louis",     "lucas",    "luis",      "margaret", "maria",     "marie",     "marilyn",
      "martha",      "martin",    "mary",     "matthew",   "megan",    "melissa",   "michael",   "michelle",
      "miguel",      "mohammed",  "muhammad", "nancy",     "natalie",  "nathan",    "nicholas",  "nicole",
      "noah",        "oliver",    "olivia",   "oscar",     "pamela",   "patricia",  "paul",      "pedro",
      "peter",       "philip",    "rachel",   "ralph",     "raymond",  "rebecca",   "richard",   "robert",
      "roger",       "ronald",    "russell",  "ruth",      "ryan",     "samantha",  "samuel",    "sandra",
      "sarah",       "scott",     "sean",     "sharon",    "shirley",  "sophia",    "stephanie", "stephen",
      "steven",      "susan",     "taylor",   "teresa",    "theresa",  "thomas",    "timothy",   "tyler",
      "victoria",    "vincent",   "virginia", "walter",    "wayne",    "william",   "zachary"};
  return names;
}

const Words& titles() {
  static const Words words = {"mr",   "mrs",       "ms",        "miss",     "dr",      "sir",      "madam",
                              "prof", "professor", "president", "senator",  "captain", "sergeant", "judge",
                              "king", "queen",     "prince",    "princess", "pope",    "saint"};
  return words;
}

// Written with a capital, and no name of a person.
const Words& proper_words() {
  static const Words words = {
      "i",         "i'm",        "i'll",      "monday",   "tuesday",   "wednesday", "thursday",  "friday",
      "saturday",  "sunday",     "january",   "february", "march",     "april",     "may",       "june",
      "july",      "august",     "september", "october",  "november",  "december",  "christmas", "easter",
      "halloween", "new",        "year",      "year's",   "eve",       "day",       "english",   "french",
      "spanish",   "german",     "italian",   "chinese",  "japanese",  "korean",    "russian",   "arabic",
      "indian",    "african",    "american",  "latin",    "irish",     "scottish",  "celtic",    "british",
      "european",  "asian",      "brazilian", "cuban",    "caribbean", "middle",    "eastern",   "western",
      "north",     "south",      "east",      "west",     "baroque",   "romantic",  "classical", "gregorian",
      "morse",     "doppler",    "hammond",   "fender",   "rhodes",    "wurlitzer", "dorian",    "phrygian",
      "lydian",    "mixolydian", "aeolian",   "locrian",  "ionian",    "tv",        "dj",        "cpr",
      "atm",       "suv",        "edm",       "r&b",      "rnb",       "uk",        "us",        "usa",
      "bpm",       "hz",         "db",        "the",      "a",         "an"};
  return words;
}

// Function words of English, and of other languages where English has no such word.
const Words& english_words() {
  static const Words words = {
      "the", "a",   "an",   "is",    "are",   "was",    "what",    "which", "how",  "who",  "does",
      "do",  "of",  "in",   "to",    "and",   "or",     "that",    "this",  "it",   "with", "on",
      "at",  "by",  "for",  "from",  "after", "before", "first",   "last",  "many", "when", "where",
      "why", "you", "hear", "heard", "sound", "audio",  "between", "while", "there"};
  return words;
}
const Words& foreign_words() {
  static const Words words = {
      "der",  "das",  "und", "ist", "nicht", "ein",     "eine", "welche", "welches", "wie",  "wird",
      "nach", "vor",  "le",  "la",  "les",   "une",     "est",  "quel",   "quelle",  "dans", "avec",
      "qui",  "que",  "des", "du",  "el",    "los",     "las",  "una",    "es",      "cual", "como",
      "por",  "para", "del", "il",  "che",   "della",   "di",   "een",    "het",     "niet", "van",
      "o",    "os",   "uma", "em",  "com",   "quantas", "wat",  "welk"};
  return words;
}

// A word as written, and whether a sentence or a quotation begins with it.
struct Written {
  std::string text, lower;
  bool capital = false, begins = false;
};
std::vector<Written> written_words(std::string_view text) {
  std::vector<Written> words;
  bool begins = true;
  std::string word;
  const auto flush = [&] {
    if (word.empty()) return;
    Written w{word, word_count(word) > 0 ? words_of(word).front() : "", false, begins};
    w.capital = word[0] >= 'A' && word[0] <= 'Z';
    begins = false;
    words.push_back(std::move(w));
    word.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool inner = (c == '\'' || c == '-' || c == '&') && !word.empty();
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '#' ||
        static_cast<unsigned char>(c) >= 128 || inner) {
      word += c;
      continue;
    }
    flush();
    // "Dr. Brown": the full stop of a title ends no sentence.
    const bool title = c == '.' && !words.empty() && titles().contains(words.back().lower);
    if (!title && (c == '.' || c == '!' || c == '?' || c == ':' || c == '"' || c == '(' || c == ')'))
      begins = true;
  }
  flush();
  return words;
}

// A note, chord or key: "C", "F#", "Am7", "Bb".
bool is_musical(const std::string& word) {
  if (word.empty() || word[0] < 'A' || word[0] > 'G') return false;
  std::size_t at = 1;
  if (at < word.size() && (word[at] == '#' || word[at] == 'b')) ++at;
  for (const char* quality : {"maj", "min", "dim", "aug", "sus", "m"})
    if (word.compare(at, std::string(quality).size(), quality) == 0) {
      at += std::string(quality).size();
      break;
    }
  return std::all_of(word.begin() + static_cast<std::ptrdiff_t>(at), word.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

std::string plain_words(std::string_view text) {
  std::string plain = " ";
  for (const std::string& word : words_of(text))
    if (word.size() > 1 || static_cast<unsigned char>(word[0]) >= 128 || (word[0] >= 'a' && word[0] <= 'z') ||
        (word[0] >= '0' && word[0] <= '9'))
      plain += word + " ";
  return plain;
}

bool is_caption(const Item& item) {
  return item.is_long && (item.skill == "captioning" || item.skill == "plot");
}

}  // namespace

std::vector<std::string> CheckOptions::default_banned_phrases() {
  return {"caption",      "captioned",  "metadata",        "timestamp",     "timestamped",
          "time stamp",   "transcript", "annotation",      "the list",      "this list",
          "that list",    "given list", "these lists",     "listed",        "according to",
          "as described", "subtitle",   "the description", "the text says", "language model"};
}

int word_count(std::string_view text) {
  const std::string plain = plain_words(text);
  return static_cast<int>(std::count(plain.begin(), plain.end(), ' ')) - 1;
}

std::string banned_phrase(std::string_view text, const std::vector<std::string>& banned) {
  const std::string plain = plain_words(text);
  for (const std::string& phrase : banned)
    for (const char* end : {" ", "s ", "'s "})
      if (plain.find(" " + phrase + end) != std::string::npos) return phrase;
  return "";
}

std::string person_name(std::string_view text) {
  const std::vector<Written> words = written_words(text);
  // A text in which every longer word has a capital is a heading: its capitals say nothing.
  const bool heading = words.size() > 2 && std::all_of(words.begin(), words.end(), [](const Written& w) {
                         return w.capital || w.text.size() < 4;
                       });
  for (std::size_t i = 0; i < words.size(); ++i) {
    const Written& w = words[i];
    if (!w.capital) continue;
    std::string bare = w.lower;
    if (bare.size() > 2 && bare.ends_with("'s")) bare.resize(bare.size() - 2);
    if (first_names().contains(bare)) return w.text;
    if (i + 1 == words.size() || !words[i + 1].capital || words[i + 1].begins) continue;
    const Written& next = words[i + 1];
    if (titles().contains(bare) && !heading && !is_musical(next.text)) return w.text + " " + next.text;
    const auto known = [](const Written& x) {
      return proper_words().contains(x.lower) || is_musical(x.text) ||
             std::all_of(x.text.begin(), x.text.end(), [](char c) { return c < 'a' || c > 'z'; });
    };
    if (!heading && !w.begins && !known(w) && !known(next)) return w.text + " " + next.text;
  }
  return "";
}

std::string language_problem(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    // Latin letters with marks, dashes, quotes, notes and signs are of English texts; other scripts are not.
    if (c == kReplacementCharacter) return "bytes that are no UTF-8";
    if ((c >= 0x370 && c < 0x2000) || (c >= 0x2E80 && c < 0xFB00) || c >= 0x20000)
      return "letters of another script";
  }
  int english = 0, foreign = 0;
  for (const std::string& word : words_of(text))
    english += english_words().contains(word), foreign += foreign_words().contains(word);
  return foreign >= 2 && foreign > english ? "words of another language" : "";
}

void ItemChecker::check_texts(const Item& item, std::vector<ItemFault>& faults) const {
  const WordLimits& most = options_.words;
  const auto too_long = [&](const char* reason, const std::string& text, int limit) {
    if (const int n = word_count(text); n > limit)
      faults.push_back({reason, std::to_string(n) + " words, at most " + std::to_string(limit)});
  };
  // What a question lists by letters are options.
  const std::size_t list = item.question.find("(A) ");
  const bool lists = list != std::string::npos && item.question.find("(B) ", list) != std::string::npos;
  if (item.type != "combine")
    too_long("texts/question_long", lists ? item.question.substr(0, list) : item.question, most.question);
  const int answer = is_caption(item)        ? most.long_caption
                     : item.form == "open"   ? (item.is_long ? most.long_answer : most.open_answer)
                     : !item.options.empty() ? most.option
                                             : most.short_answer;
  too_long("texts/answer_long", item.answer, answer);
  for (std::size_t i = 0; i < item.options.size(); ++i)
    if (static_cast<int>(i) != item.answer_index)
      too_long("texts/option_long", item.options[i], is_caption(item) ? most.long_caption : most.option);
  if (word_count(item.question) == 0) faults.push_back({"texts/empty", "question"});
  if (word_count(item.answer) == 0) faults.push_back({"texts/empty", "answer"});

  std::vector<const std::string*> texts = {&item.question, &item.answer};
  for (const std::string& option : item.options)
    if (option != item.answer) texts.push_back(&option);
  // Where a caption or a list is what is asked for, it may be called so.
  std::vector<std::string> banned = options_.banned;
  if (is_caption(item) || item.skill == "foundational")
    std::erase_if(banned,
                  [](const std::string& phrase) { return phrase == "caption" || phrase.ends_with(" list"); });
  for (const std::string* text : texts) {
    if (const std::string phrase = banned_phrase(*text, banned); !phrase.empty())
      faults.push_back({"texts/banned_phrase", phrase});
    if (const std::string name = person_name(*text); !name.empty()) faults.push_back({"texts/name", name});
    if (const std::string why = language_problem(*text); !why.empty())
      faults.push_back({"texts/not_english", why});
  }
  if (item.is_long && item.skill == "captioning") {
    if (const std::string phrase = banned_phrase(item.answer, {"sound of", "sounds of"}); !phrase.empty())
      faults.push_back({"texts/banned_phrase", phrase});
    if (std::count(item.answer.begin(), item.answer.end(), ',') > 3)
      faults.push_back({"texts/comma_list", item.answer});
  }
}

}  // namespace af2
