#include "af2/cli/clip_flags.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

bool looks_like_audio(const fs::path& path) {
  static const std::vector<std::string> endings = {".wav",  ".flac", ".mp3", ".ogg", ".opus", ".m4a",
                                                   ".aac",  ".aiff", ".aif", ".wma", ".mp4",  ".mkv",
                                                   ".webm", ".mov",  ".oga", ".w64"};
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

template <class Iterator>
std::vector<std::string> audio_below(const fs::path& folder) {
  std::vector<std::string> found;
  for (const auto& entry : Iterator(folder))
    if (entry.is_regular_file() && looks_like_audio(entry.path())) found.push_back(entry.path().string());
  std::sort(found.begin(), found.end());
  return found;
}

// Rejects "-x" style nonsense early: CLI11 checks types, this the ranges.
void check(const ClipFlags& flags) {
  if (flags.start_s < 0) throw user_error("must be 0 or more", "--start");
  if (flags.duration_s < 0) throw user_error("must be 0 or more", "--duration");
  if (flags.windows < 0) throw user_error("must be 0 or more", "--windows");
  if (flags.threads < 0) throw user_error("must be 0 or more", "-t");
}

}  // namespace

void add_clip_flags(CLI::App& verb, ClipFlags& flags) {
  verb.add_option("files", flags.files, "audio or video files, folders, or - for stdin");
  verb.add_option("--audio", flags.more_files, "the same; may be repeated");
  verb.add_flag("-r,--recursive", flags.recursive, "folders with all below them");
  verb.add_option("-m,--model", flags.model,
                  "model folder or installed name; without it AF2_MODEL or the bundled one");
  verb.add_option("--start", flags.start_s, "seconds into the file");
  verb.add_option("--duration", flags.duration_s, "seconds to hear; 0: to the end");
  verb.add_option("--windows", flags.windows, "cap of 10 s windows; 0: the model's");
  verb.add_option("--long", flags.long_mode, "a clip beyond the cap: cut it and say so, or refuse it")
      ->check(CLI::IsMember({"cut", "refuse"}));
  verb.add_option("--channels", flags.channels, "mean or first; without it the model's")
      ->check(CLI::IsMember({"mean", "first"}));
  verb.add_option("-t,--threads", flags.threads, "threads; 0: all cores");
  verb.add_flag("--json", flags.json, "one JSON object per line");
}

void add_decoding_flags(CLI::App& verb, DecodingFlags& flags) {
  SamplingOptions& sampling = flags.answer.sampling;
  verb.add_option("-n,--max-tokens", flags.answer.max_new_tokens, "new tokens at most");
  verb.add_option("--temp", sampling.temperature, "temperature; 0 is greedy");
  verb.add_option("--top-k", sampling.top_k, "keep the k likeliest tokens; 0: all");
  verb.add_option("--top-p", sampling.top_p, "keep the likeliest tokens up to this probability");
  verb.add_option("--min-p", sampling.min_p, "drop tokens below this share of the likeliest");
  verb.add_option("--repeat-penalty", sampling.repeat_penalty, "divides the score of tokens already written");
  verb.add_option("-s,--seed", sampling.seed, "of the draws");
  verb.add_option("--preset", flags.preset, "released: temperature 1, top-k 30, top-p 0.95")
      ->check(CLI::IsMember({"released"}));
  verb.add_flag("--ignore-eos", flags.answer.ignore_eos, "write all -n tokens, for exact replays");
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
}

void take_flags_from_environment(CLI::App& verb) {
  for (CLI::Option* option : verb.get_options()) {
    if (option->get_lnames().empty() || option->get_lnames()[0] == "help") continue;
    std::string name = option->get_lnames()[0];
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
    option->envname("AF2_ARG_" + name);
  }
}

Engine load_engine(const ClipFlags& flags) {
  check(flags);
  Engine engine = Engine::load(find_model_folder(flags.model), {flags.threads, flags.windows});
  const std::string& licence = engine.config().licence;
  if (licence.find("NC") != std::string::npos || licence.find("on-commercial") != std::string::npos)
    notice("licence of this model: {}", licence);
  for (const auto& name : engine.surplus()) verbose("{} is not used", name);
  return engine;
}

std::vector<std::string> list_clips(const ClipFlags& flags) {
  std::vector<std::string> clips;
  for (const auto* list : {&flags.files, &flags.more_files})
    for (const std::string& path : *list) {
      if (path == "-" || !fs::is_directory(path)) {
        clips.push_back(path);
        continue;
      }
      const auto found = flags.recursive ? audio_below<fs::recursive_directory_iterator>(path)
                                         : audio_below<fs::directory_iterator>(path);
      if (found.empty())
        throw data_error("holds no audio file", path, "name files, or add -r for the folders below");
      clips.insert(clips.end(), found.begin(), found.end());
    }
  if (clips.empty())
    throw user_error("no audio file given", "", "name one or more files, folders, or - for stdin");
  return clips;
}

HeardClip read_clip(const Engine& engine, const ClipFlags& flags, const std::string& path) {
  DecodeOptions options = engine.decode_options();
  options.start_s = flags.start_s;
  options.duration_s = flags.duration_s;
  if (!flags.channels.empty())
    options.channels = flags.channels == "first" ? Channels::kFirst : Channels::kMean;
  HeardClip heard;
  heard.path = path;
  if (path == "-") {
    const std::string bytes((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
    heard.clip = decode_bytes(std::as_bytes(std::span(bytes)), "stdin", options);
  } else {
    heard.clip = decode_file(path, options);
  }
  for (const auto& line : heard.clip.log) verbose("{}: {}", path, line);
  heard.warnings = heard.clip.warnings;
  const double cap = options.max_seconds, wanted = heard.clip.wanted_seconds;
  if (wanted > cap) {
    if (flags.long_mode == "refuse")
      throw data_error(
          fmt::format("{:.1f} s are longer than the {:.0f} s that this model hears at once", wanted, cap),
          path, "give --start and --duration, or --long cut");
    heard.warnings.push_back("cut");
  }
  return heard;
}

Json audio_json(const HeardClip& heard, const ClipFlags& flags) {
  const auto rounded = [](double seconds) { return std::round(seconds * 1000) / 1000; };
  return {{"seconds", rounded(heard.report.seconds)},
          {"seconds_used", rounded(heard.report.seconds_used)},
          {"seconds_cut", rounded(heard.report.seconds_cut)},
          {"start", flags.start_s},
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
    if (word == "loop") notice("{}: loop: the answer repeated itself and was stopped", heard.path);
  }
}

int for_each_clip(const ClipFlags& flags, const std::function<void(int, const std::string&)>& body) {
  const std::vector<std::string> clips = list_clips(flags);
  int failed = 0, last_code = 0;
  for (std::size_t i = 0; i < clips.size(); ++i) {
    try {
      body(static_cast<int>(i), clips[i]);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kUser || error.kind() == ErrorKind::kModel) throw;
      ++failed;
      last_code = error.exit_code();
      log_line(LogLevel::kError, error.what());
      if (flags.json)
        print_line(Json{{"type", "error"},
                        {"index", i},
                        {"path", clips[i]},
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

void print_raw(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    std::_Exit(0);
}

void print_line(const std::string& text) {
  print_raw(text + "\n");
}

std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else
      out += c;
  }
  return out;
}

}  // namespace af2
