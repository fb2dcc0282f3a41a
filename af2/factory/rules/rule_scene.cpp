#include "af2/factory/rules/rule_scene.h"

#include <algorithm>

namespace af2 {
namespace {

// A class by the vocabulary, or by its own name where it has no entry there.
struct ClassKey {
  int id = -1;
  std::string plain;

  bool operator==(const ClassKey& other) const {
    return id >= 0 || other.id >= 0 ? id == other.id : plain == other.plain;
  }
};

ClassKey key_of(const RuleContext& context, const std::string& label) {
  const int id = context.words.find(label);
  return {id, id < 0 ? plain_label(label) : std::string()};
}

bool contains(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

std::vector<int> RuleScene::clear(bool single) const {
  std::vector<int> found;
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (classes[i].clear && (!single || classes[i].events.size() == 1)) found.push_back(static_cast<int>(i));
  return found;
}

RuleScene scene_of(const RuleContext& context) {
  const auto& events = context.record.events;
  RuleScene scene;
  std::vector<ClassKey> all, keys(events.size());  // all: of everything that the record names
  const auto add = [&](const ClassKey& key) {
    if (std::find(all.begin(), all.end(), key) == all.end()) all.push_back(key);
  };
  for (std::size_t i = 0; i < events.size(); ++i) {
    keys[i] = key_of(context, events[i].label);
    add(keys[i]);
    const bool background = events[i].role == "background";
    scene.background = scene.background || background;
    if (!background && !(events[i].snr && *events[i].snr < context.margins.snr_db))
      scene.heard.push_back(static_cast<int>(i));
  }
  for (const std::string& label : context.record.labels) add(key_of(context, label));
  std::stable_sort(scene.heard.begin(), scene.heard.end(),
                   [&](int a, int b) { return event_at(context, a).onset < event_at(context, b).onset; });

  std::vector<ClassKey> found;
  scene.class_of.assign(events.size(), -1);
  for (const int place : scene.heard) {
    const ClassKey& key = keys[static_cast<std::size_t>(place)];
    auto at = static_cast<std::size_t>(std::find(found.begin(), found.end(), key) - found.begin());
    if (at == found.size()) {
      found.push_back(key);
      scene.classes.push_back({event_at(context, place).label, key.id, {}, true});
    }
    scene.classes[at].events.push_back(place);
    scene.class_of[static_cast<std::size_t>(place)] = static_cast<int>(at);
  }
  const std::vector<int> counted = counted_events(context.record, context.margins);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (contains(counted, static_cast<int>(i))) continue;
    for (std::size_t k = 0; k < found.size(); ++k)
      if (found[k] == keys[i]) scene.classes[k].clear = false;
  }
  for (std::size_t k = 0; k < found.size(); ++k)
    for (const ClassKey& other : all)
      if (!(other == found[k]) && other.id >= 0 && found[k].id >= 0 &&
          context.words.confusable(other.id, found[k].id))
        scene.classes[k].clear = false;
  return scene;
}

std::vector<WrongAnswer> wrong_sounds_among(const RuleContext& context, const RuleScene& scene,
                                            const std::vector<int>& present) {
  std::vector<int> sounds = present;
  context.rng.shuffle(sounds);
  std::vector<WrongAnswer> wrong;
  const auto add_present = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < std::min(to, sounds.size()); ++i)
      wrong.push_back(
          {phrase_of(context, scene.classes[static_cast<std::size_t>(sounds[i])].label), "present"});
  };
  add_present(0, 2);
  for (const std::string& label : absent_labels(context, 4))
    wrong.push_back({phrase_of(context, label), "absent"});
  add_present(2, sounds.size());
  return wrong;
}

std::vector<WrongAnswer> wrong_sounds(const RuleContext& context, const RuleScene& scene,
                                      const std::vector<int>& excluded) {
  std::vector<int> present = scene.clear();
  std::erase_if(present, [&](int sound) { return contains(excluded, sound); });
  return wrong_sounds_among(context, scene, present);
}

std::vector<WrongAnswer> wrong_numbers(Random& rng, int right, int most) {
  std::vector<WrongAnswer> wrong;
  int lower = 0, higher = 0;
  // Polya's urn: after k draws every number of lower ones from 0 to k is equally likely.
  for (int k = 0; k + 1 < std::min(most, 5); ++k) {
    const bool down = static_cast<int>(rng.below(static_cast<std::uint64_t>(k) + 2)) <= lower;
    const int offset = down ? -++lower : ++higher;
    wrong.push_back({std::to_string((right - 1 + offset + most) % most + 1)});
  }
  // The one that is left.
  if (most == 6) wrong.push_back({std::to_string((right + higher) % most + 1)});
  return wrong;
}

std::string aside_of(const RuleScene& scene) {
  return scene.background ? "apart from the background, " : "";
}

int countable_places(const RuleContext& context, const RuleScene& scene, int most) {
  std::vector<int> seen;
  for (std::size_t i = 0; i < scene.heard.size() && static_cast<int>(seen.size()) < most; ++i) {
    const int sound = scene.class_at(scene.heard[i]);
    if (!scene.sound(scene.heard[i]).clear || contains(seen, sound)) break;
    if (i + 1 < scene.heard.size() &&
        event_at(context, scene.heard[i + 1]).onset - event_at(context, scene.heard[i]).onset <
            context.margins.onset_gap_s)
      break;
    seen.push_back(sound);
  }
  return static_cast<int>(seen.size());
}

std::vector<JoinedEvent> joined_events(const RuleContext& context, const SoundClass& sound) {
  std::vector<JoinedEvent> joined;
  for (const int place : sound.events) {
    const RecordEvent& event = event_at(context, place);
    if (!joined.empty() && event.onset - joined.back().offset < context.margins.join_gap_s) {
      joined.back().offset = std::max(joined.back().offset, event.offset);
    } else {
      joined.push_back({event.onset, event.offset});
    }
  }
  return joined;
}

bool countable(const RuleContext& context, const SoundClass& sound) {
  return joined_events(context, sound).size() == sound.events.size();
}

std::optional<double> value_of(const RecordEvent& event, Attribute attribute) {
  switch (attribute) {
    case Attribute::kLoudness:
      return event.level;
    case Attribute::kPitch:
      return event.pitch;
    case Attribute::kReverb:
      return event.reverb;
    case Attribute::kLength:
      return event.offset - event.onset;
  }
  return std::nullopt;
}

bool clearly_more(double high, double low, Attribute attribute, const Margins& margins) {
  switch (attribute) {
    case Attribute::kLoudness:
      return high - low >= margins.level_db;
    case Attribute::kPitch:
      return high >= low * (1 + margins.pitch_share);
    case Attribute::kReverb:
      return high >= low * (1 + margins.reverb_share);
    case Attribute::kLength:
      return high >= low * (1 + margins.duration_share);
  }
  return false;
}

std::optional<Finding> first_of(Random& rng, std::vector<FindingMaker> makers) {
  rng.shuffle(makers);
  for (const FindingMaker& make : makers)
    if (auto finding = make()) return finding;
  return std::nullopt;
}

void answer_with(Finding& finding, const RuleContext& context, const RuleScene& scene, int sound,
                 std::vector<int> excluded) {
  excluded.push_back(sound);
  finding.answer = phrase_of(context, scene.classes[static_cast<std::size_t>(sound)].label);
  finding.kind = "present";
  finding.wrong = wrong_sounds(context, scene, excluded);
}

void add_evidence(Finding& finding, const RuleContext& context, const std::vector<int>& places) {
  for (const int place : places) finding.evidence.push_back(evidence_of(event_at(context, place)));
}

}  // namespace af2
