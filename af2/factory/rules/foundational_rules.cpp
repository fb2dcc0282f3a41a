// The plain tasks of data.md section 4: labels, tags and captions as answers, prompts out of pools
// (af2/factory/rules/wordings/foundational.txt).
#include <algorithm>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/foundational.h"
#include "af2/factory/rules/information_detail.h"

namespace af2 {
namespace {

const std::vector<std::string> kEmotions = {"angry",   "happy",     "sad",       "neutral",
                                            "fearful", "disgusted", "surprised", "calm"};
const std::vector<std::string> kSentiments = {"positive", "negative", "neutral"};
const std::vector<std::string> kGenres = {"classical", "waltz",   "march",   "pop",    "rock", "blues",
                                          "jazz",      "folk",    "ambient", "reggae", "hymn", "metal",
                                          "hip hop",   "country", "disco",   "techno"};
// Genres that one piece may well be both of.
const std::set<std::pair<std::string, std::string>> kNearGenres = {
    {"classical", "waltz"}, {"classical", "hymn"}, {"pop", "rock"},          {"rock", "metal"},
    {"blues", "jazz"},      {"blues", "rock"},     {"folk", "country"},      {"pop", "disco"},
    {"disco", "techno"},    {"pop", "reggae"},     {"classical", "ambient"}, {"classical", "march"},
    {"pop", "country"},     {"pop", "folk"},       {"folk", "waltz"},        {"pop", "hip hop"},
    {"pop", "ambient"},     {"ambient", "techno"}};

std::optional<Finding> plain(std::string answer, std::string level = "easy") {
  Finding finding;
  finding.answer = std::move(answer), finding.level = std::move(level);
  return finding;
}

std::string listed(std::vector<std::string> names) {
  std::vector<std::string> once;
  for (const std::string& name : names)
    if (std::find(once.begin(), once.end(), name) == once.end()) once.push_back(name);
  // AudioSet's "male speech, man speaking" is one of a list.
  const bool commas = std::any_of(
      once.begin(), once.end(), [](const std::string& name) { return name.find(',') != std::string::npos; });
  return join(once, commas ? "; " : ", ");
}

bool is_music(const Record& record) {
  const RecordMusic& music = record.music;
  return !music.instruments.empty() || !music.genres.empty() || !music.notes.empty() ||
         music.tempo.has_value();
}

std::optional<Finding> instrument_list(const RuleContext& context) {
  return context.record.music.instruments.empty() ? std::nullopt
                                                  : plain(listed(context.record.music.instruments));
}

// A caption of the whole clip; of several one is drawn.
std::optional<Finding> caption_of(const RuleContext& context, bool music) {
  if (is_music(context.record) != music) return std::nullopt;
  std::vector<std::string> texts;
  for (const RecordText& text : context.record.captions)
    if (text.end <= text.start) texts.push_back(text.text);
  return texts.empty() ? std::nullopt : plain(context.rng.pick(texts), "medium");
}

std::optional<Finding> event_list(const RuleContext& context) {
  if (is_music(context.record)) return std::nullopt;
  std::vector<std::string> names;
  for (const int place : counted_events(context.record, context.margins))
    names.push_back(plain_label(context.record.events[static_cast<std::size_t>(place)].label));
  if (names.empty())
    for (const std::string& label : context.record.labels) names.push_back(plain_label(label));
  return names.empty() ? std::nullopt : plain(listed(names));
}

std::optional<Finding> music_tags(const RuleContext& context) {
  const RecordMusic& music = context.record.music;
  std::vector<std::string> tags = music.genres;
  tags.insert(tags.end(), music.moods.begin(), music.moods.end());
  tags.insert(tags.end(), music.instruments.begin(), music.instruments.end());
  return tags.size() < 2 ? std::nullopt : plain(listed(tags));
}

// One of a set of words, and the others as wrong answers.
std::optional<Finding> one_of(const RuleContext& context, const std::vector<std::string>& words,
                              const std::vector<std::string>& said) {
  std::vector<std::string> found;
  for (const std::string& word : words)
    if (std::any_of(said.begin(), said.end(),
                    [&](const std::string& text) { return normal_term(text) == word; }))
      found.push_back(word);
  if (found.size() != 1) return std::nullopt;
  std::optional<Finding> finding = plain(found[0]);
  std::vector<std::string> others = words;
  context.rng.shuffle(others);
  for (const std::string& other : others)
    if (other != found[0] && !kNearGenres.contains({other, found[0]}) &&
        !kNearGenres.contains({found[0], other}))
      finding->wrong.push_back({other});
  return finding;
}

std::optional<Finding> genre(const RuleContext& context) {
  const std::vector<std::string>& genres = context.record.music.genres;
  if (genres.size() != 1) return std::nullopt;
  if (auto known = one_of(context, kGenres, genres)) return known;
  return plain(genres[0]);  // a genre that is not in our list has no fair wrong ones
}

// Emotion of a voice, as sets of acted speech label it.
std::optional<Finding> emotion(const RuleContext& context) {
  auto finding = one_of(context, kEmotions, context.record.labels);
  // Calm and neutral voices are alike.
  if (finding) {
    const std::string near = finding->answer == "calm"      ? "neutral"
                             : finding->answer == "neutral" ? "calm"
                                                            : "";
    std::erase_if(finding->wrong, [&](const WrongAnswer& wrong) { return wrong.text == near; });
  }
  return finding;
}

std::optional<Finding> sentiment(const RuleContext& context) {
  return one_of(context, kSentiments, context.record.labels);
}

}  // namespace

const std::vector<std::string>& foundational_tasks() {
  static const std::vector<std::string> all = {"instrument", "audio_caption", "music_caption", "emotion",
                                               "events",     "music_tags",    "genre",         "sentiment"};
  return all;
}

const WordingList& prompt_pool(const std::string& task) {
  const auto found = all_wordings().find(type_key("foundational", task, false));
  if (found == all_wordings().end())
    throw user_error("has no pool of prompts: " + task, "task",
                     "there are " + join(foundational_tasks(), ", "));
  return found->second;
}

std::vector<RuleType> foundational_rules() {
  const std::vector<std::string> word = {"short", "choice"}, list = {"short"}, sentence = {"open"};
  return {{"foundational", "instrument", false, list, instrument_list},
          {"foundational", "audio_caption", false, sentence,
           [](const RuleContext& c) { return caption_of(c, false); }},
          {"foundational", "music_caption", false, sentence,
           [](const RuleContext& c) { return caption_of(c, true); }},
          {"foundational", "emotion", false, word, emotion},
          {"foundational", "events", false, list, event_list},
          {"foundational", "music_tags", false, list, music_tags},
          {"foundational", "genre", false, word, genre},
          {"foundational", "sentiment", false, word, sentiment}};
}

}  // namespace af2
