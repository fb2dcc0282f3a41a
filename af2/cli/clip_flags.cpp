#include "af2/cli/clip_flags.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "af2/cli/config_file.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/text/json_schema.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

int layers_on_gpu(const std::string& text) {
  if (text == "auto") return EngineOptions::kLayersFit;
  if (text == "all") return EngineOptions::kAllLayers;
  int n = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < 0)
    throw user_error("is no number of layers: \"" + text + "\"", "--gpu-layers",
                     "give 0 or more, all or auto");
  return n;
}

// The grammar that the answer must follow, where a flag names one.
void settle_grammar(const CLI::App& verb, DecodingFlags& flags) {
  const bool schema = verb.count("--json-schema") > 0, file = verb.count("--grammar-file") > 0;
  if (schema && file)
    throw user_error("--grammar-file and --json-schema exclude each other", "--json-schema");
  const std::string flag = schema ? "--json-schema" : file ? "--grammar-file" : "";
  if (flags.answer.beams > 1 && !flag.empty())
    throw user_error("does not go with " + flag, "--beams", "leave out one of them");
  if (flags.answer.beams > 1 && !flags.logit_bias.empty())
    throw user_error("does not go with --logit-bias", "--beams", "leave out one of them");
  if (flags.answer.ignore_eos && !flag.empty())
    throw user_error("does not go with " + flag, "--ignore-eos", "a grammar says where the answer ends");
  if (schema) {
    const bool named = flags.json_schema.starts_with("@");
    const std::string path = flags.json_schema.substr(named ? 1 : 0);
    flags.answer.grammar = std::make_shared<const Grammar>(
        grammar_of_json_schema(named ? read_file(path) : path, named ? path : flag));
  } else if (file) {
    flags.answer.grammar =
        std::make_shared<const Grammar>(Grammar::parse(read_file(flags.grammar_file), flags.grammar_file));
  }
}

}  // namespace

void check_clip_flags(const ClipFlags& flags) {
  if (flags.start_s < 0) throw user_error("must be 0 or more", "--start");
  if (flags.duration_s < 0) throw user_error("must be 0 or more", "--duration");
  if (flags.windows < 0) throw user_error("must be 0 or more", "--windows");
  if (flags.threads < 0) throw user_error("must be 0 or more", "-t");
  if (flags.contrast && !(*flags.contrast >= 0 && *flags.contrast <= 1000))
    throw user_error("must be from 0 to 1000", "--contrast");
}

void tell_licence(const std::string& licence) {
  if (licence.find("NC") != std::string::npos || licence.find("on-commercial") != std::string::npos ||
      licence.find("oncommercial") != std::string::npos)
    notice("licence of this model: {}", licence);
}

void add_clip_flags(CLI::App& verb, ClipFlags& flags) {
  verb.add_option("files", flags.files, "audio or video files, folders, or - for stdin");
  verb.add_option("--audio", flags.more_files, "the same; may be repeated");
  verb.add_flag("-r,--recursive", flags.recursive, "folders with all below them");
  verb.add_option(
      "-m,--model", flags.model,
      "model folder, published checkpoint or installed name; without it AF2_MODEL or the bundled one");
  verb.add_option(
      "--lm", flags.base_lm,
      "of a published checkpoint: folder of its base language model; without it looked for beside it");
  verb.add_option("--generation", flags.generation,
                  "of a published checkpoint whose files do not tell its release")
      ->check(CLI::IsMember({"2025-03", "2025-06"}));
  verb.add_option("--start", flags.start_s, "seconds into the file");
  verb.add_option("--duration", flags.duration_s, "seconds to hear; 0: to the end");
  verb.add_option("--windows", flags.windows, "cap of 10 s windows; 0: the model's");
  verb.add_option("--long", flags.long_mode,
                  "a clip beyond the cap: cut it and say so, refuse it, or scan: hear every stretch and "
                  "combine the answers")
      ->check(CLI::IsMember({"cut", "refuse", "scan"}));
  verb.add_option("--channels", flags.channels, "mean or first; without it the model's")
      ->check(CLI::IsMember({"mean", "first"}));
  verb.add_option("-t,--threads", flags.threads, "threads; 0: all cores");
  add_device_flags(verb, flags);
  verb.add_option("--manifest", flags.manifest, "a file of lines {\"path\", \"prompt\"}, or an AF2 manifest");
  verb.add_flag("--join", flags.join, "hear all clips as one, 0.5 s of silence between them");
  verb.add_flag("--json", flags.json, "one JSON object per line");
}

void add_device_flags(CLI::App& verb, ClipFlags& flags, const std::vector<std::string>& types) {
  verb.add_option("--device", flags.device,
                  "cpu (the default), cuda, cuda:N, or auto: a GPU if one can be used; af2 --list-devices");
  verb.add_option("--gpu-layers", flags.gpu_layers,
                  "layers of the language model on the GPU, the first N; all, or auto: as many as fit");
  verb.add_option(
          "--dtype", flags.dtype,
          "matrix products in f32 (exact, the default on the CPU), bf16, or auto: bf16 where the device "
          "has it (the default on a GPU)")
      ->check(CLI::IsMember(types));
}

void add_contrast_flag(CLI::App& verb, ClipFlags& flags) {
  verb.add_option(
      "--contrast", flags.contrast,
      "how much what the model would say without the clip counts against it, in its own words and "
      "among given answers, as in audio-aware decoding; 0: not; without it the model's own");
}

void add_decoding_flags(CLI::App& verb, DecodingFlags& flags) {
  SamplingOptions& sampling = flags.answer.sampling;
  verb.add_option("-n,--max-tokens", flags.answer.max_new_tokens,
                  "new tokens at most; without it the model's own limit (256)");
  verb.add_option("--temp", sampling.temperature, "temperature; 0 is greedy");
  verb.add_option("--top-k", sampling.top_k, "keep the k likeliest tokens; 0: all");
  verb.add_option("--top-p", sampling.top_p, "keep the likeliest tokens up to this probability");
  verb.add_option("--min-p", sampling.min_p, "drop tokens below this share of the likeliest");
  verb.add_option("--repeat-penalty", sampling.repeat_penalty, "divides the score of tokens already written");
  verb.add_option("-s,--seed", sampling.seed, "of the draws");
  verb.add_option("--preset", flags.preset, "released: temperature 1, top-k 30, top-p 0.95")
      ->check(CLI::IsMember({"released"}));
  verb.add_option("--beams", flags.answer.beams, "beam search with so many open answers; 1: none");
  verb.add_option("--stop", flags.answer.stop,
                  "a text that ends the answer and is not part of it (repeatable)")
      ->allow_extra_args(false);
  verb.add_option("--logit-bias", flags.logit_bias,
                  "ID=BIAS or '\"TEXT\"=BIAS': added to the score of a token; -inf or never forbids it "
                  "(repeatable)")
      ->allow_extra_args(false);
  verb.add_option("--grammar-file", flags.grammar_file,
                  "a file with the grammar (GBNF) that the answer must follow");
  verb.add_option("-j,--json-schema", flags.json_schema,
                  "a JSON Schema, or @FILE that holds one: the answer is JSON that obeys it");
  verb.add_flag("--ignore-eos", flags.answer.ignore_eos, "write all -n tokens, for exact replays");
  verb.add_option("-o,--out", flags.out, "results into this file instead of stdout");
  verb.add_flag("--stream", flags.stream, "write the answer as it comes");
}

void settle_decoding(const CLI::App& verb, DecodingFlags& flags) {
  if (flags.preset == "released") {
    SamplingOptions& sampling = flags.answer.sampling;
    if (verb.count("--temp") == 0) sampling.temperature = 1;
    if (verb.count("--top-k") == 0) sampling.top_k = 30;
    if (verb.count("--top-p") == 0) sampling.top_p = 0.95;
  }
  flags.answer.sampling.check();
  flags.model_length = verb.count("--max-tokens") == 0;
  settle_grammar(verb, flags);
}

AnswerOptions answer_options(const Engine& engine, const DecodingFlags& flags) {
  AnswerOptions options = flags.answer;
  if (flags.model_length) options.max_new_tokens = std::max(1, engine.config().generation.max_new_tokens);
  for (const auto& bias : flags.logit_bias) options.sampling.logit_bias.push_back(engine.logit_bias(bias));
  return options;
}

void take_flags_from_environment(CLI::App& verb) {
  // Once the verb is named: a value that another verb knows and this one does not is no error there.
  verb.preparse_callback([&verb](std::size_t) {
    for (CLI::Option* option : verb.get_options())
      if (!option->get_lnames().empty() && option->get_lnames()[0] != "help" &&
          option->get_lnames()[0] != "version")
        option->envname(environment_name(option->get_lnames()[0]));
  });
}

Engine load_engine(const ClipFlags& flags, bool language_alone) {
  check_clip_flags(flags);
  EngineOptions options;
  options.threads = flags.threads;
  options.max_windows = flags.windows;
  options.base_lm = flags.base_lm;
  options.generation = flags.generation;
  options.dtype = flags.dtype;
  options.device = flags.device;
  options.language_alone = language_alone;
  options.gpu_layers = layers_on_gpu(flags.gpu_layers);
  options.contrast = flags.contrast;
  Engine engine = Engine::load(find_model_folder(flags.model), options);
  if (engine.device().name == "cpu" && flags.gpu_layers != "auto")
    notice("--gpu-layers {}: the model runs on the CPU", flags.gpu_layers);
  if (engine.device().name != "cpu") verbose("runs on {}", device_text(engine));
  tell_licence(engine.config().licence);
  for (const auto& name : engine.surplus()) verbose("{} is not used", name);
  return engine;
}

std::string device_text(const Engine& engine) {
  const EngineDevice& device = engine.device();
  if (device.name == "cpu") return device.name;
  return fmt::format("{} ({} of {} layers)", device.name, device.n_layers, engine.config().lm.n_layers);
}

namespace {

constexpr double kJoinGap_s = 0.5;

Clip decode_one(const std::string& path, const DecodeOptions& options) {
  if (path != "-") return decode_file(path, options);
  const std::string bytes((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
  return decode_bytes(std::as_bytes(std::span(bytes)), "stdin", options);
}

// Appends `more` after half a second of silence; facts of the source stay the first clip's.
void append_clip(Clip& clip, Clip more) {
  const auto gap = static_cast<std::size_t>(kJoinGap_s * clip.rate_hz);
  clip.samples.resize(clip.samples.size() + gap, 0.0f);
  clip.samples.insert(clip.samples.end(), more.samples.begin(), more.samples.end());
  clip.seconds += kJoinGap_s + more.seconds;
  clip.wanted_seconds += kJoinGap_s + more.wanted_seconds;
  clip.file_seconds += kJoinGap_s + more.file_seconds;
  for (const auto& word : more.warnings)
    if (!clip.warned(word)) clip.warnings.push_back(word);
  clip.notes.insert(clip.notes.end(), more.notes.begin(), more.notes.end());
  clip.log.insert(clip.log.end(), more.log.begin(), more.log.end());
}

}  // namespace

HeardClip decode_clip(DecodeOptions options, const ClipFlags& flags, const ClipItem& item) {
  options.start_s = item.start_s.value_or(flags.start_s);
  options.duration_s = item.duration_s.value_or(flags.duration_s);
  if (!flags.channels.empty())
    options.channels = flags.channels == "first" ? Channels::kFirst : Channels::kMean;
  HeardClip heard;
  heard.path = item.name();
  heard.start_s = options.start_s;
  heard.clip = decode_one(item.paths[0], options);
  for (std::size_t i = 1; i < item.paths.size(); ++i)
    append_clip(heard.clip, decode_one(item.paths[i], options));
  for (const auto& line : heard.clip.log) verbose("{}: {}", heard.path, line);
  heard.warnings = heard.clip.warnings;
  return heard;
}

HeardClip read_clip(const Engine& engine, const ClipFlags& flags, const ClipItem& item, Cap cap) {
  DecodeOptions options = engine.decode_options();
  if (cap == Cap::kNone) options.max_seconds = 0;
  HeardClip heard = decode_clip(options, flags, item);
  const double most = options.max_seconds, wanted = heard.clip.wanted_seconds;
  if (most > 0 && wanted > most) {
    if (flags.long_mode == "refuse")
      throw data_error(
          fmt::format("{:.1f} s are longer than the {:.0f} s that this model hears at once", wanted, most),
          heard.path, "give --start and --duration, or --long cut");
    heard.warnings.push_back("cut");
  }
  return heard;
}

Json audio_json(const HeardClip& heard) {
  const auto rounded = [](double seconds) { return std::round(seconds * 1000) / 1000; };
  return {{"seconds", rounded(heard.report.seconds)},
          {"seconds_used", rounded(heard.report.seconds_used)},
          {"seconds_cut", rounded(heard.report.seconds_cut)},
          {"start", heard.start_s},
          {"windows", heard.report.n_windows},
          {"sample_rate", heard.clip.source_rate_hz},
          {"channels", heard.clip.source_channels},
          {"warnings", heard.warnings}};
}

void tell_warnings(const HeardClip& heard, const std::vector<std::string>& more) {
  for (const auto& note : heard.clip.notes) notice("{}: {}", heard.path, note);
  if (heard.report.seconds_cut > 0)
    notice("{}: cut: heard the first {:.1f} of {:.1f} s", heard.path, heard.report.seconds_used,
           heard.report.seconds);
  for (const auto& word : more) {
    if (word == "prompt_cut")
      notice("{}: prompt_cut: the question is longer than the model takes", heard.path);
    if (word == "length") notice("{}: length: the answer was stopped by -n", heard.path);
    if (word == "unfinished")
      notice("{}: unfinished: the answer ended before its grammar or schema was complete", heard.path);
    if (word == "loop") notice("{}: loop: the answer repeated itself and was stopped", heard.path);
  }
}

void ClipTask::attempt(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kUser || error.kind() == ErrorKind::kModel) throw;
    failure = error;
  }
}

int for_each_batch(const ClipFlags& flags, std::size_t batch,
                   const std::function<void(std::vector<ClipTask>&)>& body) {
  const std::vector<ClipItem> clips = list_clips(flags);
  int failed = 0, last_code = 0;
  for (std::size_t first = 0; first < clips.size(); first += batch) {
    std::vector<ClipTask> tasks;
    for (std::size_t i = first; i < std::min(clips.size(), first + batch); ++i)
      tasks.push_back({static_cast<int>(i), &clips[i]});
    body(tasks);
    for (ClipTask& task : tasks) {
      if (!task.failed()) task.attempt(task.print);
      if (!task.failed()) continue;
      const Error& error = *task.failure;
      ++failed;
      last_code = error.exit_code();
      log_line(LogLevel::kError, error.what());
      if (flags.json)
        print_line(Json{{"type", "error"},
                        {"index", task.index},
                        {"path", task.item->name()},
                        {"code", error.exit_code()},
                        {"message", error.what()}}
                       .dump());
    }
  }
  if (flags.json)
    print_line(Json{{"type", "summary"}, {"ok", clips.size() - failed}, {"failed", failed}}.dump());
  if (failed == 0) return 0;
  return clips.size() == 1 ? last_code : 4;
}

int for_each_clip(const ClipFlags& flags, const std::function<void(int, const ClipItem&)>& body) {
  return for_each_batch(flags, 1, [&](std::vector<ClipTask>& tasks) {
    for (ClipTask& task : tasks) task.print = [&body, &task] { body(task.index, *task.item); };
  });
}

std::vector<int> parse_token_list(const std::string& text) {
  std::vector<int> ids;
  for (const auto& part : split(text, ',')) {
    const std::string word = trim(part);
    std::size_t used = 0;
    int id = -1;
    try {
      id = std::stoi(word, &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used != word.size() || word.empty())
      throw user_error("is no token id: \"" + word + "\"", "--tokens", "give id,id,…");
    ids.push_back(id);
  }
  return ids;
}

}  // namespace af2
