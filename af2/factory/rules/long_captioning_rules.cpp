// One sentence on the whole of a long scene: by its places, by its main sounds, by its moods
// (docs/spec/data.md section 3). All options of a choice follow one form with texts exchanged so that none is
// nearer to the others than any other.
#include <algorithm>

#include "af2/factory/rules/long_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"
#include "af2/factory/rules/story_pool.h"

namespace af2 {
namespace {

using namespace long_detail;

constexpr int kMostCaptionWords = 25;

struct Caption {
  std::vector<std::string> texts;  // of the form's places
  std::vector<Claim> claims;
};

// The finding of a right caption and others; nothing where one is too long or could be right as well.
std::optional<Finding> captioned(const LongScene& scene, const std::string& style, const std::string& form,
                                 const std::vector<Caption>& captions) {
  Finding finding;
  std::vector<std::string> places, moods, labels;
  for (std::size_t i = 0; i < captions.size(); ++i) {
    const std::string text = as_sentence(fill_places(form, captions[i].texts));
    if (count_words(text) > kMostCaptionWords) return std::nullopt;
    if (i == 0) {
      finding.answer = text;
    } else {
      if (style != "sounds" && could_be_told(scene, captions[i].claims)) return std::nullopt;
      finding.wrong.push_back({text, "value"});
    }
    for (const Claim& claim : captions[i].claims)
      places.push_back(claim.place), moods.push_back(claim.mood), labels.push_back(claim.label);
  }
  finding.sentence = finding.answer;
  finding.facts = {{"style", style},
                   {"places", sorted_texts(places)},
                   {"moods", sorted_texts(moods)},
                   {"labels", sorted_texts(labels)}};
  return finding;
}

Caption with_places(const std::vector<std::string>& places) {
  Caption caption{places, {}};
  for (const std::string& place : places) caption.claims.push_back({place, "", ""});
  return caption;
}

// First, one of the middle, last: what a scene of many places is told by.
std::vector<const Stage*> told_stages(const LongScene& scene) {
  const std::vector<Stage>& stages = scene.stages();
  if (stages.size() < 2) return {};
  std::vector<const Stage*> told = {&stages.front(), &stages.back()};
  if (stages.size() > 2) told.insert(told.begin() + 1, &stages[1 + scene.rng().below(stages.size() - 2)]);
  for (std::size_t i = 0; i < told.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (places_alike(told[i]->place, told[j]->place)) return {};
  return told;
}

std::vector<ItemEvidence> stage_evidence(const std::vector<const Stage*>& stages) {
  std::vector<ItemEvidence> evidence;
  for (const Stage* stage : stages) evidence.push_back({stage->place, stage->start, stage->end});
  return evidence;
}

std::optional<Finding> find_places(const RuleContext& context) {
  const LongScene scene(context);
  if (scene.length() < context.margins.long_s) return std::nullopt;
  const std::vector<const Stage*> told = told_stages(scene);
  if (told.empty()) return std::nullopt;
  std::vector<std::string> right;
  for (const Stage* stage : told) right.push_back(stage->place);
  const int n = static_cast<int>(right.size());
  const std::vector<std::string> two = {"{0} gives way to {1}", "{0} is followed by {1}",
                                        "The scene begins with {0} and ends with {1}",
                                        "A listener is taken from {0} to {1}"};
  const std::vector<std::string> three = {"{0} gives way to {1} before the scene ends with {2}",
                                          "A listener is taken from {0} through {1} to {2}",
                                          "The scene begins with {0} and passes {1} before it ends with {2}",
                                          "After {0} comes {1} and in the end {2}"};
  std::vector<Caption> captions = {with_places(right)};
  const std::vector<std::string> others = scene.other_places(n);
  const bool reorder = n == 3 && (others.size() < 3 || context.rng.chance(0.5));
  if (reorder) {
    for (const std::vector<int>& order : other_orders(n, 3, context.rng)) {
      std::vector<std::string> places;
      for (const int place : order) places.push_back(right[static_cast<std::size_t>(place)]);
      captions.push_back(with_places(places));
    }
  } else if (static_cast<int>(others.size()) == n) {
    for (const std::vector<bool>& other : balanced_others(n, context.rng)) {
      std::vector<std::string> places = right;
      for (std::size_t i = 0; i < places.size(); ++i)
        if (other[i]) places[i] = others[i];
      captions.push_back(with_places(places));
    }
  }
  std::optional<Finding> finding =
      captioned(scene, "places", context.rng.pick(n == 2 ? two : three), captions);
  if (!finding) return std::nullopt;
  finding->evidence = stage_evidence(told);
  finding->level = n == 2 ? "easy" : reorder ? "hard" : "medium";
  return finding;
}

// A sound of the stage that no other stage has, one that sounds often there rather than a chance one; and
// another that is not heard there.
struct StageSounds {
  const LongSound* own = nullptr;
  std::string other;  // label
};

StageSounds sounds_of(const LongScene& scene, const Stage& stage, const std::string& avoid) {
  StageSounds found;
  for (const LongSound* sound : scene.drawn([&](const LongSound& candidate) {
         return candidate.label != avoid && scene.all_inside(candidate, {stage.start, stage.end});
       }))
    if (!found.own || sound->spans.size() > found.own->spans.size()) found.own = sound;
  const auto elsewhere = scene.drawn([&](const LongSound& candidate) {
    return candidate.label != avoid && !scene.heard_in(candidate.label, {stage.start, stage.end});
  });
  const std::vector<std::string> absent = scene.absent(3);
  std::vector<std::string> others;
  for (const LongSound* sound : elsewhere) others.push_back(sound->label);
  // Half from the scene itself, where listening must tell where it was heard; half from outside.
  if (others.empty() || (!absent.empty() && scene.rng().chance(0.5))) others = absent;
  others.erase(std::remove(others.begin(), others.end(), avoid), others.end());
  if (!others.empty()) found.other = scene.rng().pick(others);
  return found;
}

std::optional<Finding> sounds_in_places(const LongScene& scene) {
  if (scene.stages().size() < 2) return std::nullopt;
  const auto a = scene.rng().below(scene.stages().size() - 1);
  const auto b = a + 1 + scene.rng().below(scene.stages().size() - a - 1);
  const Stage &first = scene.stages()[a], &second = scene.stages()[b];
  if (places_alike(first.place, second.place)) return std::nullopt;
  const StageSounds x = sounds_of(scene, first, "");
  if (!x.own) return std::nullopt;
  const StageSounds y = sounds_of(scene, second, x.own->label);
  if (!y.own || y.own->label == x.other || (!x.other.empty() && x.other == y.other)) return std::nullopt;
  const auto caption = [&](bool swapped, bool other_x, bool other_y) {
    const std::string at_first = other_x ? x.other : x.own->label,
                      at_second = other_y ? y.other : y.own->label;
    std::vector<Claim> claims = {{first.place, "", at_first}, {second.place, "", at_second}};
    if (swapped) std::swap(claims[0], claims[1]);
    return Caption{
        {claims[0].place, scene.sentence(claims[0].label), claims[1].place, scene.sentence(claims[1].label)},
        claims};
  };
  std::vector<Caption> captions = {caption(false, false, false)};
  if (!x.other.empty() && !y.other.empty())
    for (const std::vector<bool>& other : balanced_others(3, scene.rng()))
      captions.push_back(caption(other[0], other[1], other[2]));
  const std::vector<std::string> forms = {
      "{0} where {1} gives way to {2} where {3}", "{0} where {1} is followed by {2} where {3}",
      "After {0} where {1} comes {2} where {3}", "The scene leads from {0} where {1} to {2} where {3}"};
  std::optional<Finding> finding = captioned(scene, "sounds_in_places", scene.rng().pick(forms), captions);
  if (!finding) return std::nullopt;
  finding->level = "hard";
  finding->evidence = scene.evidence(*x.own, 4);
  for (const ItemEvidence& more : scene.evidence(*y.own, 4)) finding->evidence.push_back(more);
  return finding;
}

// Three sounds, each over before the next one begins.
std::optional<Finding> sounds_in_order(const LongScene& scene) {
  std::vector<const LongSound*> told;
  for (const LongSound* sound : scene.drawn([](const LongSound&) { return true; })) {
    const double gap = scene.context().margins.onset_gap_s;
    const bool apart = std::all_of(told.begin(), told.end(), [&](const LongSound* other) {
      return sound->spans.back().end + gap <= other->spans.front().start ||
             other->spans.back().end + gap <= sound->spans.front().start;
    });
    if (apart) told.push_back(sound);
    if (told.size() == 3) break;
  }
  if (told.size() < 3) return std::nullopt;
  std::sort(told.begin(), told.end(), [](const LongSound* a, const LongSound* b) {
    return a->spans.front().start < b->spans.front().start;
  });
  const auto caption = [&](const std::vector<int>& order) {
    Caption made;
    for (const int place : order) {
      made.claims.push_back({"", "", told[static_cast<std::size_t>(place)]->label});
      made.texts.push_back(scene.sentence(made.claims.back().label));
    }
    return made;
  };
  std::vector<Caption> captions = {caption({0, 1, 2})};
  for (const std::vector<int>& order : other_orders(3, 3, scene.rng())) captions.push_back(caption(order));
  const std::vector<std::string> forms = {"At first {0} and then {1} before {2} towards the end",
                                          "In the beginning {0} and later {1} until finally {2}",
                                          "First {0} and after that {1} while in the end {2}"};
  std::optional<Finding> finding = captioned(scene, "sounds", scene.rng().pick(forms), captions);
  if (!finding) return std::nullopt;
  finding->level = "medium";
  for (const LongSound* sound : told)
    for (const ItemEvidence& more : scene.evidence(*sound, 3)) finding->evidence.push_back(more);
  return finding;
}

std::optional<Finding> find_captioned_sounds(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  if (context.rng.chance(0.7))
    if (std::optional<Finding> finding = sounds_in_places(scene)) return finding;
  return sounds_in_order(scene);
}

struct Felt {
  std::string place, mood;
};

// Two places of other records with moods that they have there, unlike those of this one.
std::vector<Felt> felt_elsewhere(const LongScene& scene, const std::string& before,
                                 const std::string& after) {
  std::vector<Felt> open, chosen;
  for (const auto& [felt, n] : scene.context().pool->places_with_moods())
    if (scene.stages_at(felt.first).empty())
      for (int i = 0; i < n; ++i) open.push_back({felt.first, felt.second});
  scene.rng().shuffle(open);
  for (const Felt& felt : open) {
    // A caption goes from one mood to another whichever of its halves is exchanged.
    const bool first = chosen.empty();
    if (chosen.size() == 2 || moods_alike(felt.mood, first ? after : before)) continue;
    if (!first && (moods_alike(felt.mood, chosen[0].mood) || places_alike(felt.place, chosen[0].place)))
      continue;
    chosen.push_back(felt);
  }
  return chosen;
}

std::optional<Finding> find_moods(const RuleContext& context) {
  const LongScene scene(context);
  const std::vector<Stage>& stages = scene.stages();
  if (scene.length() < context.margins.long_s || stages.size() < 2) return std::nullopt;
  const auto i = context.rng.below(stages.size() - 1);
  const auto j = i + 1 + context.rng.below(stages.size() - i - 1);
  const auto one_mood = [](const Stage& stage) {
    return std::all_of(stage.moods.begin(), stage.moods.end(),
                       [&](const std::string& mood) { return !mood.empty() && mood == stage.moods.front(); });
  };
  const Stage &first = stages[i], &second = stages[j];
  if (!one_mood(first) || !one_mood(second)) return std::nullopt;
  const std::string before = first.moods.front(), after = second.moods.front();
  if (moods_alike(before, after) || places_alike(first.place, second.place)) return std::nullopt;
  // Where the pool has both moods at both places, the moods alone may be exchanged; else a place would tell
  // its mood, and places are exchanged with theirs.
  const StoryPool* pool = context.pool;
  const bool exchange = !pool || (pool->felt_at(after, first.place) && pool->felt_at(before, second.place));
  const auto others = exchange ? std::vector<Felt>() : felt_elsewhere(scene, before, after);
  if (!exchange && others.size() < 2) return std::nullopt;
  const auto caption = [&](bool other_first, bool other_second) {
    std::vector<std::string> moods = {before, after}, places = {first.place, second.place};
    if (exchange) {
      if (other_first) std::swap(moods[0], moods[1]);
      if (other_second) std::swap(places[0], places[1]);
    } else {
      if (other_first) places[0] = others[0].place, moods[0] = others[0].mood;
      if (other_second) places[1] = others[1].place, moods[1] = others[1].mood;
    }
    return Caption{{moods[0], places[0], moods[1], places[1]},
                   {{places[0], moods[0], ""}, {places[1], moods[1], ""}}};
  };
  std::vector<Caption> captions = {caption(false, false)};
  for (const std::vector<bool>& other : balanced_others(2, context.rng))
    captions.push_back(caption(other[0], other[1]));
  const std::vector<std::string> forms = {"The mood is {0} around {1} and turns {2} with {3}",
                                          "What feels {0} around {1} becomes {2} at the time of {3}",
                                          "The scene sounds {0} with {1} and grows {2} with {3}",
                                          "It starts out {0} around {1} and gets {2} around {3}"};
  std::optional<Finding> finding = captioned(scene, "moods", context.rng.pick(forms), captions);
  if (!finding) return std::nullopt;
  finding->level = exchange ? "hard" : "medium";
  finding->evidence = stage_evidence({&first, &second});
  return finding;
}

}  // namespace

std::vector<RuleType> long_captioning_rules() {
  return {{"captioning", "places", true, {"choice", "open"}, find_places},
          {"captioning", "sounds", true, {"choice", "open"}, find_captioned_sounds},
          {"captioning", "moods", true, {"choice", "open"}, find_moods}};
}

}  // namespace af2
