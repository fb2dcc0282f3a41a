// What the re-checks of information read out of a record: chords by their tones, entries, texture and pulse
// from the notes. Shares no code with the rules. Thread rule: free functions.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "af2/factory/rules/recheck.h"

namespace af2 {

// Tables of checks, joined by information_rechecks().
RecheckTable harmony_rechecks();
RecheckTable playing_rechecks();
RecheckTable foundational_rechecks();

using TextTest = std::function<bool(const std::string& text)>;

// Whether the item's answer is right and alone in that. `right` knows a right answer; `near` one that a
// listener may hold to be right as well. An open answer is right when some words of it are.
std::string judge(const Item& item, const TextTest& right, const TextTest& near = {});
// The same of a yes/no question: whether what it puts forward (fact `name`, and in the question) is right.
std::string judge_claim(const Item& item, const TextTest& right, const std::string& name = "claim");
// A fact of the item as text; empty: it has none.
std::string fact(const Item& item, const std::string& name);

struct ToneSet {
  int root = 0;
  std::set<int> over_root;  // semitones over the root, 0 included
  bool minor_third() const { return over_root.contains(3); }
  bool operator==(const ToneSet&) const = default;
};
std::optional<ToneSet> tones_of_symbol(const std::string& symbol);
// The root alone, of any symbol that begins with a note; below 0: of none.
int root_of_symbol(const std::string& symbol);
struct SpanOfChord {
  ToneSet tones;
  double start = 0, end = 0;
};
// Equal neighbours joined; nothing where a symbol is not understood.
std::vector<SpanOfChord> chord_spans(const Record& record);

struct Tonality {
  int tonic = 0;
  bool minor_third = false;
  std::string mode;
};
std::optional<Tonality> tonality_of(const std::string& text);
// The share of pitched notes of [from, to) that lie in the key's scale; nothing below 20 notes.
std::optional<double> share_in_key(const Record& record, const Tonality& key, double from = 0,
                                   double to = 1e9);

// The time of an instrument's first note, or of its event; below 0: it does not play.
double first_sound(const Record& record, const std::string& instrument);
double last_sound(const Record& record, const std::string& instrument);
// Every instrument that the record knows of, by notes, list or, in music, events.
std::set<std::string> all_players(const Record& record);
// Textures that the notes may be called; empty: they do not say.
std::set<std::string> textures_heard(const Record& record);
// "swung", "straight", or nothing where the notes do not say.
std::string rhythm_heard(const Record& record);
// Median distance of the beats in a part of them (shares of their number), seconds; 0: too few.
double beat_distance(const Record& record, double from_share, double to_share);

}  // namespace af2
