// Pieces of music as a folder: sound files and records, made in parallel, in parts that stay when the run is
// cut (docs/spec/data.md sections 5 and 8).
//
// OUT/audio/NNNNNN.wav, OUT/records.jsonl (what is true of each; written last), OUT/labels.tsv (the words for
// the instruments, as a sound bank has them), OUT/config.json (what was asked for), OUT/parts (finished
// parts). A rerun with the same settings does what is missing and ends in the same bytes as a run that was
// never cut; with others it is refused. Thread rule: one job a folder.
//
//   MusicJob job{.out = "music", .soundfont = "/usr/share/sounds/sf2/FluidR3_GM.sf2", .n = 1000};
//   const MusicJobResult result = run_music_job(job);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "af2/synth/music_render.h"

namespace af2 {

struct MusicJob {
  std::filesystem::path out, soundfont = {};
  MusicSpec spec = {};
  MusicSound sound = {};
  std::string format = "wav";                  // 16 bit; wav_float: 32 bit
  std::string licence = "", attribution = "";  // of the records; without a soundfont "CC0"
  std::int64_t n = 0, seed = 1;
  bool labels_only = false;
  int threads = 1;
  int part_items = 64;
};

struct MusicJobResult {
  std::int64_t made = 0;  // pieces that are done
  double seconds = 0;     // of music in them
  std::string stopped;    // why it stopped before its end; empty: it is whole
};

// Piece i is a function of spec, seed and i: plan_music() with "af2/music/1/SEED/i". Throws kUser (settings
// that cannot be, a folder of another job), kData (no soundfont), kResource.
MusicJobResult run_music_job(const MusicJob& job);
// The sound of some pieces of a finished job that was made with labels alone. What is there stays. Throws
// kUser for a number that the job has not; else as run_music_job().
MusicJobResult render_pieces_of(const MusicJob& job, const std::vector<std::int64_t>& numbers);

}  // namespace af2
