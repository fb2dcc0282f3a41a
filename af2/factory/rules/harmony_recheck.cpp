#include <algorithm>
#include <cmath>
#include <map>

#include "af2/data/text_terms.h"
#include "af2/factory/rules/music_recheck.h"

namespace af2 {
namespace {

const RecordMusic& music_of(const RecheckContext& c) {
  return c.record.music;
}

TextTest is_chord(const ToneSet& wanted) {
  return [wanted](const std::string& text) {
    const auto tones = tones_of_symbol(text);
    return tones && *tones == wanted;
  };
}
TextTest same_root(const ToneSet& wanted) {
  return [wanted](const std::string& text) { return root_of_symbol(text) == wanted.root; };
}

// Root and third of a chord are among the notes of its span, where the notes are all that is played: those of
// a melody alone say nothing against it.
std::string unheard(const Record& record, const SpanOfChord& span) {
  if (!record.all_labelled) return "";
  std::set<int> heard;
  for (const RecordNote& note : record.music.notes)
    if (note.instrument != "drums" && note.start < span.end - 0.01 && note.end > span.start + 0.01)
      heard.insert((static_cast<int>(std::lround(note.pitch)) - span.tones.root + 120) % 12);
  if (heard.empty()) return "";
  const bool third = heard.contains(span.tones.minor_third() ? 3 : 4);
  return heard.contains(0) && third ? "" : "the notes do not sound the chord";
}

std::string chord_beside(const RecheckContext& c, int step) {
  const auto given = tones_of_symbol(fact(c.item, "chord"));
  if (!given) return "names no chord that it starts from";
  if (c.item.question.find(fact(c.item, "chord")) == std::string::npos)
    return "the question is about another chord";
  const std::vector<SpanOfChord> spans = chord_spans(c.record);
  const SpanOfChord* found = nullptr;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].tones != *given) continue;
    const std::size_t at = i + static_cast<std::size_t>(step);  // wraps below 0, past the end
    if (at >= spans.size()) continue;
    if (found && found->tones != spans[at].tones) return "the chord has more than one neighbour";
    const double gap = step > 0 ? spans[at].start - spans[i].end : spans[i].start - spans[at].end;
    if (gap > 0.2) return "there is a gap beside the chord";
    found = &spans[at];
  }
  if (!found) return "the chord has no neighbour there";
  if (const std::string problem = unheard(c.record, *found); !problem.empty()) return problem;
  return judge(c.item, is_chord(found->tones), same_root(found->tones));
}

std::string chord_moment(const RecheckContext& c) {
  const std::vector<SpanOfChord> spans = chord_spans(c.record);
  const std::string moment = fact(c.item, "moment");
  if (spans.empty()) return "no chords are known";
  const SpanOfChord* found = nullptr;
  if (moment == "start") {
    found = &spans.front();
    for (const std::string& player : all_players(c.record))
      if (const double first = first_sound(c.record, player); first >= 0 && first < found->start - 0.2)
        return "music begins before the first chord";
  } else if (moment == "end") {
    found = &spans.back();
  } else if (moment == "entry") {
    const double at = first_sound(c.record, fact(c.item, "instrument"));
    for (const SpanOfChord& span : spans)
      if (at >= span.start - 0.05 && at < span.end - 0.1) found = &span;
  }
  if (moment == "bar") {
    static const std::map<std::string, int> bars = {{"second", 2}, {"third", 3}, {"fourth", 4},
                                                    {"fifth", 5},  {"sixth", 6}, {"seventh", 7},
                                                    {"eighth", 8}};
    const auto wanted = bars.find(fact(c.item, "bar"));
    if (wanted == bars.end() || c.item.question.find(wanted->first) == std::string::npos)
      return "names no bar";
    double from = -1, to = -1;
    int bar = 0;
    for (const RecordBeat& beat : c.record.music.beats) {
      bar += beat.number == 1;
      if (bar == wanted->second && from < 0) from = beat.at;
      if (bar == wanted->second + 1 && to < 0) to = beat.at;
    }
    for (const SpanOfChord& span : spans)
      if (from >= 0 && to >= 0 && span.start < to - 0.05 && span.end > from + 0.05) {
        if (found) return "the bar has more than one chord";
        found = &span;
      }
  }
  if (!found) return "no chord sounds at that moment";
  if (const std::string problem = unheard(c.record, *found); !problem.empty()) return problem;
  return judge(c.item, is_chord(found->tones), same_root(found->tones));
}

std::string distinct_chords(const RecheckContext& c) {
  std::vector<ToneSet> kinds;
  for (const SpanOfChord& span : chord_spans(c.record))
    if (std::find(kinds.begin(), kinds.end(), span.tones) == kinds.end()) kinds.push_back(span.tones);
  if (kinds.empty()) return "no chords are known";
  return judge(c.item,
               [&](const std::string& text) { return normal_term(text) == std::to_string(kinds.size()); });
}

// The kind of chord that a text names.
std::set<int> kind_named(const std::string& text) {
  const auto has = [&](const char* word) { return text.find(word) != std::string::npos; };
  if (has("dominant seventh")) return {0, 4, 7, 10};
  if (has("major seventh")) return {0, 4, 7, 11};
  if (has("minor seventh")) return {0, 3, 7, 10};
  if (has("diminished")) return {0, 3, 6};
  if (has("augmented")) return {0, 4, 8};
  if (has("major triad")) return {0, 4, 7};
  return has("minor triad") ? std::set<int>{0, 3, 7} : std::set<int>{};
}

std::string chord_quality(const RecheckContext& c) {
  const std::vector<SpanOfChord> spans = chord_spans(c.record);
  if (spans.empty()) return "no chords are known";
  const std::set<int>& tones = spans.back().tones.over_root;
  // A chord that another one holds in full is near it.
  return judge(
      c.item, [&](const std::string& text) { return kind_named(text) == tones; },
      [&](const std::string& text) {
        const std::set<int> kind = kind_named(text);
        return !kind.empty() && (std::includes(tones.begin(), tones.end(), kind.begin(), kind.end()) ||
                                 std::includes(kind.begin(), kind.end(), tones.begin(), tones.end()));
      });
}

std::string chord_function(const RecheckContext& c) {
  const auto key = tonality_of(music_of(c).key);
  const std::vector<SpanOfChord> spans = chord_spans(c.record);
  const std::string place = fact(c.item, "place");
  if (!key || spans.empty() || (place != "first" && place != "last"))
    return "key, chords or place are not known";
  const ToneSet& chord = (place == "first" ? spans.front() : spans.back()).tones;
  const int degree = (chord.root - key->tonic + 12) % 12;
  return judge(c.item, [&](const std::string& text) {
    const std::string term = normal_term(text);
    if (term == "tonic") return degree == 0;
    if (term == "supertonic") return degree == 2;
    if (term == "mediant") return degree == (key->minor_third ? 3 : 4);
    if (term == "subdominant") return degree == 5;
    if (term == "dominant") return degree == 7;
    return term == "submediant" && degree == (key->minor_third ? 8 : 9);
  });
}

// Semitones over the tonic and whether it is minor, of a numeral; nothing for what is none.
std::optional<std::pair<int, bool>> numeral_value(const std::string& numeral, const Tonality& key) {
  static const std::map<std::string, int> steps = {{"i", 0}, {"ii", 1}, {"iii", 2}, {"iv", 3},
                                                   {"v", 4}, {"vi", 5}, {"vii", 6}};
  static const std::map<std::string, std::vector<int>> scales = {{"major", {0, 2, 4, 5, 7, 9, 11}},
                                                                 {"minor", {0, 2, 3, 5, 7, 8, 10}},
                                                                 {"dorian", {0, 2, 3, 5, 7, 9, 10}},
                                                                 {"mixolydian", {0, 2, 4, 5, 7, 9, 10}}};
  std::string low = numeral;
  for (char& letter : low) letter = static_cast<char>(std::tolower(letter));
  const auto step = steps.find(low);
  const auto scale = scales.find(key.mode);
  if (step == steps.end() || scale == scales.end()) return std::nullopt;
  return std::pair{scale->second[static_cast<std::size_t>(step->second)], low == numeral};
}

std::string progression(const RecheckContext& c) {
  const auto key = tonality_of(music_of(c).key);
  const std::vector<SpanOfChord> spans = chord_spans(c.record);
  if (!key || spans.size() < 4) return "key or chords are not known";
  return judge(c.item, [&](const std::string& text) {
    std::string rest = text;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t end = rest.find(" - ");
      const auto value = numeral_value(rest.substr(0, end), *key);
      const ToneSet& tones = spans[i].tones;
      if (!value || value->first != (tones.root - key->tonic + 12) % 12 ||
          value->second != tones.minor_third())
        return false;
      if ((end == std::string::npos) != (i == 3)) return false;
      rest = end == std::string::npos ? "" : rest.substr(end + 3);
    }
    return true;
  });
}

// The kind of cadence that the last two chords make; empty: none of the four.
std::string cadence_heard(const Record& record) {
  const auto key = tonality_of(record.music.key);
  const std::vector<SpanOfChord> spans = chord_spans(record);
  if (!key || spans.size() < 2 || (key->mode != "major" && key->mode != "minor")) return "";
  const auto degree = [&](const SpanOfChord& span) { return (span.tones.root - key->tonic + 12) % 12; };
  const int before = degree(spans[spans.size() - 2]), last = degree(spans.back());
  if (last == 7) return "half";
  if (last == 0 && before == 7) return "authentic";
  if (last == 0 && before == 5) return "plagal";
  return before == 7 && last == (key->minor_third ? 8 : 9) ? "deceptive" : "";
}

TextTest names_cadence(const std::string& heard) {
  return [heard](const std::string& text) {
    return (" " + normal_term(text) + " ").find(" " + heard + " cadence ") != std::string::npos ||
           normal_term(text) == heard;
  };
}

std::string cadence(const RecheckContext& c) {
  // A key that changed, or is not named, leaves the label alone to go by.
  std::string heard = cadence_heard(c.record);
  if (heard.empty() && music_of(c).key.empty()) heard = music_of(c).cadence;
  return heard.empty() ? "the last chords make no cadence" : judge(c.item, names_cadence(heard));
}

std::string is_cadence(const RecheckContext& c) {
  std::string heard = cadence_heard(c.record);
  if (heard.empty() && music_of(c).key.empty()) heard = music_of(c).cadence;
  return heard.empty() ? "the last chords make no cadence" : judge_claim(c.item, names_cadence(heard));
}

// ---- key, mode
// ----------------------------------------------------------------------------------------------

// Why notes speak against the labelled key; empty: they do not.
std::string key_problem(const RecheckContext& c, const Tonality& key) {
  const auto share = share_in_key(c.record, key);
  return share && *share < 0.7 ? "the notes do not lie in the key" : "";
}

TextTest is_key_of(const Tonality& key) {
  return [key](const std::string& text) {
    const auto other = tonality_of(text);
    return other && other->tonic == key.tonic && other->mode == key.mode;
  };
}

std::string key_of(const RecheckContext& c) {
  const auto key = tonality_of(music_of(c).key);
  if (!key) return "no key is known";
  if (const std::string problem = key_problem(c, *key); !problem.empty()) return problem;
  const auto share = share_in_key(c.record, *key);
  return judge(c.item, is_key_of(*key), [&](const std::string& text) {
    const auto other = tonality_of(text);
    const auto of_other = other ? share_in_key(c.record, *other) : std::nullopt;
    return of_other && share && *of_other > *share + 0.15;
  });
}

std::string is_key(const RecheckContext& c) {
  const auto key = tonality_of(music_of(c).key);
  if (!key) return "no key is known";
  const std::string problem = key_problem(c, *key);
  return problem.empty() ? judge_claim(c.item, is_key_of(*key)) : problem;
}

std::optional<bool> minor_third_named(const std::string& mode) {
  const auto key = tonality_of("C " + mode);
  return key ? std::optional(key->minor_third) : std::nullopt;
}

std::string mode(const RecheckContext& c) {
  const auto key = tonality_of(music_of(c).key);
  if (!key) return "no key is known";
  if (const std::string problem = key_problem(c, *key); !problem.empty()) return problem;
  return judge(
      c.item, [&](const std::string& text) { return normal_term(text) == key->mode; },
      [&](const std::string& text) { return minor_third_named(normal_term(text)) == key->minor_third; });
}

std::string is_mode(const RecheckContext& c) {
  const auto key = tonality_of(music_of(c).key);
  if (!key) return "no key is known";
  if (const std::string problem = key_problem(c, *key); !problem.empty()) return problem;
  const std::string claim = normal_term(fact(c.item, "claim"));
  if (claim != key->mode && minor_third_named(claim) == key->minor_third) return "the modes are too near";
  return judge_claim(c.item, [&](const std::string& text) { return normal_term(text) == key->mode; });
}

// ---- metre, tempo
// -------------------------------------------------------------------------------------------

// Beats of a bar by a time signature, and whether they divide in three.
std::optional<std::pair<int, bool>> beats_named(const std::string& metre) {
  static const std::map<std::string, std::pair<int, bool>> all = {
      {"2/4", {2, false}}, {"2/2", {2, false}}, {"3/4", {3, false}}, {"4/4", {4, false}}, {"5/4", {5, false}},
      {"6/8", {2, true}},  {"7/8", {7, false}}, {"9/8", {3, true}},  {"12/8", {4, true}}};
  const auto found = all.find(metre);
  return found == all.end() ? std::nullopt : std::optional(found->second);
}

std::string metre_problem(const RecheckContext& c) {
  const auto named = beats_named(music_of(c).metre);
  if (!named) return "no metre is known";
  int highest = 0, halves = 0, thirds = 0;
  const auto& beats = music_of(c).beats;
  for (const RecordBeat& beat : beats) highest = std::max(highest, beat.number);
  if (highest != 0 && highest != named->first && !(named->second && highest == 3 * named->first))
    return "the beats are counted to " + std::to_string(highest);
  for (const RecordNote& note : music_of(c).notes)
    for (std::size_t i = 0; i + 1 < beats.size(); ++i) {
      const double share = (note.start - beats[i].at) / (beats[i + 1].at - beats[i].at);
      if (share < 0.2 || share > 0.8) continue;
      halves += std::abs(share - 0.5) < 0.06,
          thirds += std::abs(share - 1.0 / 3) < 0.05 || std::abs(share - 2.0 / 3) < 0.05;
    }
  const bool swung = rhythm_heard(c.record) == "swung";
  if (highest == named->first && halves + thirds >= 8 && !swung && (thirds > halves) != named->second)
    return "the beats divide in another way";
  return "";
}

TextTest is_metre_of(const std::string& metre) {
  return [metre](const std::string& text) { return text == metre || text == metre + " time"; };
}

std::string metre(const RecheckContext& c) {
  if (const std::string problem = metre_problem(c); !problem.empty()) return problem;
  const auto named = beats_named(music_of(c).metre);
  return judge(c.item, is_metre_of(music_of(c).metre), [&](const std::string& text) {
    const auto other = beats_named(text);
    return other && other->second == named->second && other->first % 2 == 0 && named->first % 2 == 0;
  });
}

std::string is_metre(const RecheckContext& c) {
  if (const std::string problem = metre_problem(c); !problem.empty()) return problem;
  const auto named = beats_named(music_of(c).metre), other = beats_named(fact(c.item, "claim"));
  if (!other) return "claims no metre";
  if (fact(c.item, "claim") != music_of(c).metre && other->second == named->second && other->first % 2 == 0 &&
      named->first % 2 == 0)
    return "the metres are too near";
  return judge_claim(c.item, is_metre_of(music_of(c).metre));
}

std::string tempo_band(const RecheckContext& c) {
  const double step = beat_distance(c.record, 0, 1);
  if (step == 0 && !music_of(c).tempo) return "no tempo is known";
  const double bpm = step > 0 ? 60 / step : *music_of(c).tempo;
  if (music_of(c).tempo && std::abs(bpm - *music_of(c).tempo) > 0.06 * bpm) return "tempo and beats disagree";
  return judge(c.item, [&](const std::string& text) {
    const std::string term = normal_term(text);
    if (term.starts_with("slow")) return bpm < 76;
    if (term.starts_with("very fast")) return bpm > 159;
    if (term.starts_with("fast")) return bpm > 113 && bpm < 159;
    return term.find("walking pace") != std::string::npos && bpm > 76 && bpm < 113;
  });
}

std::string tempo_change(const RecheckContext& c) {
  const double early = beat_distance(c.record, 0, 0.3), late = beat_distance(c.record, 0.7, 1),
               middle = beat_distance(c.record, 0.35, 0.65);
  if (early == 0 || late == 0) return "too few beats are known";
  return judge(c.item, [&](const std::string& text) {
    const std::string term = normal_term(text);
    const double ratio = early / late;
    if (term.find("faster") != std::string::npos) return ratio > 1.1;
    if (term.find("slower") != std::string::npos) return ratio < 0.9;
    const bool same = ratio > 0.95 && ratio<1.05, wanders = middle> 0 && std::abs(middle / early - 1) > 0.1;
    return term.find("comes back") != std::string::npos
               ? same && wanders
               : same && !wanders && term.find("stays") != std::string::npos;
  });
}

std::string key_change(const RecheckContext& c) {
  int move = 0;
  for (const RecordChange& change : music_of(c).changes) {
    if (change.kind != "key") continue;
    const auto from = tonality_of(change.from), to = tonality_of(change.to);
    if (!from || !to) return "the keys are not known";
    move = (to->tonic - from->tonic + 12) % 12;
    const auto before = share_in_key(c.record, *from, 0, change.at),
               after = share_in_key(c.record, *to, change.at);
    if ((before && *before < 0.7) || (after && *after < 0.7))
      return "the notes do not follow the change of key";
  }
  if (!music_of(c).changes_known) return "whether the key changes is not known";
  return judge(c.item, [&](const std::string& text) {
    static const std::map<std::string, int> moves = {{"up by semitone", 1},      {"up by whole tone", 2},
                                                     {"up by minor third", 3},   {"up by fourth", 5},
                                                     {"down by whole tone", 10}, {"down by minor third", 9},
                                                     {"it stays in one key", 0}};
    std::string words;
    for (const std::string& word : words_of(text))
      if (word != "a") words += (words.empty() ? "" : " ") + word;
    const auto found = moves.find(words);
    return found != moves.end() && found->second == move;
  });
}

}  // namespace

RecheckTable harmony_rechecks() {
  return {{"information.chord_after", [](const RecheckContext& c) { return chord_beside(c, 1); }},
          {"information.chord_before", [](const RecheckContext& c) { return chord_beside(c, -1); }},
          {"information.chord_moment", chord_moment},
          {"information.distinct_chords", distinct_chords},
          {"information.chord_quality", chord_quality},
          {"information.chord_function", chord_function},
          {"information.progression", progression},
          {"information.cadence", cadence},
          {"information.is_cadence", is_cadence},
          {"information.key", key_of},
          {"information.is_key", is_key},
          {"information.mode", mode},
          {"information.is_mode", is_mode},
          {"information.metre", metre},
          {"information.is_metre", is_metre},
          {"information.tempo_band", tempo_band},
          {"information.tempo_change", tempo_change},
          {"information.key_change", key_change}};
}

}  // namespace af2
