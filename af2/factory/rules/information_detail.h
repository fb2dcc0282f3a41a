// Between the files of information's rules (information_*_rules.cpp, foundational_rules.cpp): not for the
// re-checks, which read records by code of their own. Thread rule: free functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "af2/factory/rules/rules.h"

namespace af2 {

using Find = std::function<std::optional<Finding>(const RuleContext&)>;

// Tables of types, joined by information_rules().
std::vector<RuleType> harmony_rules();
std::vector<RuleType> playing_rules();
std::vector<RuleType> source_rules();
std::vector<RuleType> foundational_rules();

// Whether an answer that most records would give shall be left out here, so that it does not become the one
// to guess: kept with this chance.
inline bool too_usual(const RuleContext& context, double kept) {
  return !context.rng.chance(kept);
}

// A yes/no question out of one with options: its right answer or one of its wrong ones is put forward as the
// slot {claim} and the fact "claim".
RuleType claim_type(const std::string& name, const Find& find);

// "C major" as pitch class and mode; nothing where it is written in another way.
struct NamedKey {
  int tonic = 0;
  std::string mode;
};
std::optional<NamedKey> named_key(const std::string& text);
// "Bbm7/F" as pitch class of the root and what stands behind it.
struct NamedChord {
  int root = 0;
  std::string quality;
};
std::optional<NamedChord> named_chord(const std::string& text);
std::optional<int> named_note(const std::string& text);

// Instruments as they enter, with the time of their first sound: from the notes, or events, whichever there
// is.
struct Entry {
  std::string instrument;
  double first = 0, last = 0;
  int n_notes = 0;
  double mean_pitch = 0;
};
std::vector<Entry> entries_of(const Record& record);
// The instrument as one thing, for "the ... enters": "drum kit" of "drums".
std::string one_player(const std::string& instrument);
// Instruments that no one could take for one that plays, drawn; at most `n`.
std::vector<std::string> absent_instruments(const RuleContext& context, int n);

}  // namespace af2
