// Between the files that compose pieces: form and harmony (music_compose.cpp), notes (music_parts.cpp,
// music_voices.cpp). Not for others. Thread rule: free functions.
#pragma once

#include <cstdint>

#include "af2/synth/music_plan.h"
#include "af2/synth/music_styles.h"

namespace af2 {

// The step at a tick (kBeatTicks a beat) of a bar.
std::int64_t music_step(const MusicPlan& plan, int bar, int tick);

// The chord that holds at a beat of a bar.
const MusicSpan& span_at(const MusicPlan& plan, int bar, int beat);

// Adds the notes of all parts, each from its first to its last bar.
void write_parts(MusicPlan& plan, const MusicStyle& style, Random& rng);

// ---- of the parts
// -------------------------------------------------------------------------------------------

// Collects notes of one part; times in ticks of a bar, swung where the plan is.
class PartWriter {
 public:
  PartWriter(MusicPlan& plan, int part);
  // Notes of [tick, tick + ticks) of a bar; `accent` is added to the velocity of the role. Nothing is written
  // in bars where the part is silent.
  void note(int bar, int tick, int ticks, int pitch, int accent = 0);
  bool plays(int bar) const;
  int low() const { return low_; }
  int high() const { return high_; }

 private:
  MusicPlan& plan_;
  int part_, low_, high_, velocity_;
};

// The scale of the bar's key, bent where the chord has a tone beside it (the leading tone of minor).
std::vector<int> scale_under(const MusicPlan& plan, const MusicSpan& span, int bar);
// The pitch of a class that is nearest to `to` in [low, high].
int nearest_pitch(int pitch_class, int to, int low, int high);
// The pitches of a chord within one octave around `centre`, ascending.
std::vector<int> close_voicing(const MusicChord& chord, int centre, int low, int high);

// One bar's rhythm of a melody, ticks of each note; the longer, the calmer.
std::vector<int> melody_rhythm(const MusicPlan& plan, const MusicStyle& style, Random& rng);
void write_melody(MusicPlan& plan, const MusicStyle& style, int part, Random& rng);
void write_canon(MusicPlan& plan, const MusicStyle& style, Random& rng);
void write_voices(MusicPlan& plan, Random& rng);

}  // namespace af2
