// What each style of music_plan.h is made of: metres, tempos, harmony, instruments, patterns.
//
// Not for how they become notes (music_compose.cpp, music_parts.cpp). Thread rule: constants.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace af2 {

// Ticks of a beat: halves, thirds and quarters are whole.
inline constexpr int kBeatTicks = 12;

using Progression = std::vector<std::string>;  // numerals, one a slot

struct MusicStyle {
  std::string name;
  std::string genre;  // the word for it, where the construction bears it
  std::vector<std::string> modes, metres;
  int min_tempo = 60, max_tempo = 140;
  std::map<std::string, std::vector<Progression>> loops;  // by mode; a mode without: steps of functions
  std::vector<std::string> textures;
  std::string drums;       // pattern, or none
  std::string rhythm;      // swung, straight, or none where it is not heard
  bool walking = false;    // the bass takes a note on every beat
  bool half_bars = false;  // chords may change twice a bar of 4/4
  bool named_key = true;   // a listener would name key and cadence
  int min_bars = 2;
  // Instruments by role; roles in the order in which they are taken.
  std::vector<std::pair<std::string, std::vector<std::string>>> roles;
};

const std::vector<MusicStyle>& music_styles();

// What may follow a chord of functional harmony, by mode (major, minor) and numeral.
const std::vector<std::string>& chords_after(const std::string& mode, const std::string& roman);
// The last two chords of a cadence (authentic, plagal, half, deceptive) in major or minor; several ways.
const std::vector<Progression>& cadences_of(const std::string& mode, const std::string& cadence);
const std::vector<std::string>& cadence_names();

}  // namespace af2
