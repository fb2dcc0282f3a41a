// Pieces of music whose every note is known: what plays, when, in which key, on which chords
// (docs/spec/data.md section 5).
//
// A plan is composed from a spec and named draws; record_of() says what is true of it, and render_music()
// (music_render.h) makes it sound. Harmony, forms and rhythms follow what each style is made of; words for
// styles and moods stand only where the construction bears them. Times are multiples of kMusicStep_s, so that
// notes begin on a block of the synthesiser and labels are exact. Not for pieces of others (MIDI files).
// Thread rule: plain values, free functions.
//
//   Random rng("af2/music/1/42/7");
//   const MusicPlan plan = plan_music(MusicSpec{}, rng);
//   const Record record = record_of(plan);   // record.music.key: "E minor"
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "af2/core/random.h"
#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/synth/music_theory.h"

namespace af2 {

inline constexpr double kMusicStep_s = 0.004;

struct MusicSpec {
  double min_seconds = 8, max_seconds = 30;  // of the clip, its end ringing out included
  // What may be drawn; empty: everything that there is.
  std::vector<std::string> styles = {}, modes = {}, metres = {}, cadences = {}, instruments = {};
  int min_parts = 1, max_parts = 5;
  int min_tempo = 48, max_tempo = 184;  // beats a minute
  double stagger_chance = 0.5;          // parts enter one after another
  double leave_chance = 0.25;           // a part falls silent before the end
  double tempo_change_chance = 0.12, key_change_chance = 0.12, loudness_change_chance = 0.15;

  template <class V>
  void visit(V& v) {
    v.field("min_seconds", min_seconds, "shortest piece, seconds");
    v.field("max_seconds", max_seconds, "longest piece, seconds");
    v.field("styles", styles, "styles to draw from (music_style_names); none: all");
    v.field("modes", modes, "major, minor, dorian, mixolydian; none: all");
    v.field("metres", metres, "2/4, 3/4, 4/4, 6/8; none: all");
    v.field("cadences", cadences, "of the end: authentic, plagal, half, deceptive; none: all");
    v.field("instruments", instruments, "instruments to draw from; none: all");
    v.field("min_parts", min_parts, "fewest instruments");
    v.field("max_parts", max_parts, "most instruments");
    v.field("min_tempo", min_tempo, "slowest, beats a minute");
    v.field("max_tempo", max_tempo, "fastest, beats a minute");
    v.field("stagger_chance", stagger_chance, "that instruments enter one after another");
    v.field("leave_chance", leave_chance, "that an instrument falls silent before the end");
    v.field("tempo_change_chance", tempo_change_chance, "that the tempo changes");
    v.field("key_change_chance", key_change_chance, "that the key changes");
    v.field("loudness_change_chance", loudness_change_chance, "that a section is louder or softer");
  }
};

// One note; times in steps of kMusicStep_s.
struct MusicNote {
  int part = 0;
  std::int64_t start = 0, end = 0;
  int pitch = 60, velocity = 90;  // MIDI
};

struct MusicPart {
  std::string instrument;
  std::string role;                  // melody, chords, bass, drums, pad, voice
  int enter_bar = 0, leave_bar = 0;  // plays in [enter_bar, leave_bar)
};

struct MusicBar {
  int tempo = 100;  // beats a minute
  MusicKey key;
  int loudness = 0;        // added to velocities
  std::int64_t start = 0;  // steps
};

struct MusicSpan {
  MusicChord chord;
  int bar = 0, beat = 0, beats = 0;  // from its bar's beat on, for so many
  std::int64_t start = 0, end = 0;   // steps
};

struct MusicPlan {
  std::string id;
  std::string style, genre;  // genre: empty where the style is no genre
  std::string metre, texture, rhythm, cadence;
  std::vector<std::string> moods;
  int beats_per_bar = 4;
  std::vector<MusicBar> bars;
  std::vector<MusicPart> parts;
  std::vector<MusicSpan> chords;    // as planned; which of them sound in full is the record's matter
  std::vector<MusicNote> notes;     // by start, then part, then pitch
  std::vector<std::int64_t> beats;  // steps
  std::vector<RecordChange> changes;
  std::int64_t end = 0;  // steps; the clip's length, its end ringing out included

  double seconds() const { return static_cast<double>(end) * kMusicStep_s; }
};

// Names that MusicSpec::styles may have.
std::vector<std::string> music_style_names();

// Composes a piece. Throws kUser for a spec that names what there is not, or that no piece meets in 100
// draws.
MusicPlan plan_music(const MusicSpec& spec, Random& rng);

// What is true of it, as a record: music (a chord stands there only while all its tones sound), events (when
// each instrument plays, all of them labelled) and captions by construction. Id and audio are plan.id and
// "audio/ID.wav" until the caller sets others.
Record record_of(const MusicPlan& plan);

// The words for the instruments as sounds, as labels of a vocabulary: "violin", "a violin playing", "a
// violin", "a violin plays". A folder of pieces has them as labels.tsv.
std::vector<LabelInfo> music_labels();

}  // namespace af2
