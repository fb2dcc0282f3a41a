// What the rules of short clips see of a record: its classes of sounds, which of them may be named, and fair
// wrong answers (docs/spec/data.md section 2).
//
// A class is clear where everything known of it counts and nothing else in the clip could go by its words:
// only clear classes are asked about or offered. Not for the re-checks, which share nothing with it. Thread
// rule: plain values, free functions.
//
//   const RuleScene scene = scene_of(context);
//   for (const int place : scene.heard) use(context.record.events[place], scene.class_at(place));
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "af2/factory/rules/rule_words.h"
#include "af2/factory/rules/rules.h"

namespace af2 {

struct SoundClass {
  std::string label;        // as its first event names it
  int id = -1;              // in the vocabulary; -1: not there
  std::vector<int> events;  // heard ones, places in Record::events, by onset
  bool clear = true;
};

struct RuleScene {
  std::vector<SoundClass> classes;  // of the heard events, by first onset
  // Neither background nor softer than Margins::snr_db, by onset; too short ones are among them, though
  // their class is not clear: a listener hears them and counts them in.
  std::vector<int> heard;
  std::vector<int> class_of;  // [Record::events] into classes; -1: not heard
  bool background = false;    // something sounds all the while

  int class_at(int place) const { return class_of[static_cast<std::size_t>(place)]; }
  const SoundClass& sound(int place) const {
    return classes[static_cast<std::size_t>(class_of[static_cast<std::size_t>(place)])];
  }
  // Clear classes, in the order of `classes`; where `single`, those of one event.
  std::vector<int> clear(bool single = false) const;
};

RuleScene scene_of(const RuleContext& context);

inline const RecordEvent& event_at(const RuleContext& context, int place) {
  return context.record.events[static_cast<std::size_t>(place)];
}

// The wrong answers to a question whose answer is a sound: two clear classes of the clip, then absent ones,
// then the rest of the clip's; each part in drawn order. `excluded` are classes that are right, or named in
// the question.
std::vector<WrongAnswer> wrong_sounds(const RuleContext& context, const RuleScene& scene,
                                      const std::vector<int>& excluded);
// The same where only some classes of the clip are wrong for sure.
std::vector<WrongAnswer> wrong_sounds_among(const RuleContext& context, const RuleScene& scene,
                                            const std::vector<int>& present);

// Wrong numbers from the ring 1 ... `most`, where `most` is followed by 1: for every number of options the
// right one is as often the lowest as the highest, and no option is one that is never right.
std::vector<WrongAnswer> wrong_numbers(Random& rng, int right, int most);

// "apart from the background, " where there is one: it sounds first, last and longest.
std::string aside_of(const RuleScene& scene);

// The k-th sound can be named by its place: the first k heard events are of different clear classes and each
// begins `onset_gap_s` after the one before, as does the next one. Returns the longest such k (at most
// `most`).
int countable_places(const RuleContext& context, const RuleScene& scene, int most);

inline const SoundClass& class_at(const RuleScene& scene, int sound) {
  return scene.classes[static_cast<std::size_t>(sound)];
}

// Events of a class after joining those that are less than `join_gap_s` apart, by onset.
struct JoinedEvent {
  double onset = 0, offset = 0;
};
std::vector<JoinedEvent> joined_events(const RuleContext& context, const SoundClass& sound);
// How often a class sounds is clear: none of its events were joined, which a listener may hear as one or as
// two.
bool countable(const RuleContext& context, const SoundClass& sound);

// Level, pitch, reverberation time or length of an event, where known.
std::optional<double> value_of(const RecordEvent& event, Attribute attribute);
// The higher value is ahead by the margin; else the two are a tie.
bool clearly_more(double high, double low, Attribute attribute, const Margins& margins);

// Draws in turn from `makers`, in drawn order, until one finds something.
using FindingMaker = std::function<std::optional<Finding>()>;
std::optional<Finding> first_of(Random& rng, std::vector<FindingMaker> makers);

// Where the answer is a class of sounds: answer, kind, wrong answers.
void answer_with(Finding& finding, const RuleContext& context, const RuleScene& scene, int sound,
                 std::vector<int> excluded = {});
void add_evidence(Finding& finding, const RuleContext& context, const std::vector<int>& places);

}  // namespace af2
