// What is true of a piece, as a record.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "af2/core/text_util.h"
#include "af2/synth/music_detail.h"
#include "af2/synth/music_instruments.h"

namespace af2 {
namespace {

constexpr double kEntryApart_s = 0.5;  // data.md section 2: onsets that are put in order

double seconds_of(std::int64_t step) {
  // Whole milliseconds, so that the text of a record is short and the same everywhere.
  return static_cast<double>(step * 4) / 1000;
}

const MusicStyle& style_of(const MusicPlan& plan) {
  const auto& all = music_styles();
  return *std::find_if(all.begin(), all.end(),
                       [&](const MusicStyle& style) { return style.name == plan.style; });
}

// The tones that make a chord what it is, all but the fifth, sound within its span, in parts that play
// harmony: what a melody alone suggests is no chord.
bool sounds(const MusicPlan& plan, const MusicSpan& span) {
  std::set<int> heard;
  for (const MusicNote& note : plan.notes) {
    const std::string& role = plan.parts[static_cast<std::size_t>(note.part)].role;
    if (role == "drums" || role == "melody") continue;
    const std::int64_t together = std::min(note.end, span.end) - std::max(note.start, span.start);
    if ((note.start >= span.start && note.start < span.end) || 2 * together >= span.end - span.start)
      heard.insert(note.pitch % 12);
  }
  for (std::size_t i = 0; i < span.chord.tones.size(); ++i)
    if (i != 2 && !heard.contains(span.chord.tones[i])) return false;
  return true;
}

std::string with_article(const std::string& instrument) {
  static const std::set<std::string> bare = {kDrums, "bagpipes", "tubular bells", "pizzicato strings"};
  if (bare.contains(instrument)) return instrument;
  return (std::string_view("aeiou").find(instrument[0]) != std::string_view::npos ? "an " : "a ") +
         instrument;
}

std::string list_of(const std::vector<std::string>& words) {
  if (words.size() < 2) return join(words, "");
  return join({words.begin(), words.end() - 1}, ", ") + " and " + words.back();
}

std::string tempo_word(double tempo) {
  if (tempo <= 76) return "slow";
  if (tempo >= 126) return "fast";
  return tempo >= 84 && tempo <= 112 ? "moderate" : "";
}

// One sentence on what it is, one on what happens in it.
void write_captions(const MusicPlan& plan, Record& record) {
  Random rng("af2/music/caption/1/" + plan.id);
  const RecordMusic& music = record.music;
  std::vector<std::string> players;
  for (const std::string& name : music.instruments) players.push_back(with_article(name));
  const std::string tempo = music.tempo ? tempo_word(*music.tempo) : "";
  std::vector<std::string> before;
  if (!music.moods.empty()) before.push_back(music.moods.front());
  if (!tempo.empty()) before.push_back(tempo);
  std::string kind = music.genres.empty() || plan.style == "canon" ? "piece" : music.genres.front();
  if (kind != "piece" && kind != "waltz" && kind != "march" && kind != "hymn") kind += " piece";
  if (plan.style == "canon") kind = "canon";
  std::string what = join(before, ", ") + (before.empty() ? "" : " ") + kind;
  what = (std::string_view("aeiou").find(what[0]) != std::string_view::npos ? "An " : "A ") + what;
  std::vector<std::string> facts;
  if (!music.key.empty()) facts.push_back("in " + music.key);
  if (rng.chance(0.5)) facts.push_back("in " + music.metre + " time");
  const std::string played =
      players.size() == 1 ? " played by " + players[0] + " alone" : " played by " + list_of(players);
  record.captions.push_back(
      {what + (facts.empty() ? "" : " " + join(facts, " and ")) + played + ".", 0, 0, "af2 music"});

  std::vector<std::string> happens;
  bool in_order = record.events.size() > 1;
  for (std::size_t i = 1; i < record.events.size(); ++i)
    in_order = in_order && record.events[i].onset - record.events[i - 1].onset >= kEntryApart_s;
  if (in_order) {
    std::vector<std::string> later(players.begin() + 1, players.end());
    happens.push_back(
        players[0] + (players[0] == record.music.instruments[0] ? " begin" : " begins") + " alone, and " +
        (later.size() == 1 ? later[0] + (later[0] == record.music.instruments[1] ? " join" : " joins")
                           : "then " + list_of(later) + " join one after another"));
  }
  for (const RecordChange& change : music.changes) {
    if (change.kind == "tempo")
      happens.push_back(std::string("the music becomes ") +
                        (std::stod(change.to) > std::stod(change.from) ? "faster" : "slower") + " midway");
    if (change.kind == "key") happens.push_back("the music moves to " + change.to + " midway");
    if (change.kind == "loudness")
      happens.push_back(std::string("the music becomes ") + (change.to == "loud" ? "louder" : "softer") +
                        " midway");
  }
  for (const MusicPart& part : plan.parts)
    if (part.leave_bar < static_cast<int>(plan.bars.size()))
      happens.push_back("the " + part.instrument +
                        (with_article(part.instrument) == part.instrument ? " fall" : " falls") +
                        " silent before the end");
  if (happens.empty()) return;
  std::string text = join(happens, "; ") + ".";
  text[0] = static_cast<char>(std::toupper(text[0]));
  record.captions.push_back({text, 0, 0, "af2 music"});
}

}  // namespace

Record record_of(const MusicPlan& plan) {
  Record record;
  record.id = plan.id, record.audio = "audio/" + plan.id + ".wav";
  record.duration = seconds_of(plan.end);
  record.all_labelled = true;
  record.source = "af2 music", record.group = "music " + plan.id;
  RecordMusic& music = record.music;
  music.metre = plan.metre, music.texture = plan.texture, music.moods = plan.moods;
  if (!plan.genre.empty()) music.genres = {plan.genre};
  for (const MusicPart& part : plan.parts) {
    double first = -1, last = 0;
    for (const MusicNote& note : plan.notes)
      if (&plan.parts[static_cast<std::size_t>(note.part)] == &part) {
        if (first < 0) first = seconds_of(note.start);
        last = std::max(last, seconds_of(note.end));
      }
    if (first >= 0) record.events.push_back({part.instrument, first, last});
  }
  std::stable_sort(record.events.begin(), record.events.end(),
                   [](const auto& a, const auto& b) { return a.onset < b.onset; });
  for (const RecordEvent& event : record.events) music.instruments.push_back(event.label);
  const auto changes = [&](const char* kind) {
    return std::any_of(plan.changes.begin(), plan.changes.end(),
                       [&](const auto& c) { return c.kind == kind; });
  };
  if (!changes("tempo")) music.tempo = plan.bars.front().tempo;
  music.changes = plan.changes, music.changes_known = true;
  for (RecordChange& change : music.changes) change.at = seconds_of(std::llround(change.at / kMusicStep_s));
  for (std::size_t i = 0; i < plan.beats.size(); ++i)
    music.beats.push_back({seconds_of(plan.beats[i]), static_cast<int>(i) % plan.beats_per_bar + 1});
  for (const MusicSpan& span : plan.chords) {
    if (!sounds(plan, span)) continue;
    const double start = seconds_of(span.start), end = seconds_of(span.end);
    if (!music.chords.empty() && music.chords.back().name == span.chord.name &&
        music.chords.back().end == start)
      music.chords.back().end = end;
    else
      music.chords.push_back({span.chord.name, start, end});
  }
  std::set<int> classes;
  int off_beats = 0;
  for (const MusicNote& note : plan.notes) {
    const std::string& instrument = plan.parts[static_cast<std::size_t>(note.part)].instrument;
    music.notes.push_back({instrument, seconds_of(note.start), seconds_of(note.end),
                           static_cast<double>(note.pitch), note.velocity});
    if (instrument != kDrums) classes.insert(note.pitch % 12);
    const auto beat = std::upper_bound(plan.beats.begin(), plan.beats.end(), note.start);
    if (beat != plan.beats.end()) {
      const double share =
          static_cast<double>(note.start - *(beat - 1)) / static_cast<double>(*beat - *(beat - 1));
      off_beats += share > 0.4 && share < 0.72;
    }
  }
  // Long chords beneath others would be a texture too.
  if (std::any_of(plan.parts.begin(), plan.parts.end(), [](const auto& part) { return part.role == "pad"; }))
    music.texture.clear();
  if (off_beats >= 6 && plan.metre != "6/8") music.rhythm = plan.rhythm;  // of so many eighths one can tell
  if (style_of(plan).named_key && classes.size() >= 5 && !changes("key"))
    music.key = key_name(plan.bars.front().key);
  const std::size_t n = music.chords.size();
  if (!plan.cadence.empty() && n >= 2 && music.chords[n - 2].end == music.chords[n - 1].start &&
      music.chords[n - 1].end == seconds_of(plan.chords.back().end))
    music.cadence = plan.cadence;
  write_captions(plan, record);
  return record;
}

std::vector<LabelInfo> music_labels() {
  std::vector<std::string> names = {kDrums};
  for (const Instrument& instrument : instruments()) names.push_back(instrument.name);
  std::vector<LabelInfo> labels;
  for (const std::string& name : names) {
    const std::string one = with_article(name);
    const std::string plays = one == name ? " play" : " plays";
    labels.push_back({name, one + " playing", one, one + plays, {}, "instrument", {}});
  }
  return labels;
}

}  // namespace af2
