// What is known of one clip, from whatever source: the one form that data generation starts from
// (docs/spec/data.md section 1).
//
// Times are seconds from the clip's start. Nothing here says how a source writes it down
// (af2/data/record_readers.h), and nothing is made of it (questions, scenes). Thread rule: plain values.
//
//   {"id":"yard","audio":"yard.wav","duration":9.5,"events":[{"label":"dog","onset":1.2,"offset":1.9}],
//    "captions":[{"text":"A dog barks twice."}],"source":"mine","licence":"CC0","group":"yard"}
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/bank.h"

namespace af2 {

struct RecordEvent {
  std::string label;
  double onset = 0, offset = 0;
  std::string role = "";  // "background", or nothing
  // dB, LKFS, Hz, seconds
  std::optional<double> snr = std::nullopt, level = std::nullopt, pitch = std::nullopt, reverb = std::nullopt;
  // Level of its last third over its first, dB, where the stem is known.
  std::optional<double> change = std::nullopt;
  std::string recording = "";  // the take: two events with one are the same sound twice
  std::string maker = "";      // who makes it, where a scene says so: "a church bell"
  std::string purpose = "";    // what it is for, where a scene says so: "to call people to a service"

  template <class V>
  void visit(V& v) {
    v.field("label", label, "what sounds");
    v.field("onset", onset, "seconds");
    v.field("offset", offset, "seconds");
    v.field("role", role, "background, or nothing");
    v.field("snr", snr, "dB over the background");
    v.field("level", level, "loudness, LKFS");
    v.field("pitch", pitch, "median of the fundamental, Hz");
    v.field("reverb", reverb, "reverberation time, seconds");
    v.field("change", change, "level of the last third over the first, dB");
    v.field("recording", recording, "the take it is");
    v.field("maker", maker, "who makes it");
    v.field("purpose", purpose, "what it is for");
  }
};

// A text about the clip or, with `end` above `start`, about a stretch of it.
struct RecordText {
  std::string text;
  double start = 0, end = 0;
  std::string origin;  // who wrote it

  template <class V>
  void visit(V& v) {
    v.field("text", text, "the text");
    v.field("start", start, "seconds");
    v.field("end", end, "seconds; 0: the whole clip");
    v.field("origin", origin, "who wrote it");
  }
};

struct RecordSpeech {
  std::string text;
  double start = 0, end = 0;
  std::string lang;
  double no_speech = 0;                  // probability that nobody speaks
  std::string voice = "", speaker = "";  // which voice; man, woman, child

  template <class V>
  void visit(V& v) {
    v.field("text", text, "the words");
    v.field("start", start, "seconds");
    v.field("end", end, "seconds");
    v.field("lang", lang, "language, ISO 639");
    v.field("no_speech", no_speech, "probability that nobody speaks");
    v.field("voice", voice, "which voice");
    v.field("speaker", speaker, "man, woman or child");
  }
};

struct RecordBeat {
  double at = 0;
  int number = 0;  // in its bar, from 1

  template <class V>
  void visit(V& v) {
    v.field("at", at, "seconds");
    v.field("number", number, "in its bar, from 1");
  }
};

struct RecordChord {
  std::string name;
  double start = 0, end = 0;

  template <class V>
  void visit(V& v) {
    v.field("name", name, "as C, Am7, G/B");
    v.field("start", start, "seconds");
    v.field("end", end, "seconds");
  }
};

struct RecordNote {
  std::string instrument;
  double start = 0, end = 0, pitch = 0;        // pitch: MIDI number
  std::optional<int> velocity = std::nullopt;  // how hard it is played, 1 to 127

  template <class V>
  void visit(V& v) {
    v.field("instrument", instrument, "who plays it");
    v.field("start", start, "seconds");
    v.field("end", end, "seconds");
    v.field("pitch", pitch, "MIDI number");
    v.field("velocity", velocity, "how hard it is played, 1 to 127");
  }
};

// What changes within a piece.
struct RecordChange {
  std::string kind;      // tempo, key, loudness
  double at = 0;         // seconds
  std::string from, to;  // "96" and "140" beats a minute; "C major" and "D major"; "soft" and "loud"

  template <class V>
  void visit(V& v) {
    v.field("kind", kind, "tempo, key or loudness");
    v.field("at", at, "seconds");
    v.field("from", from, "what it was");
    v.field("to", to, "what it becomes");
  }
};

struct RecordMusic {
  std::vector<std::string> genres, instruments, moods;
  std::optional<double> tempo;  // beats a minute
  std::string key;              // as "C major"
  std::string metre;            // as "3/4"
  std::string cadence;          // of its end: authentic, plagal, half, deceptive
  std::vector<RecordBeat> beats;
  std::vector<RecordChord> chords;
  std::vector<RecordNote> notes;
  // How the harmony is played: block chords, broken chords, after-beats, off-beat chords, sustained chords,
  // voices together, canon, melody alone.
  std::string texture;
  std::string rhythm;                 // swung or straight eighths
  std::vector<RecordChange> changes;  // all there are, where `changes_known`
  bool changes_known = false;

  template <class V>
  void visit(V& v) {
    v.field("genres", genres, "genres");
    v.field("instruments", instruments, "instruments");
    v.field("moods", moods, "moods");
    v.field("tempo", tempo, "beats a minute");
    v.field("key", key, "as C major");
    v.field("metre", metre, "as 3/4");
    v.field("cadence", cadence, "of its end: authentic, plagal, half, deceptive");
    v.field("beats", beats, "beats with their place in the bar");
    v.field("chords", chords, "chords");
    v.field("notes", notes, "notes");
    v.field("texture", texture, "how the harmony is played, as block chords");
    v.field("rhythm", rhythm, "swung or straight");
    v.field("changes", changes, "of tempo, key, loudness");
    v.field("changes_known", changes_known, "there are no other changes");
  }
};

// A stretch that has a place of its own: what a long scene is made of.
struct RecordPart {
  std::string name, place, mood, weather, time;  // name: of the recipe; time: of day
  std::string text;                              // what happens, one sentence
  double start = 0, end = 0;

  template <class V>
  void visit(V& v) {
    v.field("name", name, "of the recipe it was made by");
    v.field("place", place, "where it is");
    v.field("mood", mood, "how it feels");
    v.field("weather", weather, "the weather");
    v.field("time", time, "time of day");
    v.field("text", text, "what happens, one sentence");
    v.field("start", start, "seconds");
    v.field("end", end, "seconds");
  }
};

// How two events hang together.
struct RecordRelation {
  std::string kind;           // causes, answers, interrupts, stops
  int first = 0, second = 0;  // places in Record::events: first causes (answers, ...) second
  std::string text;           // "the dog barks because the doorbell rings"

  template <class V>
  void visit(V& v) {
    v.field("kind", kind, "causes, answers, interrupts or stops");
    v.field("first", first, "the event that does so, its place among the events");
    v.field("second", second, "the event it does so to");
    v.field("text", text, "the relation as a sentence");
  }
};

// What a scene's recipe knows beyond its sounds (docs/spec/data.md section 5). Empty where nothing is known.
struct RecordStory {
  std::string recipe, place, weather, time, mood;
  std::string plot;  // one sentence on the whole
  std::vector<RecordPart> parts;
  std::vector<RecordRelation> relations;

  template <class V>
  void visit(V& v) {
    v.field("recipe", recipe, "name of the recipe");
    v.field("place", place, "where it is");
    v.field("weather", weather, "the weather");
    v.field("time", time, "time of day");
    v.field("mood", mood, "how it feels");
    v.field("plot", plot, "what happens, one sentence");
    v.field("parts", parts, "stretches with a place of their own");
    v.field("relations", relations, "what causes what");
  }
};

struct Record {
  std::string id, audio;  // audio: a path, as the source gives it or found below the audio folder
  double start = 0;       // of the clip in its file, seconds
  std::optional<double> duration;
  std::vector<RecordEvent> events;                   // by onset
  std::vector<std::string> labels;                   // of the whole clip, without times
  std::vector<RecordText> captions, visual, action;  // the last two only correct the first
  std::vector<RecordSpeech> speech;
  RecordMusic music;
  RecordStory story;
  bool all_labelled = false;  // the events are all that sounds: what is not among them is absent
  std::string source, licence, attribution;
  std::string group;  // the original recording: splits never part one

  template <class V>
  void visit(V& v) {
    v.field("id", id, "unique in its file");
    v.field("audio", audio, "the clip's file");
    v.field("start", start, "of the clip in its file, seconds");
    v.field("duration", duration, "seconds");
    v.field("events", events, "what sounds when");
    v.field("labels", labels, "what sounds, without times");
    v.field("captions", captions, "texts about what is heard");
    v.field("visual", visual, "texts about what is seen");
    v.field("action", action, "texts about what is done");
    v.field("speech", speech, "what is said");
    v.field("music", music, "what is played");
    v.field("story", story, "what its recipe knows");
    v.field("all_labelled", all_labelled, "the events are all that sounds");
    v.field("source", source, "the set it comes from");
    v.field("licence", licence, "of the sound");
    v.field("attribution", attribution, "whom to name");
    v.field("group", group, "the original recording");
  }
};

// How many things were left out, by reason, and where the first of each was.
struct RecordCounts {
  std::map<std::string, std::int64_t> dropped;
  std::map<std::string, std::string> first;

  void drop(const std::string& reason, const std::string& where) {
    if (dropped[reason]++ == 0) first[reason] = where;
  }
  void add(const RecordCounts& more);
};

// One line of records.jsonl, without its end: what is not known is left out.
std::string record_line(const Record& record);
// Reads one. Throws kData naming `where` and the key: unknown key, wrong type, no id, no audio.
Record record_from_json(const Json& json, const std::string& where);

// Sorts events, texts about stretches, speech, beats, chords and notes by time and drops, counted, what
// cannot be: an end not behind its beginning, a negative time, a time more than 0.1 s past the clip's end
// (one less far is set to the end), an empty label or text. `where` names the record in the counts.
void tidy(Record& record, const std::string& where, RecordCounts& counts);

// The split of a group by its hash, the same in every run: `shares` of train, val and test.
struct SplitShares {
  double train = 0.8, val = 0.1, test = 0.1;

  template <class V>
  void visit(V& v) {
    v.field("train", train, "share of groups for training");
    v.field("val", val, "share for tuning");
    v.field("test", test, "share for tests");
  }
};
Split split_of_group(const std::string& group, const SplitShares& shares = {});

}  // namespace af2
