// Who plays, who enters when, and how it is played.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/information_detail.h"
#include "af2/factory/rules/tables.h"

namespace af2 {
namespace {

constexpr double kGone_s = 2;  // silence of an instrument that has left, beyond the others' end
constexpr double kHigher_semitones = 5;
constexpr int kFewestNotes = 6;

std::vector<std::string> players_of(const Record& record) {
  std::vector<std::string> players = record.music.instruments;
  if (players.empty())
    for (const Entry& entry : entries_of(record)) players.push_back(entry.instrument);
  return players;
}

// Whether no two players could be taken for one another: only then is each of them a clear answer.
bool clear_players(const std::vector<std::string>& players) {
  for (std::size_t i = 0; i < players.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      if (same_instrument_group(players[i], players[k])) return false;
  return true;
}

ItemEvidence evidence_of(const Entry& entry) {
  return {entry.instrument, entry.first, entry.last};
}

// The others that play, then ones that do not.
std::vector<WrongAnswer> wrong_players(const RuleContext& context, const std::string& answer) {
  std::vector<WrongAnswer> wrong;
  std::vector<std::string> players = players_of(context.record);
  context.rng.shuffle(players);
  for (const std::string& player : players)
    if (player != answer && !same_instrument_group(player, answer)) wrong.push_back({player, "present"});
  for (const std::string& absent : absent_instruments(context, 4)) wrong.push_back({absent, "absent"});
  return wrong;
}

std::optional<Finding> instrument(const RuleContext& context) {
  const std::vector<std::string> players = players_of(context.record);
  if (players.empty()) return std::nullopt;
  Finding finding;
  finding.answer = context.rng.pick(players), finding.kind = "present";
  for (const std::string& absent : absent_instruments(context, 4))
    finding.wrong.push_back({absent, "absent"});
  finding.evidence = {{finding.answer, 0, context.record.duration.value_or(0)}};
  finding.level = "easy";
  return finding;
}

std::optional<Finding> absent_instrument(const RuleContext& context) {
  std::vector<std::string> players = players_of(context.record);
  // The players are all there are only where the record says so.
  if (!context.record.all_labelled || players.size() < 3) return std::nullopt;
  const std::vector<std::string> absent = absent_instruments(context, 1);
  if (absent.empty()) return std::nullopt;
  Finding finding;
  finding.answer = absent[0], finding.kind = "absent";
  context.rng.shuffle(players);
  for (const std::string& player : players) finding.wrong.push_back({player, "present"});
  finding.level = "medium";
  return finding;
}

std::optional<Finding> has_instrument(const RuleContext& context) {
  const std::vector<std::string> players = players_of(context.record);
  if (players.empty()) return std::nullopt;
  const bool right = !context.record.all_labelled || context.rng.chance(0.5);
  Finding finding;
  finding.answer = right ? "yes" : "no";
  std::string name = context.rng.pick(players);
  if (!right) {
    const std::vector<std::string> absent = absent_instruments(context, 1);
    if (absent.empty()) return std::nullopt;
    name = absent[0];
  }
  finding.slots["instrument"] = one_player(name);
  finding.facts = {{"instrument", name}};
  finding.level = "easy";
  return finding;
}

std::optional<Finding> instrument_count(const RuleContext& context) {
  const std::vector<std::string> players = players_of(context.record);
  const int n = static_cast<int>(players.size());
  if (!context.record.all_labelled || n < 1 || n > 6 || !clear_players(players)) return std::nullopt;
  Finding finding;
  finding.answer = std::to_string(n);
  for (const int step : {1, -1, 2, 3, -2})
    if (n + step >= 1) finding.wrong.push_back({std::to_string(n + step)});
  finding.level = "medium";
  return finding;
}

// ---- entries
// ------------------------------------------------------------------------------------------------

// The entries where each is clearly apart from the one before; empty else.
std::vector<Entry> clear_entries(const RuleContext& context) {
  const std::vector<Entry> entries = entries_of(context.record);
  for (std::size_t i = 1; i < entries.size(); ++i)
    if (entries[i].first - entries[i - 1].first < context.margins.onset_gap_s) return {};
  return entries;
}

std::optional<Finding> entry_at_end(const RuleContext& context, bool first) {
  const std::vector<Entry> entries = entries_of(context.record);
  const std::size_t n = entries.size();
  if (n < 2 || !clear_players(players_of(context.record))) return std::nullopt;
  const double gap =
      first ? entries[1].first - entries[0].first : entries[n - 1].first - entries[n - 2].first;
  if (gap < context.margins.onset_gap_s) return std::nullopt;
  const Entry& entry = first ? entries.front() : entries.back();
  Finding finding;
  finding.answer = entry.instrument, finding.kind = "present";
  finding.wrong = wrong_players(context, entry.instrument);
  finding.evidence = {evidence_of(entry)};
  finding.level = "medium";
  return finding;
}

std::optional<Finding> entry_order(const RuleContext& context) {
  const std::vector<Entry> entries = clear_entries(context);
  if (entries.size() < 3 || entries.size() > 5 || !clear_players(players_of(context.record)))
    return std::nullopt;
  std::vector<std::string> order;
  Finding finding;
  for (const Entry& entry : entries)
    order.push_back(entry.instrument), finding.evidence.push_back(evidence_of(entry));
  finding.answer = join(order, ", ");
  std::set<std::string> seen = {finding.answer};
  for (int i = 0; i < 40 && finding.wrong.size() < 4; ++i) {
    std::vector<std::string> other = order;
    context.rng.shuffle(other);
    if (seen.insert(join(other, ", ")).second) finding.wrong.push_back({join(other, ", "), "present"});
  }
  finding.level = "hard";
  return finding;
}

std::optional<Finding> enters_before(const RuleContext& context) {
  const std::vector<Entry> entries = entries_of(context.record);
  if (!clear_players(players_of(context.record))) return std::nullopt;
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < entries.size(); ++i)
    for (std::size_t k = i + 1; k < entries.size(); ++k)
      if (entries[k].first - entries[i].first >= context.margins.onset_gap_s) pairs.emplace_back(i, k);
  if (pairs.empty()) return std::nullopt;
  auto [a, b] = context.rng.pick(pairs);
  const bool right = context.rng.chance(0.5);
  Finding finding;
  finding.evidence = {evidence_of(entries[a]), evidence_of(entries[b])};
  if (!right) std::swap(a, b);
  finding.slots = {{"a", one_player(entries[a].instrument)}, {"b", one_player(entries[b].instrument)}};
  finding.facts = {{"a", entries[a].instrument}, {"b", entries[b].instrument}};
  finding.answer = right ? "yes" : "no";
  finding.level = "medium";
  return finding;
}

std::optional<Finding> leaves(const RuleContext& context) {
  const std::vector<Entry> entries = entries_of(context.record);
  if (entries.size() < 2 || !clear_players(players_of(context.record))) return std::nullopt;
  const Entry* gone = nullptr;
  double earliest_other = 1e9;
  for (const Entry& entry : entries)
    if (!gone || entry.last < gone->last) gone = &entry;
  for (const Entry& entry : entries)
    if (&entry != gone) earliest_other = std::min(earliest_other, entry.last);
  if (earliest_other - gone->last < kGone_s) return std::nullopt;
  Finding finding;
  finding.answer = gone->instrument, finding.kind = "present";
  finding.wrong = wrong_players(context, gone->instrument);
  finding.evidence = {evidence_of(*gone)};
  finding.level = "medium";
  return finding;
}

std::optional<Finding> highest_part(const RuleContext& context) {
  std::vector<Entry> pitched;
  for (const Entry& entry : entries_of(context.record))
    if (normal_term(entry.instrument) != "drums" && entry.n_notes >= kFewestNotes) pitched.push_back(entry);
  if (pitched.size() < 2 || !clear_players(players_of(context.record))) return std::nullopt;
  std::stable_sort(pitched.begin(), pitched.end(),
                   [](const Entry& a, const Entry& b) { return a.mean_pitch > b.mean_pitch; });
  if (pitched[0].mean_pitch - pitched[1].mean_pitch < kHigher_semitones) return std::nullopt;
  // One with few notes may lie above.
  for (const Entry& entry : entries_of(context.record))
    if (entry.n_notes < kFewestNotes && entry.mean_pitch > pitched[1].mean_pitch) return std::nullopt;
  Finding finding;
  finding.answer = pitched[0].instrument, finding.kind = "present";
  finding.wrong = wrong_players(context, finding.answer);
  std::erase_if(finding.wrong, [](const WrongAnswer& wrong) { return normal_term(wrong.text) == "drums"; });
  finding.evidence = {evidence_of(pitched[0])};
  finding.level = "medium";
  return finding;
}

// ---- how it is played
// ---------------------------------------------------------------------------------------

std::optional<Finding> texture(const RuleContext& context) {
  static const std::vector<std::pair<std::string, std::string>> phrases = {
      {"block chords", "in block chords, struck all at once"},
      {"broken chords", "in broken chords, note by note"},
      {"after-beats", "bass on strong beats, chords after it"},
      {"off-beat chords", "in short chords between the beats"},
      {"sustained chords", "in long chords that are held"},
      {"voices together", "all voices move in one rhythm"},
      {"canon", "one voice imitates another a little later"},
      {"melody alone", "there is one line without accompaniment"}};
  // What one ear may hear as the other.
  static const std::set<std::pair<std::string, std::string>> near = {
      {"block chords", "voices together"},     {"broken chords", "melody alone"},
      {"sustained chords", "voices together"}, {"off-beat chords", "voices together"},
      {"block chords", "after-beats"},         {"block chords", "off-beat chords"}};
  const std::string& name = context.record.music.texture;
  Finding finding;
  for (const auto& [kind, text] : phrases)
    if (kind == name)
      finding.answer = text;
    else if (!near.contains({kind, name}) && !near.contains({name, kind}))
      finding.wrong.push_back({text});
  if (finding.answer.empty()) return std::nullopt;
  context.rng.shuffle(finding.wrong);
  finding.level = "hard";
  return finding;
}

std::optional<Finding> rhythm(const RuleContext& context) {
  const std::string& name = context.record.music.rhythm;
  if (name != "swung" && name != "straight") return std::nullopt;
  if (name == "straight" && too_usual(context, 0.15)) return std::nullopt;
  Finding finding;
  finding.answer = name;
  finding.wrong = {{name == "swung" ? "straight" : "swung"}};
  finding.level = "medium";
  return finding;
}

// The beats on which a snare falls in most bars; a beat with it in some is unclear.
std::optional<Finding> snare_beats(const RuleContext& context) {
  const RecordMusic& music = context.record.music;
  if (music.metre != "4/4" || music.beats.size() < 12) return std::nullopt;
  std::map<int, int> hits, beats;
  for (const RecordBeat& beat : music.beats) {
    ++beats[beat.number];
    hits[beat.number] += std::any_of(music.notes.begin(), music.notes.end(), [&](const RecordNote& note) {
      return note.instrument == "drums" && (note.pitch == 38 || note.pitch == 40) &&
             std::abs(note.start - beat.at) < 0.05;
    });
  }
  int heard = 0;
  for (const auto& [number, n] : hits) heard += n;
  if (heard < 6 || beats.size() != 4) return std::nullopt;
  std::vector<int> on;
  for (const auto& [number, n] : hits) {
    if (n * 8 >= heard)
      on.push_back(number);
    else if (n * 20 > heard)
      return std::nullopt;
  }
  static const std::map<std::vector<int>, std::string> phrases = {{{2, 4}, "on the second and fourth beats"},
                                                                  {{1, 3}, "on the first and third beats"},
                                                                  {{1, 2, 3, 4}, "on every beat"},
                                                                  {{1}, "on the first beat only"},
                                                                  {{3}, "on the third beat only"}};
  const auto found = phrases.find(on);
  if (found == phrases.end()) return std::nullopt;
  Finding finding;
  finding.answer = found->second;
  for (const auto& [at, text] : phrases)
    if (at != on) finding.wrong.push_back({text});
  context.rng.shuffle(finding.wrong);
  finding.evidence = {{"drums", 0, context.record.duration.value_or(0)}};
  finding.level = "medium";
  return finding;
}

std::optional<Finding> loudness_change(const RuleContext& context) {
  const RecordMusic& music = context.record.music;
  if (!music.changes_known || music.notes.size() < 16) return std::nullopt;
  Finding finding;
  finding.answer = "it stays about the same";
  int n = 0;
  for (const RecordChange& change : music.changes)
    if (change.kind == "loudness") {
      ++n;
      finding.answer = change.to == "loud" ? "it becomes louder" : "it becomes softer";
      finding.evidence = {{"loudness", std::max(0.0, change.at - 2), change.at + 2}};
    }
  if (n > 1) return std::nullopt;
  // Who comes and goes makes music louder and softer too.
  for (const Entry& entry : entries_of(context.record))
    if (n == 0 && (entry.first > 1 || entry.last < context.record.duration.value_or(0) - 4))
      return std::nullopt;
  if (n == 0 && too_usual(context, 0.15)) return std::nullopt;
  for (const char* other :
       {"it becomes louder", "it becomes softer", "it stays about the same", "it swells and fades again"})
    if (other != finding.answer) finding.wrong.push_back({other});
  finding.level = "medium";
  return finding;
}

}  // namespace

std::vector<RuleType> playing_rules() {
  const std::vector<std::string> all = {"choice", "short", "open"}, by_choice = {"choice"},
                                 both = {"choice", "short"};
  return {{"information", "instrument", false, by_choice, instrument},
          {"information", "absent_instrument", false, by_choice, absent_instrument},
          {"information", "has_instrument", false, {"yes_no"}, has_instrument},
          {"information", "instrument_count", false, both, instrument_count},
          {"information", "instrument_first", false, all,
           [](const RuleContext& c) { return entry_at_end(c, true); }},
          {"information", "instrument_last", false, all,
           [](const RuleContext& c) { return entry_at_end(c, false); }},
          {"information", "entry_order", false, {"choice", "open"}, entry_order},
          {"information", "enters_before", false, {"yes_no"}, enters_before},
          {"information", "leaves", false, both, leaves},
          {"information", "highest_part", false, both, highest_part},
          {"information", "texture", false, by_choice, texture},
          {"information", "rhythm", false, {"short", "choice"}, rhythm},
          claim_type("is_rhythm", rhythm),
          {"information", "snare_beats", false, by_choice, snare_beats},
          {"information", "loudness_change", false, by_choice, loudness_change}};
}

}  // namespace af2
