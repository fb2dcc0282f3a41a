#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/music_recheck.h"
#include "af2/factory/rules/tables.h"

namespace af2 {
namespace {

bool plays(const Record& record, const std::string& name) {
  for (const std::string& player : all_players(record))
    if (normal_term(player) == normal_term(name)) return true;
  return false;
}
// One that plays could be taken for it.
bool may_play(const Record& record, const std::string& name) {
  for (const std::string& player : all_players(record))
    if (same_instrument_group(player, name)) return true;
  return false;
}

// The question is about the instrument of the fact: its last word, or the drum kit.
bool asks_about(const Item& item, const std::string& name) {
  const std::vector<std::string> asked = words_of(item.question), words = words_of(name);
  if (words.empty()) return false;
  std::string last = words.back();
  if (last.ends_with("s")) last.pop_back();
  return std::any_of(asked.begin(), asked.end(),
                     [&](const std::string& word) { return word.starts_with(last); });
}

std::string instrument(const RecheckContext& c) {
  return judge(
      c.item, [&](const std::string& text) { return plays(c.record, text); },
      [&](const std::string& text) { return may_play(c.record, text); });
}

std::string absent_instrument(const RecheckContext& c) {
  if (!c.record.all_labelled) return "what is absent is not known";
  return judge(c.item, [&](const std::string& text) { return !may_play(c.record, text); });
}

std::string has_instrument(const RecheckContext& c) {
  const std::string name = fact(c.item, "instrument");
  if (name.empty() || !asks_about(c.item, name)) return "the question is about another instrument";
  const bool there = plays(c.record, name);
  if (!there && may_play(c.record, name)) return "a like instrument plays";
  if (!there && !c.record.all_labelled) return "what is absent is not known";
  return normal_term(c.item.answer) == (there ? "yes" : "no")
             ? ""
             : std::string("the answer should be ") + (there ? "yes" : "no");
}

std::string instrument_count(const RecheckContext& c) {
  const auto n = all_players(c.record).size();
  return judge(c.item, [&](const std::string& text) { return normal_term(text) == std::to_string(n); });
}

// The player that is first (or last) to be heard, alone by the margin; empty: none is.
std::string outermost(const RecheckContext& c, bool earliest) {
  std::string best;
  double at = 0, next = 0;
  for (const std::string& player : all_players(c.record)) {
    const double first = (earliest ? 1 : -1) * first_sound(c.record, player);
    if (best.empty() || first < at) {
      next = best.empty() ? 1e9 : at;
      best = player, at = first;
    } else {
      next = std::min(next, first);
    }
  }
  return next - at < c.margins.onset_gap_s - 1e-6 ? "" : best;
}

std::string entry_at_end(const RecheckContext& c, bool earliest) {
  const std::string player = outermost(c, earliest);
  if (player.empty()) return "no instrument is clearly there";
  return judge(
      c.item, [&](const std::string& text) { return normal_term(text) == normal_term(player); },
      [&](const std::string& text) { return same_instrument_group(text, player); });
}

// Whether a list names every player, in the order of first sounds.
bool in_order(const RecheckContext& c, const std::string& text) {
  const std::vector<std::string> names = split(text, ',');
  double before = -1e9;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    const double first = first_sound(c.record, trim(name));
    if (first < 0 || first < before + c.margins.onset_gap_s - 1e-6 || !seen.insert(trim(name)).second)
      return false;
    before = first;
  }
  return seen.size() == all_players(c.record).size();
}

std::string entry_order(const RecheckContext& c) {
  return judge(c.item, [&](const std::string& text) { return in_order(c, text); });
}

std::string enters_before(const RecheckContext& c) {
  const std::string a = fact(c.item, "a"), b = fact(c.item, "b");
  const double first_a = first_sound(c.record, a), first_b = first_sound(c.record, b);
  if (first_a < 0 || first_b < 0) return "one of the two does not play";
  if (!asks_about(c.item, a) || !asks_about(c.item, b)) return "the question is about others";
  if (std::abs(first_a - first_b) < c.margins.onset_gap_s - 1e-6) return "both enter together";
  const std::string wanted = first_a < first_b ? "yes" : "no";
  return normal_term(c.item.answer) == wanted ? "" : "the answer should be " + wanted;
}

std::string leaves(const RecheckContext& c) {
  return judge(c.item, [&](const std::string& text) {
    const double end = last_sound(c.record, text);
    if (end < 0) return false;
    for (const std::string& player : all_players(c.record))
      if (player != text && last_sound(c.record, player) < end + 1.9) return false;
    return true;
  });
}

double mean_pitch(const Record& record, const std::string& player) {
  double sum = 0;
  int n = 0;
  for (const RecordNote& note : record.music.notes)
    if (note.instrument == player) sum += note.pitch, ++n;
  return n == 0 ? -1 : sum / n;
}

std::string highest_part(const RecheckContext& c) {
  return judge(c.item, [&](const std::string& text) {
    const double pitch = mean_pitch(c.record, text);
    if (pitch < 0 || text == "drums") return false;
    for (const std::string& player : all_players(c.record))
      if (player != text && player != "drums" && mean_pitch(c.record, player) > pitch - 4) return false;
    return true;
  });
}

std::string texture(const RecheckContext& c) {
  static const std::map<std::string, std::string> meant = {
      {"in block chords struck all at once", "block chords"},
      {"in broken chords note by note", "broken chords"},
      {"bass on strong beats chords after it", "after-beats"},
      {"in short chords between the beats", "off-beat chords"},
      {"in long chords that are held", "sustained chords"},
      {"all voices move in one rhythm", "voices together"},
      {"one voice imitates another a little later", "canon"},
      {"there is one line without accompaniment", "melody alone"}};
  std::set<std::string> heard = textures_heard(c.record);
  if (heard.empty()) heard = {c.record.music.texture};  // no notes, or too few
  return judge(c.item, [&](const std::string& text) {
    const auto found = meant.find(normal_term(text));
    return found != meant.end() && heard.contains(found->second);
  });
}

std::string heard_or_labelled_rhythm(const Record& record) {
  const std::string heard = rhythm_heard(record);
  return heard.empty() && record.music.notes.empty() ? record.music.rhythm : heard;
}

std::string rhythm(const RecheckContext& c) {
  const std::string heard = heard_or_labelled_rhythm(c.record);
  return judge(c.item, [&](const std::string& text) { return normal_term(text) == heard; });
}
std::string is_rhythm(const RecheckContext& c) {
  const std::string heard = heard_or_labelled_rhythm(c.record);
  if (heard.empty()) return "the notes do not say";
  return judge_claim(c.item, [&](const std::string& text) { return normal_term(text) == heard; });
}

// The numbers of the beats that snare strokes fall on, leaving out what is rare.
std::string snare_beats(const RecheckContext& c) {
  std::map<int, double> share;
  double n = 0;
  for (const RecordNote& note : c.record.music.notes) {
    if (note.instrument != "drums" || (note.pitch != 38 && note.pitch != 40)) continue;
    for (const RecordBeat& beat : c.record.music.beats)
      if (std::abs(beat.at - note.start) < 0.04) share[beat.number] += 1, n += 1;
  }
  std::set<int> on;
  for (const auto& [number, hits] : share)
    if (hits > 0.1 * n) on.insert(number);
  return judge(c.item, [&](const std::string& text) {
    static const std::map<std::string, std::set<int>> meant = {{"on the second and fourth beats", {2, 4}},
                                                               {"on the first and third beats", {1, 3}},
                                                               {"on every beat", {1, 2, 3, 4}},
                                                               {"on the first beat only", {1}},
                                                               {"on the third beat only", {3}}};
    const auto found = meant.find(normal_term(text));
    return found != meant.end() && found->second == on;
  });
}

// How much harder each player strikes in the last third than in the first, on the mean.
std::optional<double> harder(const Record& record) {
  std::map<std::string, std::array<double, 4>> sums;  // by player: sum and number, early and late
  double length = 0;                                  // of the beginnings: the last note may ring for long
  for (const RecordNote& note : record.music.notes) length = std::max(length, note.start);
  for (const RecordNote& note : record.music.notes) {
    if (!note.velocity || length <= 0) continue;
    auto& sum = sums.try_emplace(note.instrument, std::array<double, 4>{}).first->second;
    const std::size_t at = note.start < length / 3 ? 0 : note.start > 0.6 * length ? 2 : 4;
    if (at < 4) sum[at] += *note.velocity, sum[at + 1] += 1;
  }
  double total = 0;
  int n = 0;
  for (const auto& [player, sum] : sums)
    if (sum[1] > 0 && sum[3] > 0) total += sum[2] / sum[3] - sum[0] / sum[1], ++n;
  return n == 0 ? std::nullopt : std::optional(total / n);
}

std::string loudness_change(const RecheckContext& c) {
  const auto step = harder(c.record);
  if (!step) return "how loud the notes are is not known";
  return judge(c.item, [&](const std::string& text) {
    const std::string term = normal_term(text);
    if (term.find("louder") != std::string::npos) return *step > 15;
    if (term.find("softer") != std::string::npos) return *step < -15;
    return term.find("same") != std::string::npos && std::abs(*step) < 8;
  });
}

}  // namespace

RecheckTable playing_rechecks() {
  return {{"information.instrument", instrument},
          {"information.absent_instrument", absent_instrument},
          {"information.has_instrument", has_instrument},
          {"information.instrument_count", instrument_count},
          {"information.instrument_first", [](const RecheckContext& c) { return entry_at_end(c, true); }},
          {"information.instrument_last", [](const RecheckContext& c) { return entry_at_end(c, false); }},
          {"information.entry_order", entry_order},
          {"information.enters_before", enters_before},
          {"information.leaves", leaves},
          {"information.highest_part", highest_part},
          {"information.texture", texture},
          {"information.rhythm", rhythm},
          {"information.is_rhythm", is_rhythm},
          {"information.snare_beats", snare_beats},
          {"information.loudness_change", loudness_change}};
}

}  // namespace af2
