// Scenes: a few events over a background, with sample-exact labels (docs/spec/data.md section 5).
//
// make_scene() draws everything from the Random it is given, so that a scene is a function of that
// generator's name, e.g. "af2/scene/1/{seed}/{split}/{index}". Not for questions (af2/data/questions.h) and
// not for scenes longer than a minute: all is in memory. Thread rule: free functions; the bank is shared and
// constant.
//
//   Random rng("af2/scene/1/42/train/17");
//   const Scene scene = make_scene(bank, Split::kTrain, rng, SceneOptions{});
//   for (const SceneEvent& e : scene.events) use(bank.labels()[e.label].name, e.onset_s, e.offset_s);
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "af2/audio/augment.h"
#include "af2/core/random.h"
#include "af2/data/bank.h"

namespace af2 {

// What may happen to one event (speed, stretch, equaliser, room ...; the scene draws levels and noise itself)
// and to a whole scene (nothing that moves onsets).
AugmentOptions event_augmentation();
AugmentOptions whole_augmentation();

struct SceneOptions {
  double min_seconds = 2, max_seconds = 10;
  int min_events = 1, max_events = 4;  // different labels; repeats come on top
  double max_event_seconds = 4;        // longer recordings are cropped at a drawn place
  // Weights of the backgrounds; ambience is a recording of one of ambience_labels.
  double weight_silence = 0.15, weight_white = 0.15, weight_pink = 0.3, weight_brown = 0.25;
  double weight_ambience = 0.15;
  std::vector<std::string> ambience_labels = {"rain", "wind", "ocean waves", "stream"};
  double min_background_db = -55, max_background_db = -35;  // RMS, dB of full scale
  double min_snr_db = 6, max_snr_db = 30;                   // event over background, while the event sounds
  double overlap = 0.3;          // probability that events of a scene may overlap (two at once at most)
  double repeat_chance = 0.1;    // of a label sounding two or three times
  double same_recording = 0.5;   // a repeat is the same recording, else another of the label
  double min_gap_s = 0.15;       // of silence between events that do not overlap
  double min_onset_gap_s = 0.1;  // between any two onsets
  bool stems = false;            // keep each event's own signal

  // What a question needs. -1, 0, empty: drawn.
  int first_label = -1;     // a label that must sound
  int repeats = 0;          // how often the first label sounds
  std::vector<int> labels;  // the only labels allowed
  bool countable = false;   // only recordings of one short burst

  // Strength 0..1 of the augmentation of each event and of the whole; 0 switches it off.
  double augment_events = 0, augment_whole = 0;
  AugmentOptions event_augment = event_augmentation();  // their strength is set by the two above
  AugmentOptions whole_augment = whole_augmentation();

  template <class V>
  void visit(V& v) {
    v.field("min_seconds", min_seconds, "shortest scene, seconds");
    v.field("max_seconds", max_seconds, "longest scene, seconds (60 at most)");
    v.field("min_events", min_events, "fewest different sounds");
    v.field("max_events", max_events, "most different sounds");
    v.field("max_event_seconds", max_event_seconds, "longer recordings are cropped to this");
    v.field("weight_silence", weight_silence, "weight of digital silence as background");
    v.field("weight_white", weight_white, "weight of white noise");
    v.field("weight_pink", weight_pink, "weight of pink noise");
    v.field("weight_brown", weight_brown, "weight of brown noise");
    v.field("weight_ambience", weight_ambience, "weight of a recorded ambience");
    v.field("ambience_labels", ambience_labels, "labels whose recordings may be backgrounds");
    v.field("min_background_db", min_background_db, "softest background, RMS dB of full scale");
    v.field("max_background_db", max_background_db, "loudest background, RMS dB of full scale");
    v.field("min_snr_db", min_snr_db, "softest event over the background, dB");
    v.field("max_snr_db", max_snr_db, "loudest event over the background, dB");
    v.field("overlap", overlap, "probability that the events of a scene may overlap");
    v.field("repeat_chance", repeat_chance, "probability that a sound comes two or three times");
    v.field("same_recording", same_recording, "probability that repeats are one recording");
    v.field("min_gap_s", min_gap_s, "seconds between events that do not overlap");
    v.field("min_onset_gap_s", min_onset_gap_s, "seconds between any two onsets");
    v.field("augment_events", augment_events, "strength 0..1 of the augmentation of each event");
    v.field("augment_whole", augment_whole, "strength 0..1 of the augmentation of the scene");
  }
};

struct SceneEvent {
  int label = 0;
  std::string recording_id;
  double onset_s = 0, offset_s = 0;  // where its audible energy begins and ends
  double gain_db = 0;                // applied to the recording
  double snr_db = 0;                 // its level while it sounds over the background's in its span
  int repeat_index = 0;              // 0 for the first of its label, in time order
};

// Mean square per frame of kEnergyFrame samples, on the scene's grid from frame `first`.
struct EnergyTrack {
  std::size_t first = 0;
  std::vector<float> energy;
};
inline constexpr std::size_t kEnergyFrame = 100;  // 6.25 ms at 16 kHz

struct Scene {
  std::vector<float> samples;  // 16 kHz mono, |x| <= 0.98
  double seconds = 0;
  std::vector<SceneEvent> events;  // by onset
  std::string background;          // silence, white, pink, brown, or the ambience's recording id
  int background_label = -1;       // of an ambience
  double scale = 1;                // the whole was scaled by this to keep its peak under 0.98
  int counted_label = -1;          // the label whose repeats were asked for
  std::vector<int> pool;           // the labels that could have sounded: fair distractors come from here
  std::vector<std::vector<float>> stems;  // [events][samples] if asked for; before augmentation of the whole
  std::vector<EnergyTrack> event_energy;  // [events]
  EnergyTrack background_energy;          // all frames

  bool has_label(int label) const;
  // Distinct labels in order of first onset, and how often one sounds.
  std::vector<int> labels() const;
  int count(int label) const;
};

// Throws kUser for options that contradict themselves or cannot be met (more sound than time), kData when the
// bank has nothing for the split or the asked label.
Scene make_scene(const SoundBank& bank, Split split, Random& rng, const SceneOptions& options);

// How audible each label is in each time step: its share of the energy of the step (all events and the
// background, which is at least -70 dB of full scale). Shares under 0.02 are left out.
struct LabelShare {
  int label = 0;
  float share = 0;  // in (0, 1]
};
struct FrameLabels {
  double hop_s = 0;
  std::vector<std::vector<LabelShare>> steps;  // [n_steps], empty where only background sounds
  std::vector<float> background;               // [n_steps] 1 - sum of the shares
};

// Steps of `hop_s` from the scene's start; steps after its end are background. 32 steps of 0.3125 s are one
// window of 10 s.
FrameLabels frame_labels(const Scene& scene, double hop_s = 0.3125, int n_steps = 32);

}  // namespace af2
