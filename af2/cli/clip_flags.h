// Flags of every verb that reads clips with a model, and the loop over the clips they name.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "af2/cli/clip_list.h"
#include "af2/cli/command.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/generate/engine.h"

namespace af2 {

struct DecodingFlags {
  AnswerOptions answer;
  std::string preset;
  bool stream = false;
  std::string out;
  std::vector<std::string> logit_bias;
  std::string grammar_file, json_schema;
  bool model_length = true;  // without -n: as long as the model's config says
};

void add_clip_flags(CLI::App& verb, ClipFlags& flags);
// --device, --gpu-layers and --dtype, which is one of `types`.
void add_device_flags(CLI::App& verb, ClipFlags& flags,
                      const std::vector<std::string>& types = {"f32", "bf16", "auto"});
void add_decoding_flags(CLI::App& verb, DecodingFlags& flags);
void add_contrast_flag(CLI::App& verb, ClipFlags& flags);
// `--preset released`, where the flags were not given; --grammar-file or --json-schema read. Throws kUser for
// flags that do not go together and a grammar or schema that is none, kData for a file that cannot be read.
void settle_decoding(const CLI::App& verb, DecodingFlags& flags);
// What needs the model: its own limit of an answer, and the tokens of --logit-bias. Throws kUser.
AnswerOptions answer_options(const Engine& engine, const DecodingFlags& flags);
// Also takes every long flag from the environment: AF2_ARG_TOP_K for --top-k.
void take_flags_from_environment(CLI::App& verb);

// Throws kUser for values that no clip can have.
void check_clip_flags(const ClipFlags& flags);
// A notice on stderr where the licence is non-commercial.
void tell_licence(const std::string& licence);
// `language_alone`: a model that hears nothing will do.
Engine load_engine(const ClipFlags& flags, bool language_alone = false);
// "cpu", or "cuda:0 (12 of 36 layers)": for people.
std::string device_text(const Engine& engine);

// A clip read and heard, with the warnings of decoder and window cap.
struct HeardClip {
  std::string path;
  double start_s = 0;
  Clip clip;
  WindowReport report;
  std::vector<std::string> warnings;
};

// Decodes one clip, or several as one, with --start, --duration and --channels.
HeardClip decode_clip(DecodeOptions options, const ClipFlags& flags, const ClipItem& item);
// The same for a model's windows: `refuse` throws kData for a clip beyond the window cap. Without a cap
// all of it is read, for verbs that hear it in stretches.
enum class Cap { kModel, kNone };
HeardClip read_clip(const Engine& engine, const ClipFlags& flags, const ClipItem& item,
                    Cap cap = Cap::kModel);
// The "audio" object of interfaces.md section 1.
Json audio_json(const HeardClip& heard);
// A notice on stderr for each warning word.
void tell_warnings(const HeardClip& heard, const std::vector<std::string>& more);

// One clip of a batch. `print` says its results; left empty where it failed.
struct ClipTask {
  int index = 0;
  const ClipItem* item = nullptr;
  std::optional<Error> failure = {};
  std::function<void()> print = {};

  bool failed() const { return failure.has_value(); }
  // Runs `work`; an error that is this clip's alone (unreadable, too long, no memory …) becomes its failure,
  // one of flags or model is thrown on.
  void attempt(const std::function<void()>& work);
};

// Calls `body` for up to `batch` clips at a time (with --join once, for all of them), then prints each in
// order. With several clips a failed one is reported (stderr, and a JSON line) and the others go on: exit
// code 4; a single clip's error gives its own code. With --json ends with the summary line.
int for_each_batch(const ClipFlags& flags, std::size_t batch,
                   const std::function<void(std::vector<ClipTask>& tasks)>& body);
// The same one by one; `body` prints.
int for_each_clip(const ClipFlags& flags, const std::function<void(int index, const ClipItem& item)>& body);

// "1,2,3" -> ids. Throws kUser.
std::vector<int> parse_token_list(const std::string& text);

}  // namespace af2
