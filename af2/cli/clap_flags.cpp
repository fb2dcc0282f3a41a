#include "af2/cli/clap_flags.h"

#include <set>

#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/generate/clap_windows.h"

namespace af2 {

void add_clap_flags(CLI::App& verb, ClapFlags& flags) {
  ClipFlags& clips = flags.clips;
  verb.add_option("files", clips.files, "audio or video files, folders, or - for stdin");
  verb.add_option("--audio", clips.more_files, "the same; may be repeated")->allow_extra_args(false);
  verb.add_flag("-r,--recursive", clips.recursive, "folders with all below them");
  add_clap_model_flags(verb, flags);
  verb.add_option("--crops", flags.crops,
                  "of clips longer than a window, by the fusion path: from the middle of each third, or "
                  "random places of it (--seed)")
      ->check(CLI::IsMember({"middle", "random"}));
  verb.add_option("-s,--seed", flags.seed, "of --crops random");
  verb.add_option("--start", clips.start_s, "seconds into the file");
  verb.add_option("--duration", clips.duration_s, "seconds to hear; 0: to the end");
  verb.add_flag("--json", clips.json, "one JSON object per line");
  verb.add_option("-o,--out", flags.out, "results into this file instead of stdout");
}

void add_clap_model_flags(CLI::App& verb, ClapFlags& flags) {
  ClipFlags& clips = flags.clips;
  verb.add_option("-m,--model", clips.model,
                  "AF-CLAP folder or checkpoint (clap_ckpt/epoch_16.pt), or a model folder that holds one; "
                  "without it AF2_MODEL or the bundled one");
  verb.add_option("--text-model", flags.text_model,
                  "of a published checkpoint: folder of Flan-T5 with spiece.model; without it looked for "
                  "beside it");
  verb.add_option("--generation", clips.generation,
                  "of a published checkpoint whose files do not tell its release")
      ->check(CLI::IsMember({"2025-03", "2025-06"}));
  verb.add_option("--channels", clips.channels, "mean or first; without it the model's")
      ->check(CLI::IsMember({"mean", "first"}));
  verb.add_option("-t,--threads", clips.threads, "threads; 0: all cores");
  verb.add_option(
          "--dtype", clips.dtype,
          "matrix products in f32 (exact, the default), bf16, or auto: bf16 where the processor has it")
      ->check(CLI::IsMember({"f32", "bf16", "auto"}));
}

ClapEngine load_clap(const ClapFlags& flags) {
  check_clip_flags(flags.clips);
  ClapEngineOptions options;
  options.threads = flags.clips.threads;
  options.dtype = flags.clips.dtype;
  options.text_model = flags.text_model;
  options.generation = flags.clips.generation;
  if (flags.crops == "random") options.crop_seed = flags.seed;
  ClapEngine clap = ClapEngine::load(flags.clips.model, options);
  tell_licence(clap.config().licence);
  for (const auto& name : clap.surplus()) verbose("{} is not used", name);
  return clap;
}

HeardClip read_clap_clip(const ClapEngine& clap, const ClapFlags& flags, const ClipItem& item) {
  HeardClip heard = decode_clip(clap.decode_options(), flags.clips, item);
  heard.report.seconds = heard.report.seconds_used = heard.clip.seconds;
  return heard;
}

HeardWindows read_clap_windows(const ClapEngine& clap, const ClapFlags& flags, const ClipItem& item,
                               double window_s, double hop_s) {
  HeardWindows all;
  const bool whole_file = item.paths.size() == 1 && item.paths[0] != "-" &&
                          item.start_s.value_or(flags.clips.start_s) == 0 &&
                          item.duration_s.value_or(flags.clips.duration_s) == 0;
  if (!whole_file) {
    all.heard = read_clap_clip(clap, flags, item);
    all.windows = clap.stretches(all.heard.clip.samples, window_s, hop_s);
    all.heard.clip.samples = {};
    return all;
  }
  ClapWindowOptions options;
  options.window_s = window_s, options.hop_s = hop_s;
  options.decode = clap.decode_options();
  if (!flags.clips.channels.empty())
    options.decode.channels = flags.clips.channels == "first" ? Channels::kFirst : Channels::kMean;
  const ClapWindowReport report =
      for_each_window(clap, item.paths[0], options,
                      [&](const ClapWindowReport&, double start_s, double end_s, Vector vector) {
                        all.windows.push_back({start_s, end_s, std::move(vector)});
                        return true;
                      });
  all.heard.path = item.name();
  all.heard.clip.seconds = all.heard.report.seconds = all.heard.report.seconds_used = report.seconds;
  all.heard.clip.file_seconds = report.file_seconds;
  all.heard.clip.source_rate_hz = report.source_rate_hz;
  all.heard.clip.source_channels = report.source_channels;
  all.heard.clip.notes = report.notes;
  all.heard.warnings = report.warnings;
  return all;
}

Vector clap_text(const ClapEngine& clap, const std::string& text) {
  return clap_texts(clap, {text})[0];
}

std::vector<Vector> clap_texts(const ClapEngine& clap, const std::vector<std::string>& texts) {
  for (const auto& text : texts)
    if (clap.text_is_cut(text))
      notice("prompt_cut: the text tower takes {} tokens; cut: {}", clap.config().text.max_tokens, text);
  return clap.texts(texts);
}

std::vector<std::string> label_list(const std::string& list, const std::string& file) {
  const std::string where = file.empty() ? "--labels" : file;
  std::vector<std::string> labels;
  for (const auto& part : split(file.empty() ? list : read_file(file), file.empty() ? ',' : '\n')) {
    const std::string label = trim(part);
    if (label.empty() && !file.empty()) continue;
    if (label.empty()) throw user_error("an empty label", where, "give a,b,c");
    labels.push_back(label);
  }
  check_labels(labels, where);
  return labels;
}

void check_labels(const std::vector<std::string>& labels, const std::string& where) {
  std::set<std::string> seen;
  for (const auto& label : labels)
    if (!seen.insert(label).second) throw user_error("names \"" + label + "\" twice", where);
  if (labels.empty()) throw user_error("no labels", where, "give --labels a,b,c or --labels-file FILE");
}

std::vector<Vector> label_vectors(const ClapEngine& clap, const std::vector<std::string>& labels,
                                  const std::string& form) {
  std::vector<std::string> texts;
  for (const auto& label : labels) texts.push_back(fill_template(form, label));
  return clap_texts(clap, texts);
}

std::string fill_template(const std::string& form, const std::string& label) {
  const std::string mark = "{label}";
  const std::size_t at = form.find(mark);
  if (at == std::string::npos)
    throw user_error("holds no {label}", "--template", "as in \"the sound of {label}\"");
  return form.substr(0, at) + label + form.substr(at + mark.size());
}

}  // namespace af2
