// Question sets of tones of many lengths, and stages that train the tiny model of training_fixture.h on them.
#pragma once

#include <cmath>

#include "af2/train/stages.h"
#include "training_fixture.h"

namespace af2::test {

class StageTraining : public Training {
 protected:
  // Twelve tones, 0.5 to 7 s, each with a question; windows are 2 s.
  StageTraining() { write_set("tones", 12); }

  std::string sound_path(const std::string& set, int i) const {
    return (scratch / (set + std::to_string(i) + ".wav")).string();
  }
  // The same places, sizes and times, but no sounds any more: whatever is read again is bad.
  void spoil_sounds(const std::string& set, int n) const {
    for (int i = 0; i < n; ++i) {
      const std::filesystem::path path = sound_path(set, i);
      const auto size = std::filesystem::file_size(path);
      const auto changed = std::filesystem::last_write_time(path);
      write_file_atomic(path, std::string(size, 'x'));
      std::filesystem::last_write_time(path, changed);
    }
  }

  void write_set(const std::string& name, int n) const {
    std::string lines;
    for (int i = 0; i < n; ++i) {
      const double seconds = 0.5 + 6.5 * i / std::max(1, n - 1);
      std::vector<float> samples(static_cast<std::size_t>(seconds * 16000));
      for (std::size_t k = 0; k < samples.size(); ++k)
        samples[k] = 0.4f * std::sin(0.02f * static_cast<float>(i % 3 + 1) * static_cast<float>(k));
      write_wav(sound_path(name, i), samples);
      const char* answers[] = {"a low tone", "a tone", "a high tone"};
      lines += Json{{"audio", sound_path(name, i)},
                    {"prompt", "what is heard?"},
                    {"output", answers[i % 3]},
                    {"duration", seconds},
                    {"id", name + std::to_string(i)}}
                   .dump() +
               "\n";
    }
    write_file_atomic(scratch / (name + ".jsonl"), lines);
  }

  TrainSetOptions set_of(const std::string& name, double passes = 1) const {
    TrainSetOptions set;
    set.name = name, set.manifest = (scratch / (name + ".jsonl")).string(), set.passes = passes;
    return set;
  }

  TrainOptions stage(const std::vector<std::string>& train = {"adapter"}, double passes = 2) const {
    TrainOptions options;
    options.task = "stage";
    options.model = (scratch / "model").string();
    options.stage.train = train;
    options.stage.sets = {set_of("tones", passes)};
    options.stage.slices = 3;
    options.stage.max_windows = 8, options.stage.max_clips = 4;
    options.stage.batches_per_step = 2;
    options.optimizer.lr = 2e-3, options.optimizer.warmup_steps = 2;
    options.threads = kThreads;
    options.save_every = options.val_every = 0;
    options.val_items = 4;
    options.deterministic = true;
    return options;
  }

  static std::map<std::string, torch::Tensor> tensors_in(const fs::path& file) {
    std::map<std::string, torch::Tensor> tensors;
    const SafeTensors held = SafeTensors::open(file);
    for (const std::string& name : held.names()) tensors[name] = read_tensor(held, name);
    return tensors;
  }
};

}  // namespace af2::test
