#include "af2/train/data_source.h"

#include "af2/audio/windows.h"
#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/io/checkpoint.h"
#include "af2/model/clap_names.h"
#include "af2/model/weights.h"

namespace af2 {
namespace {

// The tensor of that name, or of the tower's other name.
std::string name_in(const SafeTensors& weights, const std::string& name) {
  if (weights.find(name)) return name;
  for (const std::string& other : {name_in_clap(name), name_in_tower(name)})
    if (!other.empty()) return other;
  return name;
}

}  // namespace

void write_window(const std::vector<float>& samples, const AudioConfig& config, float* out) {
  WindowOptions options;
  options.rate_hz = config.sample_rate;
  options.window_s = config.window_seconds;
  options.max_windows = 1;
  const WindowPlan plan = plan_windows(samples, options);
  fill_window(samples, plan, 0, {out, static_cast<std::size_t>(config.window_samples())});
}

// A run folder means its last complete checkpoint, which also holds the optimizer's moments: only the model's
// file counts.
SafeTensors init_weights(const std::filesystem::path& from) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(from)) return SafeTensors::open(from);
  const fs::path folder = latest_complete(from).folder.value_or(from);
  if (fs::exists(folder / "model.safetensors")) return SafeTensors::open(folder / "model.safetensors");
  const fs::path config = folder / "config.json";
  const bool of_model = fs::exists(config) && read_config_file(config).value("format", "") == "af2";
  return of_model ? open_adapter(folder, read_af2_config(config).clap) : SafeTensors::open(folder);
}

void init_strictly(const SafeTensors& weights, const NamedTensors& targets) {
  const std::string file = weights.path().string();
  const std::vector<std::string> surplus = load_strict(weights, targets);
  if (!surplus.empty())
    throw model_error("holds " + surplus.front() + ", which this model lacks", file,
                      "start from a stage of the same model");
  notice("all {} tensors start from {}", targets.size(), file);
}

void init_from(const SafeTensors& weights, const NamedTensors& targets) {
  const std::string file = weights.path().string();
  torch::NoGradGuard no_grad;
  int taken = 0;
  for (auto [name, target] : targets) {
    const std::string there = name_in(weights, name);
    const TensorView* view = weights.find(there);
    if (!view || view->shape != target.sizes().vec()) continue;
    target.copy_(read_tensor(weights, there));
    ++taken;
  }
  if (taken == 0)
    throw model_error("holds no tensor of this model", file, "name a checkpoint made with the same config");
  notice("{} of {} tensors start from {}", taken, targets.size(), file);
}

}  // namespace af2
