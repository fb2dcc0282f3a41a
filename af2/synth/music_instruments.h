// Instruments that pieces are written for: General MIDI programs by the names that people use.
//
// Not for the sounds themselves (a soundfont) nor for how they are played (music_parts). Thread rule:
// constants.
//
//   instrument_named("violin").program;   // 40
#pragma once

#include <string>
#include <vector>

namespace af2 {

struct Instrument {
  std::string name;
  int program = 0;          // General MIDI, from 0
  int low = 0, high = 0;    // MIDI notes that suit it
  bool sustained = false;   // sounds as long as the note is held
  bool percussive = false;  // its sound begins at once
  int level = 0;            // added to velocities, so that no instrument drowns another
};

inline constexpr const char* kDrums = "drums";

// Sorted by name; without the drums.
const std::vector<Instrument>& instruments();
// Throws kUser, naming the nearest, for an unknown name. "drums" is one: program 0 of the drum channel.
const Instrument& instrument_named(const std::string& name);

}  // namespace af2
