// Flags of every verb that reads clips with a model, and the loop over the clips they name.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "af2/cli/command.h"
#include "af2/core/json.h"
#include "af2/generate/engine.h"

namespace af2 {

struct ClipFlags {
  std::string model;
  std::vector<std::string> files, more_files;  // plain arguments, --audio
  bool recursive = false, json = false;
  double start_s = 0, duration_s = 0;
  int windows = 0, threads = 0;
  std::string channels, long_mode = "cut";
};

struct DecodingFlags {
  AnswerOptions answer;
  std::string preset;
  bool stream = false;
};

void add_clip_flags(CLI::App& verb, ClipFlags& flags);
void add_decoding_flags(CLI::App& verb, DecodingFlags& flags);
// `--preset released` and the model's own limits, where the flags were not given.
void settle_decoding(const CLI::App& verb, DecodingFlags& flags);
// Also takes every long flag from the environment: AF2_ARG_TOP_K for --top-k.
void take_flags_from_environment(CLI::App& verb);

Engine load_engine(const ClipFlags& flags);

// A clip read and heard, with the warnings of decoder and window cap.
struct HeardClip {
  std::string path;
  Clip clip;
  WindowReport report;
  std::vector<std::string> warnings;
};

// Paths in order: plain arguments, then --audio; a folder gives its files by name (-r: below it too). "-" is
// stdin. Throws kUser when there is none.
std::vector<std::string> list_clips(const ClipFlags& flags);
// Decodes one clip as the flags say; `refuse` throws kData for a clip beyond the window cap.
HeardClip read_clip(const Engine& engine, const ClipFlags& flags, const std::string& path);
// The "audio" object of interfaces.md section 1.
Json audio_json(const HeardClip& heard, const ClipFlags& flags);
// A notice on stderr for each warning word.
void tell_warnings(const HeardClip& heard, const std::vector<std::string>& more);

// Calls `body` for each clip. With several clips a failed one is reported (stderr, and a JSON line) and the
// others go on: exit code 4; a single clip's error is thrown. With --json ends with the summary line.
int for_each_clip(const ClipFlags& flags,
                  const std::function<void(int index, const std::string& path)>& body);

// "1,2,3" -> ids. Throws kUser.
std::vector<int> parse_token_list(const std::string& text);

// Writes one line to stdout and flushes. Ends the program quietly with 0 when the reader has gone.
void print_line(const std::string& text);
void print_raw(std::string_view text);
// Newlines and tabs as \n and \t, for one-line answers beside a path.
std::string one_line(const std::string& text);

}  // namespace af2
