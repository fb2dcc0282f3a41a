#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/synth/music_instruments.h"
#include "af2/synth/music_job.h"
#include "af2/synth/music_render.h"
#include "af2/synth/music_styles.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;

MusicPlan draw(const MusicSpec& spec, int i) {
  Random rng("af2/test/music/" + std::to_string(i));
  MusicPlan plan = plan_music(spec, rng);
  plan.id = "m" + std::to_string(i);
  return plan;
}

std::set<int> classes_of(const MusicChord& chord) {
  return {chord.tones.begin(), chord.tones.end()};
}

TEST(MusicTheory, ChordsOfKeysAreSpelledAsTheKeySpellsThem) {
  EXPECT_EQ(chord_of({"C", "major"}, "V7").name, "G7");
  EXPECT_EQ(chord_of({"F", "major"}, "IV").name, "Bb");
  EXPECT_EQ(chord_of({"E", "major"}, "iii").name, "G#m");
  EXPECT_EQ(chord_of({"A", "minor"}, "V").name, "E");
  EXPECT_EQ(chord_of({"C", "minor"}, "VI").name, "Ab");
  EXPECT_EQ(chord_of({"D", "major"}, "bVII").name, "C");
  EXPECT_EQ(chord_of({"G", "mixolydian"}, "VII").name, "F");
  EXPECT_EQ(chord_of({"D", "minor"}, "iim7b5").name, "Em7b5");
  EXPECT_EQ(classes_of(chord_of({"Bb", "major"}, "ii7")), (std::set<int>{0, 3, 7, 10}));
  EXPECT_EQ(key_name(transposed({"A", "minor"}, 3)), "C minor");
  EXPECT_EQ(key_name(transposed({"B", "major"}, 7)), "F# major");
  EXPECT_THROW(pitch_class("H"), Error);
  EXPECT_THROW(scale_steps("lydian"), Error);
}

TEST(MusicInstruments, HaveNamesOfTheirOwnAndRangesThatHoldAnOctave) {
  std::set<std::string> names;
  for (const Instrument& instrument : instruments()) {
    EXPECT_TRUE(names.insert(instrument.name).second) << instrument.name;
    EXPECT_GE(instrument.high - instrument.low, 20) << instrument.name;
  }
  for (const MusicStyle& style : music_styles())
    for (const auto& [role, list] : style.roles)
      for (const std::string& name : list) EXPECT_NO_THROW(instrument_named(name)) << style.name;
  EXPECT_THROW(instrument_named("voilin"), Error);
}

// Every style in turn: form, ranges, order, and harmony that is really there.
TEST(MusicPlans, AreWellFormedInEveryStyle) {
  for (const std::string& style : music_style_names()) {
    MusicSpec spec;
    spec.styles = {style};
    spec.min_seconds = 12, spec.max_seconds = 60;
    for (int i = 0; i < 30; ++i) {
      const MusicPlan plan = draw(spec, i);
      SCOPED_TRACE(style + " " + std::to_string(i));
      EXPECT_EQ(plan.style, style);
      EXPECT_GE(plan.seconds(), spec.min_seconds);
      EXPECT_LE(plan.seconds(), spec.max_seconds);
      EXPECT_TRUE(std::is_sorted(plan.beats.begin(), plan.beats.end()));
      std::set<std::string> names;
      for (const MusicPart& part : plan.parts) EXPECT_TRUE(names.insert(part.instrument).second);
      ASSERT_FALSE(plan.notes.empty());
      for (const MusicNote& note : plan.notes) {
        const MusicPart& part = plan.parts.at(static_cast<std::size_t>(note.part));
        const Instrument& instrument = instrument_named(part.instrument);
        EXPECT_GE(note.pitch, instrument.low) << part.instrument;
        EXPECT_LE(note.pitch, instrument.high) << part.instrument;
        EXPECT_LT(note.start, note.end);
        EXPECT_LT(note.end, plan.end);
      }
      const Record record = record_of(plan);
      const bool chordal = std::any_of(plan.parts.begin(), plan.parts.end(), [](const auto& p) {
        return p.role == "chords" || p.role.starts_with("voice");
      });
      if (plan.parts.size() == 1 && plan.parts[0].role == "melody") {
        EXPECT_TRUE(record.music.genres.empty());
      }
      if (chordal) {
        EXPECT_GE(record.music.chords.size(), 2u);
      }
    }
  }
}

// What a record says is recomputed from its notes and beats.
TEST(MusicRecords, SayWhatTheNotesSay) {
  int staggered = 0, left = 0, tempo_changes = 0, key_changes = 0, loudness_changes = 0, cadences = 0;
  for (int i = 0; i < 400; ++i) {
    MusicSpec spec;
    spec.tempo_change_chance = spec.key_change_chance = spec.loudness_change_chance = 0.2;
    const MusicPlan plan = draw(spec, i);
    const Record record = record_of(plan);
    SCOPED_TRACE(plan.style + " " + std::to_string(i));
    const RecordMusic& music = record.music;
    // It reads back as it is written, and nothing in it has times that cannot be.
    Record again = record_from_json(parse_json(record_line(record), "line"), "line");
    EXPECT_EQ(record_line(again), record_line(record));
    RecordCounts counts;
    tidy(again, "again", counts);
    EXPECT_TRUE(counts.dropped.empty());
    // Entries.
    std::map<std::string, double> first;
    for (const RecordNote& note : music.notes) first.emplace(note.instrument, note.start);
    ASSERT_EQ(first.size(), music.instruments.size());
    for (const RecordEvent& event : record.events) EXPECT_EQ(first.at(event.label), event.onset);
    for (std::size_t k = 1; k < music.instruments.size(); ++k)
      EXPECT_LE(first.at(music.instruments[k - 1]), first.at(music.instruments[k]));
    staggered += first.size() > 2 && first.at(music.instruments[0]) + 1 <= first.at(music.instruments[1]) &&
                 first.at(music.instruments[1]) + 1 <= first.at(music.instruments[2]);
    left += std::any_of(record.events.begin(), record.events.end(),
                        [&](const auto& event) { return event.offset < *record.duration - 3; });
    // Tempo, by the mean distance of beats.
    if (music.tempo) {
      const double mean =
          (music.beats.back().at - music.beats.front().at) / static_cast<double>(music.beats.size() - 1);
      EXPECT_NEAR(60 / mean, *music.tempo, 0.01 * *music.tempo);
    }
    // Chords: their root and third sound.
    for (const RecordChord& chord : music.chords) {
      std::set<int> heard;
      for (const RecordNote& note : music.notes)
        if (note.instrument != kDrums && note.start < chord.end && note.end > chord.start)
          heard.insert(static_cast<int>(note.pitch) % 12);
      const std::size_t letters =
          chord.name.size() > 1 && (chord.name[1] == 'b' || chord.name[1] == '#') ? 2 : 1;
      const int root = pitch_class(chord.name.substr(0, letters));
      EXPECT_TRUE(heard.contains(root)) << chord.name;
      EXPECT_TRUE(heard.contains((root + 4) % 12) || heard.contains((root + 3) % 12)) << chord.name;
    }
    // Notes lie in the key, but for the leading tone of minor and borrowed chords.
    if (!music.key.empty()) {
      const std::vector<int> scale = scale_of(plan.bars[0].key);
      int in = 0, all = 0;
      for (const RecordNote& note : music.notes)
        if (note.instrument != kDrums)
          ++all,
              in += std::find(scale.begin(), scale.end(), static_cast<int>(note.pitch) % 12) != scale.end();
      EXPECT_GT(in, 0.75 * all);
    }
    if (!music.cadence.empty()) {
      ++cadences;
      ASSERT_GE(music.chords.size(), 2u);
      EXPECT_EQ(music.chords.back().name, plan.chords.back().chord.name);
    }
    for (const RecordChange& change : music.changes) {
      EXPECT_GT(change.at, 2);
      EXPECT_LT(change.at, *record.duration - 2);
      tempo_changes += change.kind == "tempo", key_changes += change.kind == "key",
          loudness_changes += change.kind == "loudness";
      EXPECT_FALSE(change.kind == "tempo" && music.tempo);
      EXPECT_FALSE(change.kind == "key" && !music.key.empty());
    }
    ASSERT_FALSE(record.captions.empty());
    for (const std::string& name : music.instruments)
      EXPECT_NE(record.captions[0].text.find(name), std::string::npos);
  }
  EXPECT_GT(staggered, 20);
  EXPECT_GT(left, 20);
  EXPECT_GT(tempo_changes, 10);
  EXPECT_GT(key_changes, 10);
  EXPECT_GT(loudness_changes, 10);
  EXPECT_GT(cadences, 100);
}

TEST(MusicRecords, ACanonIsOneVoiceAfterTheOther) {
  MusicSpec spec;
  spec.styles = {"canon"}, spec.min_seconds = 20, spec.max_seconds = 40;
  for (int i = 0; i < 10; ++i) {
    const MusicPlan plan = draw(spec, i);
    std::vector<std::vector<MusicNote>> voices;
    for (std::size_t part = 0; part < plan.parts.size(); ++part) {
      if (plan.parts[part].role != "canon") continue;
      voices.emplace_back();
      for (const MusicNote& note : plan.notes)
        if (note.part == static_cast<int>(part)) voices.back().push_back(note);
    }
    ASSERT_GE(voices.size(), 2u);
    for (std::size_t v = 1; v < voices.size(); ++v) {
      const std::int64_t later = voices[v][0].start - voices[0][0].start;
      EXPECT_GT(later, 250);  // a second
      const int higher = voices[v][0].pitch - voices[0][0].pitch;
      EXPECT_EQ(higher % 12, 0);
      for (std::size_t k = 0; k + 1 < voices[v].size(); ++k) {  // all but the held last note
        EXPECT_EQ(voices[v][k].pitch - voices[0][k].pitch, higher);
        EXPECT_NEAR(static_cast<double>(voices[v][k].start - voices[0][k].start), static_cast<double>(later),
                    3);
      }
    }
  }
}

TEST(MusicPlans, FollowTheirNameAlone) {
  EXPECT_EQ(record_line(record_of(draw({}, 3))), record_line(record_of(draw({}, 3))));
  EXPECT_NE(record_line(record_of(draw({}, 3))), record_line(record_of(draw({}, 4))));
}

TEST(MusicPlans, MayBeFourSecondsOrMinutes) {
  MusicSpec spec;
  spec.min_seconds = 4, spec.max_seconds = 6;
  EXPECT_LE(draw(spec, 1).seconds(), 6);
  spec.min_seconds = 170, spec.max_seconds = 180;
  EXPECT_GE(draw(spec, 1).seconds(), 170);
}

TEST(MusicSpecs, ThatCannotBeMetAreErrors) {
  MusicSpec spec;
  spec.styles = {"waltz"}, spec.metres = {"4/4"};
  EXPECT_THROW(draw(spec, 0), Error);
  const auto problem = [](MusicSpec bad) -> std::string {
    try {
      draw(bad, 0);
    } catch (const Error& error) {
      return error.where() + ": " + error.problem();
    }
    return "";
  };
  EXPECT_EQ(problem({.styles = {"waltzes"}}), "styles: there is no waltzes");
  EXPECT_EQ(problem({.min_seconds = 9, .max_seconds = 8}),
            "min_seconds: must be above 0, and max_seconds not below it");
  EXPECT_NE(problem({.instruments = {"pianoforte"}}).find("instruments"), std::string::npos);
  EXPECT_NE(problem({.min_seconds = 2, .max_seconds = 2.2}).find("no piece meets the spec in 100 draws"),
            std::string::npos);
}

// ---- sound
// --------------------------------------------------------------------------------------------------

const fs::path kFont = "/usr/share/sounds/sf2/TimGM6mb.sf2";

class MusicSounds : public testing::Test {
 protected:
  void SetUp() override {
#ifndef AF2_WITH_FLUIDSYNTH
    EXPECT_THROW(MusicRenderer{kFont}, Error);
    GTEST_SKIP() << "this build has no FluidSynth";
#endif
    if (!fs::exists(kFont)) GTEST_SKIP() << kFont << " is not there: install timgm6mb-soundfont";
  }
};

// A piece of single notes of one instrument.
MusicPlan single_notes(const std::string& instrument, int pitch) {
  MusicPlan plan;
  plan.id = "notes";
  plan.parts = {{instrument, "melody", 0, 1}};
  for (int i = 0; i < 5; ++i) plan.notes.push_back({0, 100 + 251 * i, 100 + 251 * i + 100, pitch, 100});
  plan.end = 1500;
  return plan;
}

// Where 1 ms of sound first rises over a tenth of the loudest, after 0.6 s below it.
std::vector<double> onsets_of(const std::vector<float>& x, int rate) {
  const int hop = rate / 1000;
  float loudest = 0;
  std::vector<float> peaks;
  for (std::size_t i = 0; i + static_cast<std::size_t>(hop) <= x.size(); i += static_cast<std::size_t>(hop)) {
    float peak = 0;
    for (int k = 0; k < hop; ++k) peak = std::max(peak, std::abs(x[i + static_cast<std::size_t>(k)]));
    peaks.push_back(peak), loudest = std::max(loudest, peak);
  }
  std::vector<double> onsets;
  for (std::size_t i = 0; i < peaks.size(); ++i)
    if (peaks[i] > 0.1f * loudest && (onsets.empty() || static_cast<double>(i) / 1000 - onsets.back() > 0.6))
      onsets.push_back(static_cast<double>(i) / 1000);
  return onsets;
}

TEST_F(MusicSounds, NotesBeginWhereTheyAreWritten) {
  const MusicRenderer renderer(kFont);
  for (const auto& [instrument, pitch] :
       std::map<std::string, int>{{"xylophone", 84}, {kDrums, 37}, {"marimba", 72}})
    for (const int rate : {16000, 44100, 48000}) {
      const std::vector<float> x = renderer.render(single_notes(instrument, pitch), {.rate_hz = rate});
      EXPECT_EQ(x.size(), static_cast<std::size_t>(6 * rate));
      const std::vector<double> onsets = onsets_of(x, rate);
      ASSERT_EQ(onsets.size(), 5u) << instrument << " " << rate;
      for (int i = 0; i < 5; ++i)
        EXPECT_NEAR(onsets[static_cast<std::size_t>(i)], (100 + 251 * i) * kMusicStep_s, 0.010) << instrument;
    }
}

TEST_F(MusicSounds, AreTheSameWhateverWasRenderedBefore) {
  const MusicRenderer renderer(kFont);
  const MusicPlan a = draw({.max_seconds = 10}, 1), b = draw({.max_seconds = 10}, 2);
  const std::vector<float> first = renderer.render(b, {});
  renderer.render(a, {});
  EXPECT_EQ(renderer.render(b, {}), first);
  std::vector<float> elsewhere;
  std::thread([&] { elsewhere = MusicRenderer(kFont).render(b, {}); }).join();
  EXPECT_EQ(elsewhere, first);
  std::size_t pieces = 0, n = 0;
  renderer.render(b, {}, [&](std::span<const float> piece) { ++pieces, n += piece.size(); });
  EXPECT_EQ(n, first.size());
  EXPECT_GT(pieces, 10u);
  EXPECT_EQ(renderer.render(b, {.rate_hz = 16000, .channels = 2}).size(), 2 * first.size());
}

TEST_F(MusicSounds, EveryInstrumentIsHeard) {
  const MusicRenderer renderer(kFont);
  std::vector<std::string> names = {kDrums};
  for (const Instrument& instrument : instruments()) names.push_back(instrument.name);
  for (const std::string& name : names) {
    const Instrument& instrument = instrument_named(name);
    MusicPlan plan = single_notes(name, name == kDrums ? 38 : (instrument.low + instrument.high) / 2);
    for (MusicNote& note : plan.notes) note.velocity = 92 + instrument.level;
    const std::vector<float> x = renderer.render(plan, {});
    double energy = 0;
    for (const float v : x) energy += static_cast<double>(v) * v;
    const double level = 10 * std::log10(energy / static_cast<double>(x.size()) + 1e-12);
    EXPECT_GT(level, -50) << name;
    EXPECT_LT(level, -10) << name;
  }
}

TEST_F(MusicSounds, LouderSectionsAreLouderAndPeaksAreLimited) {
  const MusicRenderer renderer(kFont);
  MusicSpec spec;
  spec.styles = {"hymn"}, spec.loudness_change_chance = 1,
  spec.tempo_change_chance = spec.key_change_chance = 0;
  spec.min_seconds = 28;
  int seen = 0;
  for (int i = 0; i < 6; ++i) {
    const MusicPlan plan = draw(spec, i);
    if (plan.changes.empty()) continue;
    ++seen;
    const std::vector<float> x = renderer.render(plan, {});
    const auto level = [&](double from, double to) {
      double energy = 0;
      for (auto k = static_cast<std::size_t>(from * 16000); k < static_cast<std::size_t>(to * 16000); ++k)
        energy += static_cast<double>(x[k]) * x[k];
      return 10 * std::log10(energy / (to - from) + 1e-12);
    };
    const RecordChange& change = plan.changes[0];
    const double step = level(change.at + 0.5, change.at + 4) - level(change.at - 4, change.at);
    EXPECT_GT(change.to == "loud" ? step : -step, 4) << i;
  }
  EXPECT_GT(seen, 2);
  std::vector<float> x = {0.5f, -2.0f};
  EXPECT_FLOAT_EQ(limit_peak(x), 0.49f);
  EXPECT_FLOAT_EQ(x[1], -0.98f);
}

// ---- folders
// ------------------------------------------------------------------------------------------------

std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  return files;
}

class Folder {
 public:
  explicit Folder(const std::string& name) : path(fs::temp_directory_path() / ("af2_music_" + name)) {
    fs::remove_all(path);
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

TEST(MusicJobs, GiveTheSameBytesAtAnyThreadCountAndAfterACut) {
  const Folder one("one"), two("two");
  MusicJob job{.out = one.path};
  job.labels_only = true, job.n = 20, job.part_items = 6, job.seed = 5;
  const MusicJobResult result = run_music_job(job);
  EXPECT_EQ(result.made, 20);
  EXPECT_GT(result.seconds, 20 * 8);
  job.out = two.path, job.threads = 3;
  run_music_job(job);
  const auto all = files_of(one.path);
  EXPECT_EQ(files_of(two.path), all);
  const Vocabulary words(read_label_table(one.path / "labels.tsv"));
  EXPECT_EQ(words.at(words.find("oboe")).sentence, "an oboe plays");
  EXPECT_EQ(words.at(words.find("drums")).phrase, "drums playing");
  // As if it had been killed between parts.
  fs::remove(two.path / "records.jsonl"), fs::remove(two.path / "parts/000001.json");
  run_music_job(job);
  EXPECT_EQ(files_of(two.path), all);
  job.seed = 6, job.spec.max_parts = 3;
  try {
    run_music_job(job);
    FAIL() << "other settings were taken";
  } catch (const Error& error) {
    EXPECT_NE(error.problem().find("seed (5 -> 6), spec.max_parts (5 -> 3)"), std::string::npos)
        << error.problem();
  }
  job.out = "", job.labels_only = false;
  EXPECT_THROW(run_music_job(job), Error);
}

TEST_F(MusicSounds, OfAFolderAreTheSameAtAnyThreadCount) {
  const Folder one("sound_one"), two("sound_two");
  MusicJob job{.out = one.path, .soundfont = kFont};
  job.n = 4, job.spec.max_seconds = 10, job.part_items = 4;
  run_music_job(job);
  job.out = two.path, job.threads = 2;
  run_music_job(job);
  const auto all = files_of(one.path);
  EXPECT_EQ(files_of(two.path), all);
  EXPECT_TRUE(all.contains("audio/000003.wav"));
  EXPECT_GT(all.at("audio/000003.wav").size(), 8u * 32000);
}

TEST_F(MusicSounds, OfSomePiecesComeLater) {
  const Folder whole("sound_whole"), labels("sound_labels");
  MusicJob job{.out = whole.path, .soundfont = kFont};
  job.n = 3, job.spec.max_seconds = 10;
  run_music_job(job);
  job.out = labels.path, job.labels_only = true;
  run_music_job(job);
  job.labels_only = false;
  EXPECT_EQ(render_pieces_of(job, {2}).made, 1);
  const auto all = files_of(whole.path), some = files_of(labels.path);
  EXPECT_EQ(some.at("audio/000002.wav"), all.at("audio/000002.wav"));
  EXPECT_EQ(some.at("records.jsonl"), all.at("records.jsonl"));
  EXPECT_FALSE(some.contains("audio/000001.wav"));
  EXPECT_THROW(render_pieces_of(job, {3}), Error);
}

TEST_F(MusicSounds, NeedASoundfontThatIsOne) {
  EXPECT_THROW(MusicRenderer("/nowhere.sf2"), Error);
  const fs::path path = fs::temp_directory_path() / "af2_not_a_soundfont.sf2";
  for (const std::string& bytes :
       {std::string("RIFFxxxxsfbk"), std::string(), std::string("RIFF\x04\0\0\0WAVE", 12),
        std::string("RIFF\x04\0\0\0sfbk", 12)}) {
    std::ofstream(path, std::ios::binary) << bytes;
    EXPECT_THROW(MusicRenderer{path}, Error);
  }
  fs::remove(path);
}

}  // namespace
}  // namespace af2
