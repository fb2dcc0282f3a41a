#include "af2/factory/rules/long_tables.h"

#include <algorithm>
#include <map>
#include <vector>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/data/vocabulary.h"

namespace af2 {
namespace {

const std::map<std::string, std::string>& descriptions() {
  static const std::map<std::string, std::string> all = {
      {"airplane", "the machine passing high overhead"},
      {"applause", "the public showing its approval"},
      {"bee", "the small winged maker of honey"},
      {"beep", "the short tone of a device"},
      {"bubbles", "the liquid giving off air"},
      {"camera shutter", "the taking of a picture"},
      {"car", "the motor of a small road vehicle"},
      {"cat", "the small pet asking for something"},
      {"cheering", "the loud joy of many people"},
      {"chicken", "the bird that lays our eggs"},
      {"church bell", "the call from a steeple"},
      {"coins", "the handling of small change"},
      {"cow", "the animal that gives us milk"},
      {"cricket", "the insects of a summer night"},
      {"crow", "the call of a large black bird"},
      {"dog", "the animal that guards the house"},
      {"door", "the way into a room being used"},
      {"drill", "the tool that makes holes"},
      {"duck", "the bird from the pond"},
      {"eating", "the sound of someone at a meal"},
      {"electric spark", "the current jumping a gap"},
      {"elephant", "the largest animal on land"},
      {"explosion", "the sudden burst that shakes everything"},
      {"finger snap", "the small signal made with one hand"},
      {"fire", "the thing that gives heat to a camp"},
      {"fireworks", "the show of a festive night"},
      {"footsteps", "the person moving on foot"},
      {"frog", "the small animals from a pond"},
      {"glass breaking", "the accident with something fragile"},
      {"groan", "the voice of someone who is hurt"},
      {"gun reload", "the weapon being made ready"},
      {"gunshot", "the single sharp report of a weapon"},
      {"hammer", "the tool that drives nails"},
      {"hand clap", "the meeting of two palms"},
      {"heartbeat", "the pulse inside a chest"},
      {"helicopter", "the machine that hovers in the air"},
      {"horse", "the voice of an animal that people ride"},
      {"horse gallop", "the run of an animal with a rider"},
      {"laughter", "the voice of someone amused"},
      {"machine", "the steady work of a large device"},
      {"machine gun", "the rapid series of shots"},
      {"ocean waves", "the water meeting the shore"},
      {"organ", "the great instrument of a cathedral"},
      {"owl", "the bird that hunts at night"},
      {"pig", "the pink farm animal"},
      {"pickaxe", "the work of a miner"},
      {"rain", "the drops coming from the clouds"},
      {"rooster", "the bird that greets the morning"},
      {"saw", "the tool that cuts boards"},
      {"scream", "the voice of someone in terror"},
      {"seagull", "the bird from the coast"},
      {"sheep", "the animal that gives us wool"},
      {"ship horn", "the signal of a vessel"},
      {"siren", "the warning of an emergency vehicle"},
      {"snake", "the reptile giving a warning"},
      {"songbird", "the small feathered singers"},
      {"splash", "the fall of something into water"},
      {"steam", "the vapour under pressure"},
      {"stream", "the water on its way through the land"},
      {"sword", "the blades of a fight"},
      {"telephone", "the call that somebody should pick up"},
      {"thunder", "the rumble from the sky"},
      {"train", "the long vehicle on rails"},
      {"truck", "the motor of a heavy road vehicle"},
      {"water drop", "the small leak"},
      {"whistle", "the tune made with the lips"},
      {"wind", "the moving air"},
      {"wolf", "the wild relative of a pet"},
      {"wood breaking", "the snapping of a branch"},
      {"wood chopping", "the making of logs for a stove"},
  };
  return all;
}

const std::vector<std::vector<std::string>>& mood_groups() {
  static const std::vector<std::vector<std::string>> groups = {
      {"calm", "peaceful", "quiet", "relaxed", "serene", "tranquil", "restful", "lazy", "patient", "gentle",
       "still", "drowsy"},
      {"tense", "anxious", "uneasy", "nervous", "threatening", "ominous", "worried", "urgent", "mysterious",
       "watchful", "menacing", "suspenseful", "frightening", "scary", "eerie", "dangerous", "worrying",
       "alarming", "fearful"},
      {"cheerful", "happy", "joyful", "merry", "festive", "playful", "jolly", "glad", "joyous"},
      {"busy", "lively", "bustling", "hectic", "restless", "crowded", "noisy", "energetic"},
      {"sad", "melancholic", "gloomy", "mournful", "lonely", "wistful", "sombre"},
      {"dramatic", "exciting", "thrilling", "chaotic", "violent", "turbulent", "adventurous", "wild",
       "stormy"},
      {"solemn", "ceremonial", "dignified", "grave"},
      {"angry", "annoyed", "furious"},
      {"hopeful", "expectant"},
      {"homely", "cosy", "warm", "friendly"},
      {"industrious", "hard-working", "workmanlike"},
  };
  return groups;
}

bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* other) { return word == other; });
}

}  // namespace

std::string described(const std::string& label) {
  const auto found = descriptions().find(plain_label(label));
  return found == descriptions().end() ? "" : found->second;
}

bool moods_alike(const std::string& a, const std::string& b) {
  const std::string x = normal_term(a), y = normal_term(b);
  if (x == y) return true;
  for (const auto& group : mood_groups()) {
    const auto in = [&](const std::string& mood) {
      return std::find(group.begin(), group.end(), mood) != group.end();
    };
    if (in(x) && in(y)) return true;
  }
  return false;
}

const std::vector<std::string>& usual_moods() {
  static const std::vector<std::string> moods = {"calm", "tense",    "cheerful", "busy",
                                                 "sad",  "dramatic", "solemn"};
  return moods;
}

std::string with_article(const std::string& words) {
  if (words.empty()) return words;
  const std::string first = "aeiou";
  return (first.find(words[0]) == std::string::npos ? "a " : "an ") + words;
}

std::string place_phrase(const std::string& place) {
  std::vector<std::string> words;
  for (const std::string& word : split(trim(place), ' '))
    if (!word.empty()) words.push_back(word);
  while (words.size() > 1 &&
         is_one_of(words[0], {"in", "at", "on", "by", "near", "inside", "outside", "along"}))
    words.erase(words.begin());
  if (words.empty()) return "";
  const std::string plain = join(words, " ");
  if (is_one_of(words[0], {"a", "an", "the", "some", "someone's", "somebody's"})) return plain;
  return with_article(plain);
}

bool places_alike(const std::string& a, const std::string& b) {
  const std::vector<std::string> x = words_of(place_phrase(a)), y = words_of(place_phrase(b));
  if (x == y) return true;
  return std::any_of(x.begin(), x.end(), [&](const std::string& word) {
    return word.size() > 3 && std::find(y.begin(), y.end(), word) != y.end();
  });
}

}  // namespace af2
