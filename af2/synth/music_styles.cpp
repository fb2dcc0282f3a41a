#include "af2/synth/music_styles.h"

#include "af2/core/error.h"
#include "af2/synth/music_plan.h"

namespace af2 {
namespace {

using Names = std::vector<std::string>;

MusicStyle named(const char* name, const char* genre) {
  MusicStyle style;
  style.name = name, style.genre = genre;
  return style;
}

std::vector<MusicStyle> make_styles() {
  std::vector<MusicStyle> all;

  MusicStyle classical = named("classical", "classical");
  classical.modes = {"major", "minor"}, classical.metres = {"2/4", "3/4", "4/4", "6/8"};
  classical.min_tempo = 60, classical.max_tempo = 152;
  classical.textures = {"broken chords", "block chords", "broken chords"};
  classical.rhythm = "straight", classical.half_bars = true;
  classical.roles = {
      {"melody", {"violin", "flute", "oboe", "clarinet", "trumpet", "piano", "French horn", "recorder"}},
      {"chords", {"piano", "harpsichord", "harp", "string ensemble", "pizzicato strings"}},
      {"bass", {"cello", "bassoon", "double bass"}}};
  all.push_back(classical);

  MusicStyle waltz = named("waltz", "waltz");
  waltz.modes = {"major", "minor"}, waltz.metres = {"3/4"};
  waltz.min_tempo = 126, waltz.max_tempo = 184;
  waltz.textures = {"after-beats"}, waltz.drums = "", waltz.rhythm = "straight";
  waltz.roles = {{"melody", {"violin", "clarinet", "flute", "accordion", "celesta"}},
                 {"chords", {"piano", "accordion", "pizzicato strings", "harp"}},
                 {"bass", {"double bass", "tuba", "cello"}}};
  all.push_back(waltz);

  MusicStyle march = named("march", "march");
  march.modes = {"major"}, march.metres = {"2/4", "4/4"};
  march.min_tempo = 104, march.max_tempo = 128;
  march.textures = {"after-beats"}, march.drums = "march", march.rhythm = "straight";
  march.roles = {{"melody", {"trumpet", "piccolo", "flute", "clarinet"}},
                 {"chords", {"French horn", "brass section", "trombone"}},
                 {"drums", {"drums"}},
                 {"bass", {"tuba"}}};
  all.push_back(march);

  MusicStyle pop = named("pop", "pop");
  pop.modes = {"major", "minor"}, pop.metres = {"4/4"}, pop.min_tempo = 80, pop.max_tempo = 132;
  pop.loops = {{"major",
                {{"I", "V", "vi", "IV"},
                 {"vi", "IV", "I", "V"},
                 {"I", "vi", "IV", "V"},
                 {"I", "IV", "vi", "V"},
                 {"I", "iii", "IV", "V"}}},
               {"minor", {{"i", "VI", "III", "VII"}, {"i", "VI", "iv", "V"}, {"i", "iv", "VI", "V"}}}};
  pop.textures = {"block chords", "broken chords"}, pop.drums = "backbeat", pop.rhythm = "straight";
  pop.roles = {{"chords", {"electric piano", "piano", "acoustic guitar", "electric guitar"}},
               {"drums", {"drums"}},
               {"melody", {"synth lead", "flute", "saxophone", "violin", "vibraphone", "pan flute"}},
               {"bass", {"bass guitar"}},
               {"pad", {"synth pad", "string ensemble", "choir"}}};
  all.push_back(pop);

  MusicStyle rock = named("rock", "rock");
  rock.modes = {"major", "minor", "mixolydian"}, rock.metres = {"4/4"}, rock.min_tempo = 108,
  rock.max_tempo = 168;
  rock.loops = {{"mixolydian", {{"I", "VII", "IV", "I"}, {"I", "IV", "VII", "I"}}},
                {"major", {{"I", "IV", "V", "IV"}, {"I", "V", "IV", "V"}, {"I", "IV", "I", "V"}}},
                {"minor", {{"i", "VII", "VI", "VII"}, {"i", "VI", "VII", "i"}, {"i", "III", "VII", "VI"}}}};
  rock.textures = {"block chords"}, rock.drums = "backbeat", rock.rhythm = "straight";
  rock.roles = {{"chords", {"distorted guitar"}},
                {"drums", {"drums"}},
                {"bass", {"bass guitar"}},
                {"melody", {"electric organ", "synth lead", "electric guitar"}}};
  all.push_back(rock);

  MusicStyle blues = named("blues", "blues");
  blues.modes = {"major"}, blues.metres = {"4/4"}, blues.min_tempo = 88, blues.max_tempo = 152;
  blues.loops = {{"major",
                  {{"I7", "I7", "I7", "I7", "IV7", "IV7", "I7", "I7", "V7", "IV7", "I7", "I7"},
                   {"I7", "IV7", "I7", "I7", "IV7", "IV7", "I7", "I7", "V7", "IV7", "I7", "I7"}}}};
  blues.textures = {"block chords"}, blues.drums = "shuffle", blues.rhythm = "swung";
  blues.walking = true, blues.named_key = false, blues.min_bars = 12;
  blues.roles = {{"chords", {"piano", "electric organ", "electric guitar"}},
                 {"melody", {"harmonica", "saxophone", "electric guitar", "trumpet"}},
                 {"bass", {"double bass", "bass guitar"}},
                 {"drums", {"drums"}}};
  all.push_back(blues);

  MusicStyle jazz = named("jazz", "jazz");
  jazz.modes = {"major", "minor"}, jazz.metres = {"4/4"}, jazz.min_tempo = 100, jazz.max_tempo = 176;
  jazz.loops = {
      {"major",
       {{"ii7", "V7", "Imaj7", "Imaj7"}, {"Imaj7", "vi7", "ii7", "V7"}, {"iii7", "vi7", "ii7", "V7"}}},
      {"minor", {{"iim7b5", "V7", "i7", "i7"}, {"i7", "VImaj7", "iim7b5", "V7"}}}};
  jazz.textures = {"block chords"}, jazz.drums = "ride", jazz.rhythm = "swung", jazz.walking = true;
  jazz.roles = {{"chords", {"piano", "electric guitar", "vibraphone"}},
                {"bass", {"double bass"}},
                {"drums", {"drums"}},
                {"melody", {"saxophone", "trumpet", "clarinet", "trombone"}}};
  all.push_back(jazz);

  MusicStyle folk = named("folk", "folk");
  folk.modes = {"major", "dorian", "mixolydian"}, folk.metres = {"2/4", "3/4", "4/4", "6/8"};
  folk.min_tempo = 84, folk.max_tempo = 144;
  folk.loops = {{"major", {{"I", "IV", "I", "V"}, {"I", "V", "IV", "I"}, {"I", "I", "IV", "V"}}},
                {"dorian", {{"i", "VII", "i", "IV"}, {"i", "IV", "VII", "i"}}},
                {"mixolydian", {{"I", "VII", "IV", "I"}, {"I", "VII", "I", "IV"}}}};
  folk.textures = {"broken chords", "block chords"}, folk.rhythm = "straight";
  folk.roles = {{"melody", {"violin", "accordion", "recorder", "harmonica", "banjo", "flute", "bagpipes"}},
                {"chords", {"acoustic guitar", "harp", "accordion"}},
                {"bass", {"double bass"}}};
  all.push_back(folk);

  MusicStyle ambient = named("ambient", "ambient");
  ambient.modes = {"major", "minor", "dorian"}, ambient.metres = {"4/4", "3/4"};
  ambient.min_tempo = 52, ambient.max_tempo = 76;
  ambient.loops = {{"major", {{"Imaj7", "IVmaj7"}, {"I", "vi", "IV", "vi"}}},
                   {"minor", {{"i7", "VImaj7"}, {"i", "VI", "iv", "VI"}}},
                   {"dorian", {{"i7", "IV"}, {"i", "IV", "VII", "IV"}}}};
  ambient.textures = {"sustained chords"};
  ambient.roles = {
      {"chords", {"synth pad", "string ensemble", "choir"}},
      {"melody", {"vibraphone", "celesta", "pan flute", "kalimba", "music box", "tubular bells"}},
      {"bass", {"cello"}}};
  all.push_back(ambient);

  MusicStyle reggae = named("reggae", "reggae");
  reggae.modes = {"major", "minor"}, reggae.metres = {"4/4"}, reggae.min_tempo = 68, reggae.max_tempo = 92;
  reggae.loops = {{"major", {{"I", "IV"}, {"I", "V", "IV", "V"}}},
                  {"minor", {{"i", "iv"}, {"i", "VII", "VI", "VII"}}}};
  reggae.textures = {"off-beat chords"}, reggae.drums = "one drop", reggae.rhythm = "straight";
  reggae.roles = {{"chords", {"electric guitar", "electric organ", "piano"}},
                  {"bass", {"bass guitar"}},
                  {"drums", {"drums"}},
                  {"melody", {"saxophone", "trombone", "electric organ", "steel drum"}}};
  all.push_back(reggae);

  MusicStyle hymn = named("hymn", "hymn");
  hymn.modes = {"major", "minor"}, hymn.metres = {"3/4", "4/4"}, hymn.min_tempo = 63, hymn.max_tempo = 92;
  hymn.textures = {"voices together"}, hymn.half_bars = true;
  hymn.roles = {{"voices", {"church organ", "choir", "string ensemble", "brass section", "accordion"}}};
  all.push_back(hymn);

  // Whole families of four, the highest first.
  MusicStyle chorale = named("chorale", "classical");
  chorale.modes = {"major", "minor"}, chorale.metres = {"3/4", "4/4"};
  chorale.min_tempo = 60, chorale.max_tempo = 100;
  chorale.textures = {"voices together"}, chorale.half_bars = true;
  chorale.roles = {{"voice", {"violin", "trumpet", "flute"}},
                   {"voice", {"viola", "French horn", "clarinet"}},
                   {"voice", {"cello", "trombone", "bassoon"}}};
  all.push_back(chorale);

  MusicStyle canon = named("canon", "classical");
  canon.modes = {"major", "minor"}, canon.metres = {"4/4", "3/4"}, canon.min_tempo = 72,
  canon.max_tempo = 132;
  canon.loops = {{"major", {{"I", "vi", "IV", "V"}, {"I", "V", "vi", "V"}, {"I", "IV", "I", "V"}}},
                 {"minor", {{"i", "VI", "iv", "V"}, {"i", "iv", "i", "V"}}}};
  canon.textures = {"canon"}, canon.rhythm = "straight", canon.min_bars = 7;
  canon.roles = {{"canon", {"violin", "flute", "trumpet", "harpsichord", "recorder"}},
                 {"canon", {"oboe", "clarinet", "French horn", "vibraphone", "viola"}},
                 {"bass", {"cello", "bassoon"}},
                 {"canon", {"piano", "marimba", "harp", "church organ"}}};
  all.push_back(canon);

  MusicStyle tune = named("tune", "");
  tune.modes = {"major", "minor", "dorian", "mixolydian"}, tune.metres = {"2/4", "3/4", "4/4", "6/8"};
  tune.min_tempo = 56, tune.max_tempo = 168;
  tune.loops = {{"dorian", {{"i", "IV", "VII", "i"}, {"i", "VII", "IV", "i"}}},
                {"mixolydian", {{"I", "VII", "IV", "I"}, {"I", "IV", "VII", "I"}}}};
  tune.textures = {"block chords", "broken chords", "sustained chords", "after-beats"};
  tune.rhythm = "straight", tune.half_bars = true;
  Names melody, chords;
  for (const char* name :
       {"piano",   "electric piano", "celesta",   "glockenspiel",    "music box", "vibraphone",
        "marimba", "xylophone",      "harmonica", "acoustic guitar", "violin",    "viola",
        "cello",   "trumpet",        "trombone",  "French horn",     "saxophone", "oboe",
        "bassoon", "clarinet",       "piccolo",   "flute",           "pan flute", "synth lead",
        "sitar",   "banjo",          "kalimba",   "steel drum",      "recorder"})
    melody.push_back(name);
  for (const char* name : {"piano", "electric piano", "harpsichord", "electric organ", "accordion",
                           "acoustic guitar", "string ensemble", "harp", "choir", "marimba", "synth pad"})
    chords.push_back(name);
  tune.roles = {
      {"melody", melody}, {"chords", chords}, {"bass", {"double bass", "bass guitar", "tuba", "cello"}}};
  all.push_back(tune);
  return all;
}

}  // namespace

const std::vector<MusicStyle>& music_styles() {
  static const std::vector<MusicStyle> all = make_styles();
  return all;
}

std::vector<std::string> music_style_names() {
  Names names;
  for (const MusicStyle& style : music_styles()) names.push_back(style.name);
  return names;
}

const std::vector<std::string>& chords_after(const std::string& mode, const std::string& roman) {
  static const std::map<std::string, Names> of_major = {{"I", {"IV", "V", "vi", "ii", "V"}},
                                                        {"ii", {"V", "V", "IV"}},
                                                        {"iii", {"vi", "IV"}},
                                                        {"IV", {"V", "I", "ii"}},
                                                        {"V", {"I", "I", "vi"}},
                                                        {"vi", {"ii", "IV", "iii"}}};
  static const std::map<std::string, Names> of_minor = {{"i", {"iv", "V", "VI", "VII"}},
                                                        {"iidim", {"V"}},
                                                        {"III", {"VI", "iv"}},
                                                        {"iv", {"V", "i", "VII"}},
                                                        {"V", {"i", "i", "VI"}},
                                                        {"VI", {"iv", "iidim", "III"}},
                                                        {"VII", {"III", "i"}}};
  const auto& table = mode == "minor" ? of_minor : of_major;
  const auto found = table.find(roman);
  if (found == table.end()) throw internal_error("nothing follows " + roman + " in " + mode);
  return found->second;
}

const std::vector<std::string>& cadence_names() {
  static const Names all = {"authentic", "plagal", "half", "deceptive"};
  return all;
}

const std::vector<Progression>& cadences_of(const std::string& mode, const std::string& cadence) {
  static const std::map<std::string, std::vector<Progression>> of_major = {
      {"authentic", {{"V", "I"}, {"V7", "I"}}},
      {"plagal", {{"IV", "I"}}},
      {"half", {{"I", "V"}, {"ii", "V"}, {"IV", "V"}}},
      {"deceptive", {{"V", "vi"}, {"V7", "vi"}}}};
  static const std::map<std::string, std::vector<Progression>> of_minor = {
      {"authentic", {{"V", "i"}, {"V7", "i"}}},
      {"plagal", {{"iv", "i"}}},
      {"half", {{"i", "V"}, {"iv", "V"}}},
      {"deceptive", {{"V", "VI"}, {"V7", "VI"}}}};
  const auto& table = mode == "minor" ? of_minor : of_major;
  const auto found = table.find(cadence);
  if (found == table.end())
    throw user_error("is no cadence: " + cadence, "cadences", "write authentic, plagal, half or deceptive");
  return found->second;
}

}  // namespace af2
