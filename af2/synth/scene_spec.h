// What a scene shall be: its length, background, room, and groups of events with their distributions and
// order (docs/spec/data.md section 5).
//
// A file in YAML or JSON with these keys; every key has a default. Numbers may be drawn
// (af2/synth/distribution.h). Not a scene: plan_scene() of af2/synth/scene_plan.h draws one. Thread rule:
// plain values.
//
//   duration: [8, 12]
//   background: {labels: [rain], lufs: -35}
//   events:
//     - {name: bark, labels: [dog], repeats: [2, 4], repeat_gap: [0.3, 1]}
//     - {name: door, labels: [door], after: bark, gap: [0.5, 2]}
//     - {count: [0, 2], onset: [0, 10], snr: [6, 20]}
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "af2/synth/distribution.h"

namespace af2 {

// A group of events: one label, sounding once or `repeats` times.
struct EventSpec {
  std::string name;                                // by which others refer to it
  std::vector<std::string> labels;                 // one is drawn; none: any that the library has
  std::vector<double> weights;                     // of the labels
  Distribution count = Distribution::constant(1);  // so many groups of this kind, each drawn anew
  double chance = 1;                               // that it is there at all

  // When it begins: drawn here (seconds), or after or inside another, else anywhere it fits.
  std::optional<Distribution> onset;
  std::string after;   // begins behind the end of that event (of its last repeat), `gap` seconds later
  std::string inside;  // lies within that event (within the span of its repeats)
  std::string with;    // begins at the onset of that event (of its first repeat), `gap` seconds later
  std::optional<Distribution> gap;
  std::optional<Distribution> every;  // comes again all through the scene, so many seconds apart

  Distribution repeats = Distribution::constant(1);
  Distribution repeat_gap = Distribution::uniform(0.3, 2);  // seconds of silence between repeats
  double same_take = 0.5;                                   // chance that repeats are one take

  std::optional<Distribution> length;  // seconds that are taken of a take; else all of it
  double most_length = 8;              // longer takes are cut to this at a drawn place
  std::optional<Distribution> offset;  // seconds into the take at which a cut one begins; else drawn
  bool with_words = false;             // speech whose words are known
  // Of speech: takes of these words where there are any, else such whose words are not known.
  std::vector<std::string> words;
  double fade = 0.01;  // seconds, raised cosine

  Distribution snr = Distribution::uniform(6, 30);   // dB
  double repeat_snr = 2;                             // repeats lie within so many dB of the first
  Distribution pitch = Distribution::constant(0);    // semitones
  Distribution stretch = Distribution::constant(1);  // times the length
  Distribution ramp = Distribution::constant(0);     // dB from its beginning to its end
  Distribution pan = Distribution::constant(0);      // -1 left, 1 right; of stereo scenes
  bool dry = false;                                  // not in the scene's room
  std::string maker, purpose;                        // who makes it, what it is for; slots as in a recipe

  template <class V>
  void visit(V& v) {
    v.field("name", name, "by which others refer to it");
    v.field("labels", labels, "one is drawn; none: any");
    v.field("weights", weights, "of the labels");
    v.field("count", count, "groups of this kind");
    v.field("chance", chance, "that it is there at all");
    v.field("onset", onset, "seconds; else anywhere it fits");
    v.field("after", after, "begins behind the end of that event");
    v.field("inside", inside, "lies within that event");
    v.field("with", with, "begins at the onset of that event");
    v.field("gap", gap, "seconds behind it");
    v.field("every", every, "comes again all through the scene, so many seconds apart");
    v.field("repeats", repeats, "times it sounds");
    v.field("repeat_gap", repeat_gap, "seconds of silence between repeats");
    v.field("same_take", same_take, "chance that repeats are one take");
    v.field("length", length, "seconds of a take; else all of it");
    v.field("most_length", most_length, "longer takes are cut to this, seconds");
    v.field("offset", offset, "seconds into the take at which a cut one begins; else drawn");
    v.field("with_words", with_words, "speech whose words are known");
    v.field("words", words, "of speech: one of these where there is any, else unknown words");
    v.field("fade", fade, "seconds");
    v.field("snr", snr, "dB over the background");
    v.field("repeat_snr", repeat_snr, "repeats lie within so many dB of the first");
    v.field("pitch", pitch, "semitones");
    v.field("stretch", stretch, "times the length");
    v.field("ramp", ramp, "dB from its beginning to its end");
    v.field("pan", pan, "-1 left, 1 right; of stereo scenes");
    v.field("dry", dry, "not in the scene's room");
    v.field("maker", maker, "who makes it");
    v.field("purpose", purpose, "what it is for");
  }
};

struct BackgroundSpec {
  std::vector<std::string> kinds = {"recorded", "white", "pink", "brown"};  // or silence
  std::vector<double> weights = {};
  std::vector<std::string> labels = {};  // of a recorded one; none: any that the library has
  double min_seconds = 2;                // shortest take that is looped
  Distribution lufs = Distribution::constant(-35);
  double crossfade = 0.5;  // seconds

  template <class V>
  void visit(V& v) {
    v.field("kinds", kinds, "recorded, white, pink, brown, silence: one is drawn");
    v.field("weights", weights, "of the kinds");
    v.field("labels", labels, "of a recorded one; none: any");
    v.field("min_seconds", min_seconds, "shortest take that is looped");
    v.field("lufs", lufs, "loudness");
    v.field("crossfade", crossfade, "seconds, where its loop begins again");
  }
};

// The room that the events sound in.
struct RoomSpec {
  double chance = 0;
  std::string folder = "";  // of impulse responses; none: noise that dies away by `rt60`
  Distribution rt60 = Distribution::uniform(0.3, 1.5);  // seconds
  double direct_db = 3;  // of such noise: energy of the direct sound over that of the room

  template <class V>
  void visit(V& v) {
    v.field("chance", chance, "that there is one");
    v.field("folder", folder, "of impulse responses; none: noise that dies away");
    v.field("rt60", rt60, "reverberation time of such noise, seconds");
    v.field("direct_db", direct_db, "of such noise: the direct sound over the room, dB");
  }
};

struct SceneSpec {
  std::optional<Distribution> duration = Distribution::uniform(8, 20);  // null: `rest` behind the last event
  Distribution rest = Distribution::uniform(0.5, 2);
  Distribution at_least = Distribution::constant(0);
  int channels = 1;
  BackgroundSpec background;
  RoomSpec room;
  std::vector<EventSpec> events;

  // free: each group where it fits. line: groups that refer to none, with those that refer to them, come one
  // after the other in drawn order with drawn pauses.
  std::string placement = "free";
  int max_polyphony = 2;        // events at once
  double min_gap = 0.1;         // seconds between events of different groups that do not overlap
  double min_onset_gap = 0.1;   // seconds between any two onsets
  double margin = 0;            // seconds kept free at both ends
  bool distinct_labels = true;  // no two groups with labels that one word may name
  int redraws = 100;

  template <class V>
  void visit(V& v) {
    v.field("duration", duration, "seconds; null: as long as its events");
    v.field("rest", rest, "seconds behind the last event, where no duration is given");
    v.field("at_least", at_least, "seconds it lasts at least, where no duration is given");
    v.field("channels", channels, "1 or 2");
    v.field("background", background, "what sounds all the time");
    v.field("room", room, "what the events sound in");
    v.field("events", events, "groups of events");
    v.field("placement", placement, "free or line");
    v.field("max_polyphony", max_polyphony, "events at once");
    v.field("min_gap", min_gap, "seconds between groups that do not overlap");
    v.field("min_onset_gap", min_onset_gap, "seconds between any two onsets");
    v.field("margin", margin, "seconds kept free at both ends");
    v.field("distinct_labels", distinct_labels, "no two groups with labels that one word may name");
    v.field("redraws", redraws, "tries before the spec counts as impossible");
  }
};

// Throws kUser naming `where` and the key: what contradicts itself, a name that is not there, names in a
// circle.
void check_spec(const SceneSpec& spec, const std::string& where);
// Reads and checks a file.
SceneSpec read_scene_spec(const std::filesystem::path& path);
// The events in an order in which each stands behind those that it refers to; check_spec() must have passed.
std::vector<int> order_of_reference(const SceneSpec& spec);

}  // namespace af2
