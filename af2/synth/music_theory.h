// Keys, scales and chords by name: what pieces are composed with (docs/spec/data.md section 5).
//
// Notes are spelled as the key spells them: the fourth step of F major is Bb, not A#. Not for reading other
// people's chord symbols. Thread rule: plain values, free functions.
//
//   const MusicKey key{"Bb", "major"};
//   chord_of(key, "ii7").name;   // "Cm7"
//   key_name(key);               // "Bb major"
#pragma once

#include <string>
#include <vector>

namespace af2 {

struct MusicKey {
  std::string tonic = "C";     // letter and accidental
  std::string mode = "major";  // major, minor, dorian, mixolydian

  bool operator==(const MusicKey&) const = default;
};

struct MusicChord {
  std::string roman;       // of its key: "ii7"
  std::string name;        // "Cm7"
  int root = 0;            // pitch class, 0 is C
  std::vector<int> tones;  // pitch classes, the root first

  bool operator==(const MusicChord&) const = default;
};

// 0 to 11. Throws kUser for anything but a letter with at most two accidentals.
int pitch_class(const std::string& note);
std::string key_name(const MusicKey& key);
// Semitones of the seven steps over the tonic. Throws kUser for an unknown mode.
const std::vector<int>& scale_steps(const std::string& mode);
// Pitch classes of the key's scale, the tonic first.
std::vector<int> scale_of(const MusicKey& key);
// Tonics whose key signature has at most five accidentals, for each mode.
const std::vector<std::string>& usual_tonics(const std::string& mode);

// A chord by its numeral: "b" before it lowers the step; I to VII is major, i to vii minor; behind it "7"
// (dominant seventh of a major one, minor seventh of a minor one), "maj7", "dim", "m7b5", "sus4". Steps are
// those of the key's mode. Throws kInternal for anything else.
MusicChord chord_of(const MusicKey& key, const std::string& roman);
// The key `semitones` above, with the usual spelling and the same mode.
MusicKey transposed(const MusicKey& key, int semitones);

}  // namespace af2
