#include "af2/synth/music_theory.h"

#include <algorithm>
#include <array>
#include <map>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr std::string_view kLetters = "CDEFGAB";
constexpr std::array<int, 7> kLetterClass = {0, 2, 4, 5, 7, 9, 11};

int modulo(int value, int by) {
  return (value % by + by) % by;
}

// The step of a key, spelled by its letter: each of the seven steps has a letter of its own.
std::string spelled(const MusicKey& key, int step, int semitones) {
  const auto tonic = kLetters.find(key.tonic.front());
  const std::size_t letter = (tonic + static_cast<std::size_t>(step)) % 7;
  const int wanted = modulo(pitch_class(key.tonic) + semitones, 12);
  const int accidental = modulo(wanted - kLetterClass[letter] + 6, 12) - 6;
  return std::string(1, kLetters[letter]) +
         std::string(static_cast<std::size_t>(std::abs(accidental)), accidental < 0 ? 'b' : '#');
}

struct Quality {
  const char* suffix;  // of the chord's name
  std::vector<int> tones;
};

const Quality& quality_of(const std::string& behind, bool is_minor, const std::string& roman) {
  static const std::map<std::string, Quality> of_major = {{"", {"", {0, 4, 7}}},
                                                          {"7", {"7", {0, 4, 7, 10}}},
                                                          {"maj7", {"maj7", {0, 4, 7, 11}}},
                                                          {"sus4", {"sus4", {0, 5, 7}}}};
  static const std::map<std::string, Quality> of_minor = {{"", {"m", {0, 3, 7}}},
                                                          {"7", {"m7", {0, 3, 7, 10}}},
                                                          {"dim", {"dim", {0, 3, 6}}},
                                                          {"m7b5", {"m7b5", {0, 3, 6, 10}}}};
  const auto& table = is_minor ? of_minor : of_major;
  const auto found = table.find(behind);
  if (found == table.end()) throw internal_error("no chord is written " + roman);
  return found->second;
}

}  // namespace

int pitch_class(const std::string& note) {
  const std::size_t letter = note.empty() ? std::string_view::npos : kLetters.find(note[0]);
  if (letter == std::string_view::npos || note.size() > 3)
    throw user_error("is no note: " + note, "tonic", "write a letter A to G, then # or b");
  int value = kLetterClass[letter];
  for (const char c : note.substr(1)) {
    if (c != '#' && c != 'b')
      throw user_error("is no note: " + note, "tonic", "write a letter A to G, then # or b");
    value += c == '#' ? 1 : -1;
  }
  return modulo(value, 12);
}

std::string key_name(const MusicKey& key) {
  return key.tonic + " " + key.mode;
}

const std::vector<int>& scale_steps(const std::string& mode) {
  static const std::map<std::string, std::vector<int>> all = {{"major", {0, 2, 4, 5, 7, 9, 11}},
                                                              {"minor", {0, 2, 3, 5, 7, 8, 10}},
                                                              {"dorian", {0, 2, 3, 5, 7, 9, 10}},
                                                              {"mixolydian", {0, 2, 4, 5, 7, 9, 10}}};
  const auto found = all.find(mode);
  if (found == all.end())
    throw user_error("is no mode: " + mode, "modes", "write major, minor, dorian or mixolydian");
  return found->second;
}

std::vector<int> scale_of(const MusicKey& key) {
  std::vector<int> scale;
  for (const int step : scale_steps(key.mode)) scale.push_back((pitch_class(key.tonic) + step) % 12);
  return scale;
}

const std::vector<std::string>& usual_tonics(const std::string& mode) {
  static const std::map<std::string, std::vector<std::string>> all = {
      {"major", {"C", "G", "D", "A", "E", "B", "F", "Bb", "Eb", "Ab", "Db"}},
      {"minor", {"A", "E", "B", "F#", "C#", "G#", "D", "G", "C", "F", "Bb"}},
      {"dorian", {"D", "A", "E", "B", "F#", "C#", "G", "C", "F", "Bb", "Eb"}},
      {"mixolydian", {"G", "D", "A", "E", "B", "F#", "C", "F", "Bb", "Eb", "Ab"}}};
  scale_steps(mode);
  return all.at(mode);
}

MusicChord chord_of(const MusicKey& key, const std::string& roman) {
  static const std::array<std::string, 7> numerals = {"i", "ii", "iii", "iv", "v", "vi", "vii"};
  const bool lowered = starts_with(roman, "b");
  const std::string rest = roman.substr(lowered ? 1 : 0);
  std::size_t end = 0;
  std::string numeral;
  while (end < rest.size() && std::string_view("IVXivx").find(rest[end]) != std::string_view::npos)
    numeral += static_cast<char>(std::tolower(rest[end++]));
  const auto place = std::find(numerals.begin(), numerals.end(), numeral);
  if (place == numerals.end()) throw internal_error("no chord is written " + roman);
  const int step = static_cast<int>(place - numerals.begin());
  const Quality& quality = quality_of(rest.substr(end), std::islower(rest[0]) != 0, roman);
  const int semitones = scale_steps(key.mode)[static_cast<std::size_t>(step)] - (lowered ? 1 : 0);
  const std::string root = spelled(key, step, semitones);
  MusicChord chord{roman, root + quality.suffix, pitch_class(root), {}};
  for (const int tone : quality.tones) chord.tones.push_back((chord.root + tone) % 12);
  return chord;
}

MusicKey transposed(const MusicKey& key, int semitones) {
  const int wanted = modulo(pitch_class(key.tonic) + semitones, 12);
  for (const std::string& tonic : usual_tonics(key.mode))
    if (pitch_class(tonic) == wanted) return {tonic, key.mode};
  // The one tonic that the list lacks: six accidentals.
  static const std::map<std::string, std::string> last = {
      {"major", "F#"}, {"minor", "D#"}, {"dorian", "G#"}, {"mixolydian", "C#"}};
  return {last.at(key.mode), key.mode};
}

}  // namespace af2
