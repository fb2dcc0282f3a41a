#include "af2/factory/situation_scenes.h"

#include <algorithm>
#include <set>
#include <string>

#include "af2/data/text_terms.h"
#include "af2/factory/rules/context_tables.h"

namespace af2 {
namespace {

bool has_words(const SoundLibrary& library, Split split, const std::string& words) {
  return std::any_of(library.takes().begin(), library.takes().end(), [&](const Take& take) {
    return take.split == split && normal_term(take.words) == normal_term(words);
  });
}

// Sounds of other situations: not those that the same words go with.
std::vector<std::string> other_sounds(const std::vector<SpeechSituation>& situations,
                                      const SpeechSituation& own) {
  std::set<std::string> others, same;
  for (const SpeechSituation& s : situations) (s.words == own.words ? same : others).insert(s.label);
  std::vector<std::string> labels;
  for (const std::string& label : others)
    if (!same.contains(label)) labels.push_back(label);
  return labels;
}

Recipe recipe_of(const SpeechSituation& situation, const std::vector<std::string>& others) {
  Recipe recipe;
  recipe.scene.duration.reset();
  recipe.scene.at_least = Distribution::uniform(4, 10);
  recipe.scene.background.kinds = {"pink", "brown", "silence"};
  recipe.snr = Distribution::uniform(10, 24);
  EventSpec sound, voice;
  sound.name = "sound", sound.labels = {situation.label}, sound.most_length = 4;
  voice.name = "voice", voice.labels = {"man speaking", "woman speaking"}, voice.with_words = true;
  voice.words = {situation.words}, voice.purpose = situation.purpose;
  EventSpec& later = situation.after ? voice : sound;
  later.after = situation.after ? "sound" : "voice";
  later.gap = Distribution::uniform(0.3, 1.5);
  recipe.scene.events = {sound, voice};
  if (!others.empty()) {
    EventSpec other;
    other.name = "other", other.labels = others, other.most_length = 3, other.chance = 0.7;
    recipe.scene.events.push_back(other);
  }
  recipe.plot = {"Someone speaks " + situation.purpose + "."};
  recipe.captions = {situation.after ? "{Sound.sentence} and somebody says something."
                                     : "Somebody says something and {sound.sentence}."};
  return recipe;
}

}  // namespace

std::vector<Recipe> situation_recipes(const SoundLibrary& library, Split split) {
  const std::vector<SpeechSituation> situations = speech_situations();
  const std::vector<std::string> list = library.labels(TakeRole::kForeground, split);
  const std::set<std::string> labels(list.begin(), list.end());
  std::vector<Recipe> recipes;
  for (const SpeechSituation& situation : situations) {
    if (!labels.contains(situation.label) || !has_words(library, split, situation.words)) continue;
    std::vector<std::string> others = other_sounds(situations, situation);
    std::erase_if(others, [&](const std::string& label) { return !labels.contains(label); });
    recipes.push_back(recipe_of(situation, others));
    recipes.back().name = "situation_" + std::to_string(recipes.size());
  }
  return recipes;
}

}  // namespace af2
