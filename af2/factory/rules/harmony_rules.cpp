// Chords, keys, cadences, metre and tempo.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "af2/core/text_util.h"
#include "af2/factory/rules/information_detail.h"

namespace af2 {
namespace {

constexpr double kJoin_s = 0.1;      // chords no further apart follow each other
constexpr double kInChord_s = 0.25;  // a moment lies so far before its chord's end

struct HeardChord {
  std::string name;
  NamedChord chord;
  double start = 0, end = 0;
};

// The chords, equal neighbours joined; empty where one is written in a way that is not understood.
std::vector<HeardChord> chords_of(const Record& record) {
  std::vector<HeardChord> chords;
  for (const RecordChord& chord : record.music.chords) {
    const auto named = named_chord(chord.name);
    if (!named || chord.name.find('/') != std::string::npos) return {};
    if (!chords.empty() && chords.back().name == chord.name && chord.start - chords.back().end <= kJoin_s)
      chords.back().end = chord.end;
    else
      chords.push_back({chord.name, *named, chord.start, chord.end});
  }
  return chords;
}

bool joined(const HeardChord& a, const HeardChord& b) {
  return b.start - a.end <= kJoin_s;
}
bool all_joined(const std::vector<HeardChord>& chords) {
  for (std::size_t i = 1; i < chords.size(); ++i)
    if (!joined(chords[i - 1], chords[i])) return false;
  return !chords.empty();
}

// C and C7 differ by a tone that one may miss.
bool too_near(const NamedChord& a, const NamedChord& b) {
  return a.root == b.root;
}

std::vector<std::string> spelled_roots(const RuleContext& context) {
  const std::string& key = context.record.music.key;
  const bool flats = key.size() > 1 && (key[1] == 'b' || key[0] == 'F') && key[1] != '#';
  return flats ? std::vector<std::string>{"C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"}
               : std::vector<std::string>{"C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"};
}

// Other chords of the piece first, then ones of the same kinds elsewhere. None is near the answer, nor near
// one that stands in `also_right`.
std::vector<WrongAnswer> wrong_chords(const RuleContext& context, const std::vector<HeardChord>& chords,
                                      const NamedChord& answer,
                                      const std::vector<NamedChord>& also_right = {}) {
  std::vector<WrongAnswer> wrong;
  std::vector<NamedChord> taken = also_right;
  taken.push_back(answer);
  const auto add = [&](const std::string& name, const NamedChord& chord, const char* kind) {
    if (std::any_of(taken.begin(), taken.end(), [&](const auto& other) { return too_near(chord, other); }))
      return;
    taken.push_back(chord);
    wrong.push_back({name, kind});
  };
  std::vector<HeardChord> others = chords;
  context.rng.shuffle(others);
  for (const HeardChord& other : others) add(other.name, other.chord, "present");
  const std::vector<std::string> roots = spelled_roots(context);
  for (int i = 0; i < 40 && wrong.size() < 6; ++i) {
    const int root = static_cast<int>(context.rng.below(12));
    const std::string quality =
        context.rng.chance(0.5) ? answer.quality : context.rng.pick(others).chord.quality;
    add(roots[static_cast<std::size_t>(root)] + quality, {root, quality}, "value");
  }
  return wrong;
}

ItemEvidence evidence_of(const HeardChord& chord) {
  return {chord.name, chord.start, chord.end};
}

// ---- chords
// -------------------------------------------------------------------------------------------------

std::optional<Finding> chord_beside(const RuleContext& context, bool next) {
  const std::vector<HeardChord> chords = chords_of(context.record);
  std::vector<std::size_t> places;
  for (std::size_t i = next ? 0 : 1; i + (next ? 1 : 0) < chords.size(); ++i) {
    const auto same = std::count_if(chords.begin(), chords.end(),
                                    [&](const auto& c) { return too_near(c.chord, chords[i].chord); });
    if (same == 1 && (next ? joined(chords[i], chords[i + 1]) : joined(chords[i - 1], chords[i])))
      places.push_back(i);
  }
  if (places.empty()) return std::nullopt;
  const std::size_t at = context.rng.pick(places), other = next ? at + 1 : at - 1;
  Finding finding;
  finding.slots["chord"] = chords[at].name;
  finding.facts["chord"] = chords[at].name;
  finding.answer = chords[other].name, finding.kind = "present";
  finding.sentence = (next ? "After " : "Before ") + chords[at].name + " comes " + finding.answer + ".";
  finding.wrong = wrong_chords(context, chords, chords[other].chord, {chords[at].chord});
  finding.evidence = {evidence_of(chords[std::min(at, other)]), evidence_of(chords[std::max(at, other)])};
  finding.level = "hard";
  return finding;
}

std::optional<Finding> chord_moment(const RuleContext& context) {
  const std::vector<HeardChord> chords = chords_of(context.record);
  if (chords.size() < 2) return std::nullopt;
  struct Moment {
    std::string variant, which;  // which: instrument or bar
    std::size_t chord;
  };
  std::vector<Moment> moments;
  const std::vector<Entry> entries = entries_of(context.record);
  const double begin = entries.empty() ? 0 : entries.front().first;
  if (chords.front().start <= begin + kJoin_s) moments.push_back({"start", "", 0});
  moments.push_back({"end", "", chords.size() - 1});
  for (const Entry& entry : entries)
    for (std::size_t i = 0; i < chords.size(); ++i)
      if (entry.first > begin + context.margins.onset_gap_s && entry.first >= chords[i].start - 0.02 &&
          entry.first <= chords[i].end - kInChord_s)
        moments.push_back({"entry", entry.instrument, i});
  // Bars that have one chord from their first beat to their last.
  static const std::vector<std::string> ordinals = {"second", "third",   "fourth", "fifth",
                                                    "sixth",  "seventh", "eighth"};
  std::vector<double> bars;
  for (const RecordBeat& beat : context.record.music.beats)
    if (beat.number == 1) bars.push_back(beat.at);
  std::vector<Moment> in_bars;
  for (std::size_t bar = 1; bar + 1 < bars.size() && bar <= ordinals.size(); ++bar)
    for (std::size_t i = 0; i < chords.size(); ++i)
      if (chords[i].start <= bars[bar] + 0.02 && chords[i].end >= bars[bar + 1] - 0.02 &&
          begin < bars[0] + 0.5)
        in_bars.push_back({"bar", ordinals[bar - 1], i});
  if (!in_bars.empty()) moments.push_back(context.rng.pick(in_bars));
  const Moment& moment = context.rng.pick(moments);
  const HeardChord& chord = chords[moment.chord];
  Finding finding;
  finding.variant = moment.variant;
  finding.slots["instrument"] = one_player(moment.which);
  finding.facts = {{"moment", moment.variant}};
  finding.slots["bar"] = moment.which;
  if (!moment.which.empty()) finding.facts[moment.variant == "bar" ? "bar" : "instrument"] = moment.which;
  finding.answer = chord.name, finding.kind = "present";
  finding.wrong = wrong_chords(context, chords, chord.chord);
  finding.evidence = {evidence_of(chord)};
  finding.level = "hard";
  return finding;
}

std::optional<Finding> distinct_chords(const RuleContext& context) {
  const std::vector<HeardChord> chords = chords_of(context.record);
  if (chords.size() < 2 || !all_joined(chords)) return std::nullopt;
  std::set<std::pair<int, std::string>> kinds;
  std::set<int> roots;
  for (const HeardChord& chord : chords)
    kinds.insert({chord.chord.root, chord.chord.quality}), roots.insert(chord.chord.root);
  // Whether C and C7 are two would be a matter of taste.
  const int n = static_cast<int>(kinds.size());
  if (roots.size() != kinds.size() || n < 2 || n > 8) return std::nullopt;
  Finding finding;
  finding.answer = std::to_string(n);
  finding.sentence = "There are " + finding.answer + " different chords.";
  for (const int step : {1, -1, 2, -2, 3})
    if (n + step >= 1) finding.wrong.push_back({std::to_string(n + step)});
  finding.evidence = {{"chords", chords.front().start, chords.back().end}};
  finding.level = "hard";
  return finding;
}

std::optional<Finding> chord_quality(const RuleContext& context) {
  const std::vector<HeardChord> chords = chords_of(context.record);
  if (chords.empty()) return std::nullopt;
  static const std::vector<std::pair<std::string, std::string>> names = {{"", "a major triad"},
                                                                         {"m", "a minor triad"},
                                                                         {"7", "a dominant seventh chord"},
                                                                         {"maj7", "a major seventh chord"},
                                                                         {"m7", "a minor seventh chord"},
                                                                         {"dim", "a diminished triad"}};
  const std::string& quality = chords.back().chord.quality;
  Finding finding;
  for (const auto& [kind, name] : names)
    if (kind == quality) finding.answer = name;
  if (finding.answer.empty()) return std::nullopt;
  // A triad and its own seventh chord are too near to be right and wrong.
  static const std::map<std::string, std::set<std::string>> near = {{"", {"7", "maj7"}},  {"m", {"m7"}},
                                                                    {"7", {"", "maj7"}},  {"maj7", {"", "7"}},
                                                                    {"m7", {"m", "dim"}}, {"dim", {"m7"}}};
  for (const auto& [kind, name] : names)
    if (kind != quality && !near.at(quality).contains(kind)) finding.wrong.push_back({name});
  if (finding.wrong.size() < 3) finding.wrong.push_back({"an augmented triad"});
  context.rng.shuffle(finding.wrong);
  finding.evidence = {evidence_of(chords.back())};
  finding.level = "hard";
  return finding;
}

std::string degree_name(int semitones, const std::string& mode) {
  static const std::map<int, std::string> of_major = {{0, "the tonic"},    {2, "the supertonic"},
                                                      {4, "the mediant"},  {5, "the subdominant"},
                                                      {7, "the dominant"}, {9, "the submediant"}};
  static const std::map<int, std::string> of_minor = {{0, "the tonic"},    {2, "the supertonic"},
                                                      {3, "the mediant"},  {5, "the subdominant"},
                                                      {7, "the dominant"}, {8, "the submediant"}};
  if (mode != "major" && mode != "minor") return "";
  const auto& names = mode == "major" ? of_major : of_minor;
  const auto found = names.find(semitones);
  return found == names.end() ? "" : found->second;
}

std::optional<Finding> chord_function(const RuleContext& context) {
  const std::vector<HeardChord> chords = chords_of(context.record);
  const auto key = named_key(context.record.music.key);
  if (chords.size() < 2 || !key) return std::nullopt;
  // Nearly every piece begins on its tonic: only other beginnings are asked about.
  const std::vector<Entry> entries = entries_of(context.record);
  const bool begins = (entries.empty() || chords.front().start <= entries.front().first + kJoin_s) &&
                      chords.front().chord.root != key->tonic;
  const bool last = !begins || context.rng.chance(0.5);
  const HeardChord& chord = last ? chords.back() : chords.front();
  Finding finding;
  finding.answer = degree_name((chord.chord.root - key->tonic + 12) % 12, key->mode);
  if (finding.answer.empty()) return std::nullopt;
  finding.variant = last ? "last" : "first";
  finding.facts = {{"place", finding.variant}};
  for (const char* name :
       {"the tonic", "the dominant", "the subdominant", "the submediant", "the supertonic", "the mediant"})
    if (name != finding.answer) finding.wrong.push_back({name});
  context.rng.shuffle(finding.wrong);
  finding.evidence = {evidence_of(chord)};
  finding.level = "hard";
  return finding;
}

std::string numeral(const NamedChord& chord, const NamedKey& key) {
  static const std::map<std::string, std::vector<int>> scales = {{"major", {0, 2, 4, 5, 7, 9, 11}},
                                                                 {"minor", {0, 2, 3, 5, 7, 8, 10}},
                                                                 {"dorian", {0, 2, 3, 5, 7, 9, 10}},
                                                                 {"mixolydian", {0, 2, 4, 5, 7, 9, 10}}};
  static const char* numerals[] = {"I", "II", "III", "IV", "V", "VI", "VII"};
  const auto& scale = scales.at(key.mode);
  const auto step = std::find(scale.begin(), scale.end(), (chord.root - key.tonic + 12) % 12);
  if (step == scale.end()) return "";
  std::string text = numerals[step - scale.begin()];
  const std::string& quality = chord.quality;
  if (!quality.empty() && (quality[0] == 'm' && quality != "maj7" ? true : quality == "dim"))
    for (char& c : text) c = static_cast<char>(std::tolower(c));
  return text;
}

std::optional<Finding> progression(const RuleContext& context) {
  const std::vector<HeardChord> chords = chords_of(context.record);
  const auto key = named_key(context.record.music.key);
  if (chords.size() < 4 || !key) return std::nullopt;
  std::vector<std::string> four;
  for (std::size_t i = 0; i < 4; ++i) {
    four.push_back(numeral(chords[i].chord, *key));
    if (four.back().empty() || (i > 0 && !joined(chords[i - 1], chords[i]))) return std::nullopt;
  }
  Finding finding;
  finding.answer = join(four, " - ");
  std::set<std::string> seen = {finding.answer};
  for (int i = 0; i < 30 && finding.wrong.size() < 4; ++i) {
    std::vector<std::string> other = four;
    if (i % 2 == 0) {
      context.rng.shuffle(other);
    } else {
      static const std::vector<std::string> major = {"I", "ii", "iii", "IV", "V", "vi"},
                                            minor = {"i", "III", "iv", "V", "VI", "VII"};
      other[context.rng.below(4)] =
          context.rng.pick(key->mode == "major" || key->mode == "mixolydian" ? major : minor);
    }
    bool repeats = false;
    for (std::size_t k = 1; k < 4; ++k) repeats = repeats || other[k] == other[k - 1];
    if (!repeats && seen.insert(join(other, " - ")).second) finding.wrong.push_back({join(other, " - ")});
  }
  finding.evidence = {{"chords", chords[0].start, chords[3].end}};
  finding.level = "hard";
  return finding;
}

std::optional<Finding> cadence(const RuleContext& context) {
  const std::string& name = context.record.music.cadence;
  static const std::vector<std::pair<std::string, std::string>> names = {
      {"authentic", "an authentic cadence"},
      {"plagal", "a plagal cadence"},
      {"half", "a half cadence"},
      {"deceptive", "a deceptive cadence"}};
  Finding finding;
  for (const auto& [kind, text] : names)
    if (kind == name)
      finding.answer = text;
    else
      finding.wrong.push_back({text});
  if (finding.answer.empty()) return std::nullopt;
  finding.sentence = "It ends with " + finding.answer + ".";
  const std::vector<HeardChord> chords = chords_of(context.record);
  if (chords.size() < 2) return std::nullopt;
  finding.evidence = {evidence_of(chords[chords.size() - 2]), evidence_of(chords.back())};
  finding.level = "hard";
  return finding;
}

// ---- key, mode
// ----------------------------------------------------------------------------------------------

std::optional<Finding> key(const RuleContext& context) {
  const auto named = named_key(context.record.music.key);
  if (!named) return std::nullopt;
  const std::vector<std::string> roots = spelled_roots(context);
  Finding finding;
  finding.answer = trim(context.record.music.key);
  finding.sentence = "It is in " + finding.answer + ".";
  const bool minor = named->mode == "minor" || named->mode == "dorian";
  const auto add = [&](int semitones, const std::string& mode) {
    finding.wrong.push_back(
        {roots[static_cast<std::size_t>((named->tonic + semitones + 12) % 12)] + " " + mode});
  };
  // Neighbours and the parallel key; then distant ones.
  add(7, named->mode), add(5, named->mode), add(0, minor ? "major" : "minor");
  context.rng.shuffle(finding.wrong);
  add(2, named->mode), add(minor ? 3 : 9, minor ? "major" : "minor"), add(10, named->mode);
  finding.level = "hard";
  return finding;
}

std::optional<Finding> mode(const RuleContext& context) {
  const auto named = named_key(context.record.music.key);
  if (!named) return std::nullopt;
  // Modes that differ in the third: major and mixolydian are not set against each other.
  static const std::map<std::string, std::vector<std::string>> others = {
      {"major", {"minor", "dorian", "phrygian"}},
      {"mixolydian", {"minor", "dorian", "phrygian"}},
      {"minor", {"major", "mixolydian", "lydian"}},
      {"dorian", {"major", "mixolydian", "lydian"}}};
  Finding finding;
  finding.answer = named->mode;
  for (const std::string& other : others.at(named->mode)) finding.wrong.push_back({other});
  finding.level = "hard";
  return finding;
}

// ---- metre, tempo
// -------------------------------------------------------------------------------------------

std::optional<Finding> metre(const RuleContext& context) {
  const std::string& name = context.record.music.metre;
  // Two and four beats are not set against each other: whether a bar has two or four is a matter of writing.
  static const std::map<std::string, std::vector<std::string>> others = {
      {"2/4", {"3/4", "6/8", "5/4", "7/8"}},
      {"4/4", {"3/4", "6/8", "5/4", "7/8"}},
      {"3/4", {"4/4", "2/4", "5/4", "7/8"}},
      {"6/8", {"4/4", "3/4", "5/4", "7/8"}}};
  const auto found = others.find(name);
  if (found == others.end()) return std::nullopt;
  Finding finding;
  finding.answer = name;
  finding.sentence = "It is in " + name + " time.";
  for (const std::string& other : found->second) finding.wrong.push_back({other});
  finding.level = "medium";
  return finding;
}

std::optional<Finding> tempo_band(const RuleContext& context) {
  if (!context.record.music.tempo) return std::nullopt;
  struct Band {
    double low, high;
    const char* text;
  };
  // What lies between two bands is not asked.
  static const std::vector<Band> bands = {{30, 72, "slow, like an adagio"},
                                          {80, 108, "at a walking pace, like an andante"},
                                          {118, 152, "fast, like an allegro"},
                                          {166, 260, "very fast, like a presto"}};
  Finding finding;
  for (const Band& band : bands)
    if (*context.record.music.tempo >= band.low && *context.record.music.tempo <= band.high)
      finding.answer = band.text;
    else
      finding.wrong.push_back({band.text});
  if (finding.answer.empty()) return std::nullopt;
  finding.level = "easy";
  return finding;
}

std::optional<Finding> tempo_change(const RuleContext& context) {
  const RecordMusic& music = context.record.music;
  if (!music.changes_known || music.beats.size() < 12) return std::nullopt;
  Finding finding;
  finding.answer = "it stays the same";
  int n = 0;
  for (const RecordChange& change : music.changes)
    if (change.kind == "tempo") {
      ++n;
      finding.answer =
          std::stod(change.to) > std::stod(change.from) ? "it becomes faster" : "it becomes slower";
      finding.evidence = {{"tempo", std::max(0.0, change.at - 2), change.at + 2}};
    }
  if (n > 1) return std::nullopt;
  if (n == 0 && too_usual(context, 0.1)) return std::nullopt;
  for (const char* other :
       {"it becomes faster", "it becomes slower", "it stays the same", "it changes and comes back"})
    if (other != finding.answer) finding.wrong.push_back({other});
  finding.level = "medium";
  return finding;
}

std::optional<Finding> key_change(const RuleContext& context) {
  const RecordMusic& music = context.record.music;
  if (!music.changes_known) return std::nullopt;
  static const std::vector<std::pair<int, std::string>> moves = {
      {0, "it stays in one key"},  {1, "up by a semitone"}, {2, "up by a whole tone"},
      {3, "up by a minor third"},  {5, "up by a fourth"},   {10, "down by a whole tone"},
      {9, "down by a minor third"}};
  int semitones = 0, n = 0;
  Finding finding;
  for (const RecordChange& change : music.changes) {
    if (change.kind != "key") continue;
    const auto from = named_key(change.from), to = named_key(change.to);
    if (!from || !to || from->mode != to->mode) return std::nullopt;
    semitones = (to->tonic - from->tonic + 12) % 12, ++n;
    finding.evidence = {{"key", std::max(0.0, change.at - 2), change.at + 2}};
  }
  if (n > 1 || (n == 0 && !named_key(music.key))) return std::nullopt;
  if (n == 0 && too_usual(context, 0.1)) return std::nullopt;
  for (const auto& [by, text] : moves)
    if (by == semitones)
      finding.answer = text;
    else
      finding.wrong.push_back({text});
  if (finding.answer.empty()) return std::nullopt;
  context.rng.shuffle(finding.wrong);
  finding.level = "hard";
  return finding;
}

}  // namespace

std::vector<RuleType> harmony_rules() {
  const std::vector<std::string> all = {"choice", "short", "open"}, by_choice = {"choice"},
                                 both = {"choice", "short"};
  return {
      {"information", "chord_after", false, all, [](const RuleContext& c) { return chord_beside(c, true); }},
      {"information", "chord_before", false, all,
       [](const RuleContext& c) { return chord_beside(c, false); }},
      {"information", "chord_moment", false, both, chord_moment},
      {"information", "distinct_chords", false, all, distinct_chords},
      {"information", "chord_quality", false, by_choice, chord_quality},
      {"information", "chord_function", false, both, chord_function},
      {"information", "progression", false, by_choice, progression},
      {"information", "cadence", false, all, cadence},
      claim_type("is_cadence", cadence),
      {"information", "key", false, all, key},
      claim_type("is_key", key),
      {"information", "mode", false, both, mode},
      claim_type("is_mode", mode),
      {"information", "metre", false, all, metre},
      claim_type("is_metre", metre),
      {"information", "tempo_band", false, by_choice, tempo_band},
      {"information", "tempo_change", false, by_choice, tempo_change},
      {"information", "key_change", false, by_choice, key_change}};
}

}  // namespace af2
