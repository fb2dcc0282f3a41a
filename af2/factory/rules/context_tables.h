// What the world holds ready beside a record: plausible causes and purposes of sounds, places with the sounds
// that fit them, weather and times of day with the sounds that show them, and why words are said beside a
// sound (docs/spec/data.md section 2, contextual skills).
//
// The tables are texts in af2/factory/tables, part of the program. They give wrong answers, and decide what
// is asked at all; what is true of a clip is said by its record. Not for wordings (af2/factory/wordings).
// Thread rule: constant after the first use.
//
//   for (const SpeechSituation& s : speech_situations()) draw_scene(s.words, s.label, s.after);
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace af2 {

struct ContextPlace {
  std::string name;                  // "a farm"
  std::vector<std::string> aliases;  // "barn"
  std::vector<std::string> labels;   // that fit it
  std::string group;                 // places of one group are never set against one another
};

// A state of the weather, or a time of day.
struct ContextState {
  std::string name;                  // "it is raining"
  std::vector<std::string> aliases;  // "rainy"
  std::vector<std::string> labels;   // that show it
  std::vector<std::string> near;     // names of states that are no fair wrong answers beside it
};

// Why words are said beside a sound.
struct SpeechSituation {
  std::string words;      // "come in", one of the closed list of tools/word_bank
  std::string label;      // "bell"
  bool after = true;      // the words come after the sound; false: before it
  std::string purpose;    // "to let a visitor enter the house"
  std::string listener;   // "a visitor at the door"
  std::string situation;  // "a visitor is asked inside"
};

// Sound and words belong together up to this far apart, seconds from the end of one to the beginning of the
// other.
inline constexpr double kSituationNear_s = 8;

struct ContextTables {
  std::map<std::string, std::vector<std::string>> causes;    // of a label: labels that could bring it about
  std::map<std::string, std::vector<std::string>> purposes;  // of a label: what it could be for
  std::vector<ContextPlace> places;
  std::vector<ContextState> weathers, times;
  std::vector<SpeechSituation> situations;
};

// All of them. Throws kInternal for a table that breaks its form.
const ContextTables& context_tables();
// The situations of speech, for those who make scenes.
std::vector<SpeechSituation> speech_situations();

// The place or state whose name or other word the text has, the longest word first, so that "a light rain" is
// rain; null where there is none.
const ContextPlace* find_place(const std::string& text);
const ContextState* find_state(const std::vector<ContextState>& states, const std::string& text);

// Whether a text says the words one after the other, punctuation and case aside.
bool says(const std::string& text, const std::string& words);

// Whether two short texts may mean one thing: half of the words that carry the meaning of the shorter one are
// in both.
bool alike(const std::string& a, const std::string& b);

}  // namespace af2
