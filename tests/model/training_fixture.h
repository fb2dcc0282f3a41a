// Whole training runs of the tests: a bank of ten tones on disk, tiny models, recipes, and how two runs are
// compared. Thread rule: one test at a time.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>

#include "../base/data_tone_bank.h"
#include "af2/audio/wav.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/io/checkpoint.h"
#include "af2/model/clap_config.h"
#include "af2/train/trainer.h"
#include "model_testing.h"
#include "tiny_gguf.h"

namespace af2::test {
namespace fs = std::filesystem;

// One thread is fast on a busy machine; OMP_NUM_THREADS asks for another number.
inline const int kThreads = std::getenv("OMP_NUM_THREADS") ? 0 : 1;

// 10 labels with 2 recordings to train on and 1 to validate with, as files.
inline void write_tone_bank(const fs::path& folder) {
  fs::create_directories(folder / "audio");
  std::string labels = "label\tphrase\tshort\tsentence\tsynonyms\tfamily\n";
  std::string table =
      "id\tlabel\tpath\tseconds\tsplit\tgroup\tpackage\tlicence\tauthor\tsha256\tpeak_db\tkind\n";
  const std::vector<LabelInfo> known = test::tone_labels();
  for (int label = 0; label < 10; ++label) {
    const LabelInfo& info = known[static_cast<std::size_t>(label)];
    labels += info.name + "\t" + info.phrase + "\t" + info.short_name + "\t" + info.sentence + "\t\t" +
              info.family + "\n";
    for (int variant = 0; variant < 3; ++variant) {
      const std::vector<std::int16_t> tone = test::tone(info.name, label, variant);
      std::vector<float> samples;
      for (const std::int16_t x : tone) samples.push_back(static_cast<float>(x) / 32768);
      const std::string id = info.name + std::to_string(variant), path = "audio/" + id + ".wav";
      write_wav(folder / path, samples);
      table += id + "\t" + info.name + "\t" + path + "\t" +
               std::to_string(static_cast<double>(samples.size()) / 16000) + "\t" +
               (variant < 2 ? "train" : "val") + "\t" + id + "\tpkg\tCC0\tme\t" + sha256_file(folder / path) +
               "\t-4.0\trecorded\n";
    }
  }
  write_file_atomic(folder / "labels.tsv", labels);
  write_file_atomic(folder / "bank.tsv", table);
}

inline Af2Config two_second_config(const ClapConfig& clap) {
  Af2Config config = test::tiny_config(test::tiny_llama(), clap, 1, 1);
  config.audio.window_seconds = 2;
  config.lm.file = "lm.gguf";
  config.lm.n_layers = 2, config.lm.dim = 32, config.lm.n_heads = 2, config.lm.n_kv_heads = 1;
  config.lm.head_dim = 16, config.lm.ffn_dim = 64, config.lm.vocab = test::kTinyVocabulary;
  config.lm.context = 512;
  config.text.max_prompt_tokens = 200;
  config.check("test");
  return config;
}

class Training : public ::testing::Test {
 protected:
  Training() {
    write_tone_bank(scratch / "bank");
    fs::create_directories(scratch / "model");
    Af2Config config = two_second_config(test::tiny_stem_tower());
    write_file_atomic(scratch / "model" / "config.json", to_json(config).dump(2));
    test::TinyGguf lm = test::make_tiny_gguf(config.lm, "run/", DType::kQ8_0);
    test::add_tiny_tokenizer(lm);
    lm.write(scratch / "model" / "lm.gguf");
  }

  // An AF-CLAP beside the model: the same tower, and a text tower over its language model's embedding.
  ClapModelConfig make_clap() const {
    const Af2Config model = two_second_config(tiny_stem_tower());
    ClapModelConfig config;
    config.audio = model.audio;
    config.tower = model.clap;
    config.tower.fusion = false;
    config.text.lm = "../lm.gguf", config.text.lm_dim = model.lm.dim, config.text.vocab = kTinyVocabulary;
    config.text.layers = 2, config.text.dim = 64, config.text.heads = 4, config.text.dim_head = 16;
    config.text.ffn_dim = 128, config.text.pooling = "text";
    config.joint_dim = 32;
    config.check("test");
    fs::create_directories(scratch / "model" / "clap");
    write_file_atomic(scratch / "model" / "clap" / "config.json", to_json(config).dump(2));
    return config;
  }

  TrainOptions recipe(const std::string& task, int steps) const {
    TrainOptions options;
    options.task = task;
    options.model = (task == "clap" ? scratch / "model" / "clap" : scratch / "model").string();
    options.bank = (scratch / "bank").string();
    SceneOptions& scene = options.data.scene;
    scene.min_seconds = scene.max_seconds = 2;
    scene.max_events = 2;
    scene.max_event_seconds = 0.6;
    scene.weight_ambience = 0;
    options.optimizer.lr = 2e-3;
    options.optimizer.warmup_steps = 2;
    options.steps = steps;
    options.batch = task == "tower" ? 2 : 3;
    options.threads = kThreads;
    options.save_every = options.val_every = 3;
    options.val_items = 4;
    options.deterministic = true;
    return options;
  }

  // Records of metrics.jsonl without the times.
  std::vector<Json> metrics(const std::string& run) const {
    std::vector<Json> records;
    const std::string text = read_file(scratch / run / "metrics.jsonl");
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      records.push_back(Json::parse(text.substr(at, end - at)));
      for (const char* time : {"ms", "audio_rate", "target_rate", "memory_mb"}) records.back().erase(time);
      at = end + 1;
    }
    return records;
  }

  void expect_equal_checkpoints(const fs::path& a, const fs::path& b) const {
    for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"})
      EXPECT_EQ(sha256_file(a / file), sha256_file(b / file)) << file;
  }

  // 2 * half steps in one go (whose result it gives) and in two halves.
  TrainResult expect_resume_is_exact(const std::string& task, int half) {
    return expect_resume_is_exact(recipe(task, 2 * half), half);
  }
  TrainResult expect_resume_is_exact(TrainOptions options, int half) {
    options.steps = 2 * half;
    const TrainResult whole = train(options, scratch / "whole", false);
    EXPECT_TRUE(whole.finished);
    EXPECT_EQ(whole.steps, 2 * half);
    EXPECT_TRUE(is_complete(whole.checkpoint));
    options.steps = half;
    const TrainResult first = train(options, scratch / "halves", false);
    EXPECT_EQ(first.steps, half);
    options.steps = 2 * half;
    const TrainResult second = train(options, scratch / "halves", true);
    EXPECT_EQ(second.steps, 2 * half);
    expect_equal_checkpoints(whole.checkpoint, second.checkpoint);
    EXPECT_NE(sha256_file(first.checkpoint / "model.safetensors"),
              sha256_file(second.checkpoint / "model.safetensors"));
    EXPECT_EQ(metrics("whole"), metrics("halves"));
    for (const Json& record : metrics("whole")) {
      if (record.contains("loss")) {
        EXPECT_TRUE(std::isfinite(record["loss"].get<double>()));
      }
    }
    return whole;
  }

  std::vector<Json> losses_with_workers(const std::string& task, int workers, int steps) {
    TrainOptions options = recipe(task, steps);
    options.workers = workers;
    const std::string run = "workers" + std::to_string(workers);
    train(options, scratch / run, false);
    return metrics(run);
  }

  test::Scratch scratch;
};

}  // namespace af2::test
