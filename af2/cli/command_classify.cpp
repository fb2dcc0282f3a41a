// `af2 classify`: which of given labels a clip is, zero-shot by AF-CLAP, or by the model's own words.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "af2/cli/clap_flags.h"
#include "af2/core/log.h"
#include "af2/generate/engine.h"

namespace af2 {
namespace {

constexpr const char* kNone = "none of these";

struct ClassifyFlags {
  ClapFlags clap;
  std::string labels, labels_file, form = "This is a sound of {label}.";
  bool multi = false, by_model = false;
  double threshold = -2, least = -2;  // below any cosine
  int top = 0;
};

struct Scored {
  std::string label;
  double score = 0;       // share among the labels; with --multi the cosine
  double similarity = 0;  // cosine
};

// Sorted, best first; the same order for equal scores as the labels were given.
std::vector<Scored> score(const Vector& clip, const std::vector<std::string>& labels,
                          const std::vector<Vector>& vectors, double scale, bool multi) {
  std::vector<Scored> all;
  double most = -1;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    all.push_back({labels[i], 0, cosine(clip, vectors[i])});
    most = std::max(most, all.back().similarity);
  }
  double sum = 0;
  for (Scored& s : all) sum += s.score = std::exp(scale * (s.similarity - most));
  for (Scored& s : all) s.score = multi ? s.similarity : s.score / sum;
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  return all;
}

// What is left of them by the thresholds: with --multi the labels above, else all, or none where the best is
// not good enough.
std::vector<Scored> accept(std::vector<Scored> all, const ClassifyFlags& flags) {
  const auto good = [&](const Scored& s) {
    return s.score >= flags.threshold && s.similarity >= flags.least;
  };
  if (flags.multi)
    std::erase_if(all, [&](const Scored& s) { return !good(s); });
  else if (!all.empty() && !good(all[0]))
    all.clear();
  if (flags.top > 0 && all.size() > static_cast<std::size_t>(flags.top)) all.resize(flags.top);
  return all;
}

int run_classify(const ClassifyFlags& flags) {
  const std::vector<std::string> labels = label_list(flags.labels, flags.labels_file);
  if (flags.by_model && flags.multi)
    throw user_error("does not go with --multi", "--by-model", "the model names one thing");
  const ClapEngine clap = load_clap(flags.clap);
  if (!flags.clap.out.empty()) set_output_file(flags.clap.out);
  const std::vector<Vector> vectors = label_vectors(clap, labels, flags.form);
  std::optional<Engine> engine;
  if (flags.by_model) engine = load_engine(flags.clap.clips);
  const bool several = list_clips(flags.clap.clips).size() > 1, json = flags.clap.clips.json;
  return for_each_clip(flags.clap.clips, [&](int index, const ClipItem& clip) {
    std::string answer;
    HeardClip heard =
        flags.by_model ? read_clip(*engine, flags.clap.clips, clip) : read_clap_clip(clap, flags.clap, clip);
    Vector vector;
    if (flags.by_model) {
      const Memory memory = engine->listen(heard.clip);
      heard.report = memory.report();
      AnswerOptions options;
      options.max_new_tokens = engine->config().generation.max_new_tokens;
      answer = engine->answer(memory, "What do you hear?", options).text;
      vector = clap.text(fill_template(flags.form, answer));
    } else {
      vector = clap.audio(heard.clip.samples);
    }
    tell_warnings(heard, {});
    const std::vector<Scored> found =
        accept(score(vector, labels, vectors, clap.logit_scale(), flags.multi), flags);
    if (json) {
      Json list = Json::array();
      for (const Scored& s : found)
        list.push_back({{"label", s.label}, {"score", s.score}, {"similarity", s.similarity}});
      Json line = {
          {"type", "classification"}, {"index", index}, {"path", heard.path}, {"labels", std::move(list)}};
      if (flags.by_model) line["answer"] = answer;
      line["audio"] = audio_json(heard);
      line["model"] = clap.config().name;
      print_line(line.dump());
      return;
    }
    const std::string prefix = several ? heard.path + "\t" : "";
    if (found.empty()) print_line(prefix + kNone);
    for (const Scored& s : found) print_line(prefix + fmt::format("{:.3f}\t{}", s.score, s.label));
  });
}

}  // namespace

void add_classify(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<ClassifyFlags>();
  CLI::App* verb = app.add_subcommand("classify", "which of given labels a clip is, by AF-CLAP");
  add_clap_flags(*verb, flags->clap);
  verb->add_option("--labels", flags->labels, "a,b,c");
  verb->add_option("--labels-file", flags->labels_file, "a file with one label a line")->excludes("--labels");
  verb->add_option("--template", flags->form, "the text that stands for a label, with {label} in it");
  verb->add_flag("--multi", flags->multi,
                 "any number of labels may be right: their cosines instead of shares of one");
  verb->add_option("--threshold", flags->threshold,
                   "least score: of a label with --multi, else of the best one, below which the clip is none "
                   "of these");
  verb->add_option("--min-similarity", flags->least, "the same for the cosine: sounds that no label fits");
  verb->add_option("--top", flags->top, "only the best so many; 0: all");
  verb->add_flag("--by-model", flags->by_model,
                 "the model answers what it hears, and the label nearest to its words counts");
  take_flags_from_environment(*verb);
  verb->footer("example: af2 classify --labels dog,cat,rain --top 1 yard/*.wav");
  verb->callback([flags, &runner] { runner = [flags] { return run_classify(*flags); }; });
}

}  // namespace af2
