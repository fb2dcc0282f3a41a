// `af2 selftest`: every stage of the network against stored references of an independent implementation, then
// one real answer.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "af2/cli/clip_flags.h"
#include "af2/core/error.h"
#include "af2/core/progress.h"
#include "af2/io/quant_blocks.h"
#include "af2/io/safetensors.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReference = "selftest.safetensors";

struct SelftestFlags {
  ClipFlags clips;
  std::string reference;
  bool quick = false;
};

// Relative errors are norm of the difference over the norm, others the greatest (log-mel: of 99.9 % of the
// values). The tolerances are those of docs/spec/model.md section 10; `narrow` in
// bfloat16, where a convolutional stem loses several percent: they tell what is broken, not what is a little
// off.
struct Stage {
  const char* name;
  FeatureLayer layer;
  bool relative;
  double tolerance, narrow;
};
constexpr Stage kStages[] = {{"waveform", FeatureLayer::kWaveform, false, 0, 0},
                             {"logmel", FeatureLayer::kLogmel, false, 1e-3, 1e-3},
                             {"tower", FeatureLayer::kTower, true, 1e-4, 0.1},
                             {"memory", FeatureLayer::kMemory, true, 1e-4, 0.15},
                             {"logits", FeatureLayer::kLogits, false, 2e-3, 0.2}};

double error_of(const Stage& stage, bool relative, const std::vector<float>& ours,
                const std::vector<float>& theirs) {
  double power = 0, change = 0;
  std::vector<double> differences;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double d = static_cast<double>(ours[i]) - theirs[i];
    differences.push_back(std::isnan(d) ? INFINITY : std::abs(d));
    change += d * d;
    power += static_cast<double>(theirs[i]) * theirs[i];
  }
  if (relative) return std::sqrt(change / power);
  std::sort(differences.begin(), differences.end());
  const double share = stage.layer == FeatureLayer::kLogmel ? 0.999 : 1;
  return differences[static_cast<std::size_t>(std::ceil(share * static_cast<double>(differences.size()))) -
                     1];
}

std::vector<int> token_list(const SafeTensors& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    throw model_error("has no \"" + key + "\" in its metadata", file.path().string(), "make it again");
  return parse_token_list(found->second);
}

int run_selftest(const SelftestFlags& flags) {
  const fs::path folder = find_model_folder(flags.clips.model);
  const fs::path path = flags.reference.empty() ? folder / kReference : fs::path(flags.reference);
  if (!fs::exists(path))
    throw user_error("does not exist", path.string(),
                     "this model comes without references: name a file with --ref");
  const SafeTensors file = SafeTensors::open(path);
  const auto clip_name = file.metadata().find("clip");
  if (clip_name == file.metadata().end()) throw model_error("names no clip", path.string(), "make it again");
  const double start = steady_seconds();
  const Engine engine = load_engine(flags.clips);
  const bool exact = engine.device().dtype == "f32";
  const HeardClip heard = read_clip(
      engine, flags.clips, ClipItem{{(path.parent_path() / clip_name->second).string()}, "", {}, {}});
  const std::vector<int> prompt = token_list(file, "prompt");
  int failed = 0;
  for (const Stage& stage : kStages) {
    const bool relative = stage.relative || (!exact && stage.layer >= FeatureLayer::kTower);
    const double tolerance = exact ? stage.tolerance : stage.narrow;
    Feature ours = engine.feature(heard.clip, stage.layer, prompt);
    const TensorView& theirs = file.get(stage.name);
    if (stage.layer == FeatureLayer::kLogits) {  // of the last position
      ours.values.erase(ours.values.begin(), ours.values.end() - ours.shape.back());
      ours.shape = {ours.shape.back()};
    }
    if (ours.shape != theirs.shape)
      throw model_error("is " + shape_text(theirs.shape) + " where the model gives " + shape_text(ours.shape),
                        path.string() + " tensor " + stage.name, "the file belongs to another model");
    const double error = error_of(stage, relative, ours.values, to_float(theirs));
    const bool good = error <= tolerance;
    failed += !good;
    print_line(fmt::format("{}\t{}\t{} error {:.1e}, allowed {:.1e}", good ? "ok" : "FAILED", stage.name,
                           relative ? "relative" : "greatest", error, tolerance));
  }
  if (!flags.quick) {
    const std::vector<int> wanted = token_list(file, "answer");
    AnswerOptions options;
    options.max_new_tokens = static_cast<int>(wanted.size());
    options.ignore_eos = true;
    const Answer answer = engine.answer_tokens(engine.listen(heard.clip), prompt, options);
    std::size_t same = 0;
    while (same < wanted.size() && answer.tokens[same] == wanted[same]) ++same;
    const bool good = same == wanted.size() || !exact;
    failed += !good;
    print_line(fmt::format("{}\tanswer\t{} of {} greedy tokens equal: {}", good ? "ok" : "FAILED", same,
                           wanted.size(),
                           one_line(engine.answer_tokens(engine.listen(heard.clip), prompt, {}).text)));
  }
  print_line(fmt::format("{} in {:.1f} s: {} on {}", failed == 0 ? "passed" : "failed",
                         steady_seconds() - start, engine.config().name, device_text(engine)));
  return failed == 0 ? 0 : static_cast<int>(ErrorKind::kInternal);
}

}  // namespace

void add_selftest(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<SelftestFlags>();
  CLI::App* verb = app.add_subcommand("selftest", "every stage of the model against stored references");
  verb->add_option("-m,--model", flags->clips.model, "model folder; without it AF2_MODEL or the bundled one");
  verb->add_option("--ref", flags->reference,
                   "references of a model that comes without (safetensors, tests/oracle/make_selftest.py)");
  verb->add_flag("--quick", flags->quick, "leave the answer out");
  add_device_flags(*verb, flags->clips, {"f32", "bf16"});  // bf16: the error may be greater
  verb->add_option("-t,--threads", flags->clips.threads, "threads; 0: all cores");
  take_flags_from_environment(*verb);
  verb->footer("example: af2 selftest");
  verb->callback([flags, &runner] { runner = [flags] { return run_selftest(*flags); }; });
}

}  // namespace af2
