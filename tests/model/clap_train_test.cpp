// Whole runs of AF-CLAP's training on a tiny bank of tones: resuming, workers, both objectives, what is
// frozen, a folder that tells the tones apart, and pairs from files in place of scenes.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "../base/tar_writer.h"
#include "af2/data/tar_shard.h"
#include "af2/generate/clap_engine.h"
#include "af2/generate/clap_folder.h"
#include "af2/model/af2_model.h"
#include "af2/train/export.h"
#include "training_fixture.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;

class ClapTraining : public test::Training {
 protected:
  ClapTraining() { make_clap(); }

  TrainOptions clap_recipe(int steps) const {
    TrainOptions options = recipe("clap", steps);
    options.clap.val_scenes = 6;
    options.clap.min_single_seconds = 0.8, options.clap.max_single_seconds = 2;
    return options;
  }

  // Pairs of the bank's tones: one shorter than the window, one longer, two with a caption in common.
  std::string pair_lines(bool audio) const {
    std::string text;
    const std::vector<LabelInfo> labels = test::tone_labels();
    for (int label = 0; label < 7; ++label) {
      const LabelInfo& info = labels[static_cast<std::size_t>(label)];
      const std::string& other = labels[static_cast<std::size_t>((label + 3) % 7)].phrase;
      Json pair;
      if (audio) pair["audio"] = "bank/audio/" + info.name + "0.wav";
      pair["captions"] = {label < 2 ? "something is heard" : info.phrase, "the sound of " + info.short_name};
      pair["negatives"] = {{other}, {"the sound of " + other, other + " twice"}};
      text += pair.dump() + "\n";
    }
    return text;
  }
  std::string write_pairs(const std::string& name) const {
    write_file_atomic(scratch / name, pair_lines(true));
    return (scratch / name).string();
  }
  std::string write_shard(const std::string& name) const {
    test::TarWriter tar;
    const std::vector<LabelInfo> labels = test::tone_labels();
    const std::string lines = pair_lines(false);
    std::size_t at = 0;
    for (int label = 0; label < 7; ++label) {
      const std::string key = "000" + std::to_string(label);
      const std::size_t end = lines.find('\n', at);
      tar.add(key + ".json", lines.substr(at, end - at));
      tar.add(key + ".wav",
              read_file(scratch / "bank/audio" / (labels[static_cast<std::size_t>(label)].name + "0.wav")));
      at = end + 1;
    }
    write_file_atomic(scratch / name, tar.done());
    return (scratch / name).string();
  }
  TrainOptions pairs_recipe(const std::string& file, int steps) const {
    TrainOptions options = clap_recipe(steps);
    options.clap.pairs = {file};
    options.clap.val_pairs = {file};
    options.bank.clear();
    return options;
  }

  // Writes a tower's weights as a whole model has them, and returns them.
  std::vector<std::pair<std::string, torch::Tensor>> write_tower() const {
    torch::manual_seed(7);
    Af2Model other(read_af2_config(scratch / "model" / "config.json"));
    std::vector<std::pair<std::string, torch::Tensor>> tower;  // by its names inside a whole model
    for (const auto& [name, tensor] : stored_tensors(*other))
      if (name.starts_with("clap.nvclap.")) tower.emplace_back(name, tensor);
    save_tensors(scratch / "tower.safetensors", tower, SaveType::kF32, {});
    return tower;
  }
  // What lies above a frozen stem, from the tower of write_tower().
  TrainOptions frozen_recipe(int steps) const {
    TrainOptions options = clap_recipe(steps);
    options.init = (scratch / "tower.safetensors").string();
    options.tower.freeze_stem = true;
    options.tower.stem_dropout = 0.2;
    options.scene_pool = 5;
    options.clap.label_weight = options.clap.edit_weight = 0.5;
    options.clap.join_share = 0.6, options.clap.quiet_share = 0.2;
    options.clap.recordings = 3;
    return options;
  }

  static double last(const std::vector<Json>& records, const char* key) {
    for (auto at = records.rbegin(); at != records.rend(); ++at)
      if (at->contains(key)) return (*at)[key].get<double>();
    return 0;
  }
};

TEST_F(ClapTraining, ResumesBitForBitWithAnyWorkers) {
  const TrainResult whole = train(clap_recipe(6), scratch / "whole", false);
  TrainOptions options = clap_recipe(3);
  options.workers = 3;
  train(options, scratch / "halves", false);
  options.steps = 6;
  options.workers = 0;
  const TrainResult second = train(options, scratch / "halves", true);
  expect_equal_checkpoints(whole.checkpoint, second.checkpoint);
  EXPECT_EQ(metrics("whole"), metrics("halves"));
}

TEST_F(ClapTraining, BothObjectivesTrainTheirOwnScales) {
  for (const std::string objective : {"afclap", "infonce"}) {
    TrainOptions options = clap_recipe(3);
    options.clap.objective = objective;
    options.clap.symmetric = true;
    const TrainResult result = train(options, scratch / objective, false);
    const SafeTensors trained = SafeTensors::open(result.checkpoint / "model.safetensors");
    const float first = std::log(1 / 0.07f);
    EXPECT_NE(read_tensor(trained, "logit_scale_a").item<float>(), first) << objective;
    EXPECT_EQ(read_tensor(trained, "logit_scale_t").item<float>() != first, objective == "infonce");
    EXPECT_FALSE(trained.contains("text_branch.shared.weight"));  // the language model's, which stays
  }
}

TEST_F(ClapTraining, AFrozenStemStaysAndItsPoolResumes) {
  const auto tower = write_tower();
  TrainOptions options = frozen_recipe(6);
  const TrainResult whole = expect_resume_is_exact(options, 3);
  const SafeTensors trained = SafeTensors::open(whole.checkpoint / "model.safetensors");
  int stem = 0, moved = 0;
  for (const auto& [name, tensor] : tower) {
    const torch::Tensor now = read_tensor(trained, "audio_branch." + name.substr(12));
    const bool of_stem = name.find(".stem.") != std::string::npos || name.find(".bn0.") != std::string::npos;
    if (of_stem) {
      EXPECT_TRUE(now.equal(tensor)) << name;
      ++stem;
    } else {
      moved += !now.equal(tensor);
    }
  }
  EXPECT_GT(stem, 5);
  EXPECT_GT(moved, 5);
  options.init.clear();
  test::expect_error(ErrorKind::kUser, {"tower.freeze_stem", "init"},
                     [&] { train(options, scratch / "none", false); });
}

TEST_F(ClapTraining, StatisticsOfAFrozenStemAreTrainedAndResume) {
  const fs::path file = scratch / "model" / "clap" / "config.json";
  ClapModelConfig config = read_clap_config(file);
  config.statistics = {2, 2, 0.5};
  write_file_atomic(file, to_json(config).dump());
  write_tower();
  const TrainResult whole = train(frozen_recipe(6), scratch / "whole", false);
  train(frozen_recipe(3), scratch / "halves", false);
  expect_equal_checkpoints(whole.checkpoint, train(frozen_recipe(6), scratch / "halves", true).checkpoint);
  const SafeTensors trained = SafeTensors::open(whole.checkpoint / "model.safetensors");
  EXPECT_GT(read_tensor(trained, "audio_statistics.norm.running_mean").abs().mean().item<double>(), 1e-3);
  const SafeTensors half = SafeTensors::open(scratch / "halves" / "step-3" / "model.safetensors");
  for (const char* name : {"audio_projection.0.weight", "audio_turns.0.weight", "audio_turns.1.weight"})
    EXPECT_FALSE(read_tensor(trained, name).equal(read_tensor(half, name))) << name;
  export_model({scratch / "whole"}, scratch / "model" / "clap", {.dtype = "i8"});
  const ClapEngine clap = ClapEngine::load((scratch / "model").string(), {});
  std::vector<float> buzz(32000), silence(32000);
  for (std::size_t i = 0; i < buzz.size(); ++i) buzz[i] = i % 32 < 16 ? 0.3f : -0.3f;
  EXPECT_LT(cosine(clap.audio(buzz), clap.audio(silence)), 0.999f);
}

TEST_F(ClapTraining, LearnsAndTheExportedFolderTellsTonesApart) {
  TrainOptions options = clap_recipe(300);
  options.batch = 8;
  options.optimizer.lr = 1.5e-3, options.optimizer.warmup_steps = 30;
  options.tower.max_time_stripe = 5, options.tower.max_mel_stripe = 1;
  options.optimizer.tower_lr_scale = 1;
  options.clap.single_share = 0.6;
  options.val_every = options.save_every = 100;
  options.val_items = 10;
  options.deterministic = false;
  train(options, scratch / "run", false);
  const std::vector<Json> records = metrics("run");
  EXPECT_LT(last(records, "loss"), 0.7 * records[0]["loss"].get<double>());
  Json figures;
  for (const Json& record : records)
    if (record.contains("validation")) figures = record["validation"];
  EXPECT_GT(figures["of_four"].get<double>(), 0.5);  // chance 0.25
  for (const char* key : {"top1", "top5", "audio_to_text_r1", "text_to_audio_r10", "scenes"})
    EXPECT_TRUE(figures.contains(key)) << key;
  export_model({scratch / "run"}, scratch / "model" / "clap", {.dtype = "i8"});
  const ClapEngine clap = ClapEngine::load((scratch / "model").string(), {});
  int right = 0;
  const std::vector<LabelInfo> labels = test::tone_labels();
  for (int label = 0; label < 10; ++label) {
    const std::vector<std::int16_t> tone = test::tone(labels[static_cast<std::size_t>(label)].name, label, 0);
    std::vector<float> samples;
    for (const std::int16_t x : tone) samples.push_back(static_cast<float>(x) / 32768);
    const Vector vector = clap.audio(samples);
    const float own =
        cosine(vector, clap.text("the sound of " + labels[static_cast<std::size_t>(label)].short_name));
    const int other = (label + 5) % 10;
    right +=
        own > cosine(vector, clap.text("the sound of " + labels[static_cast<std::size_t>(other)].short_name));
  }
  EXPECT_GE(right, 7);
}

TEST_F(ClapTraining, PairsFromFilesResumeBitForBitAndShardsGiveTheSame) {
  write_wav(scratch / "bank/audio/bell0.wav", std::vector<float>(16000 * 7, 0.25f));  // longer than a window
  const std::string file = write_pairs("pairs.jsonl");
  const TrainResult whole = train(pairs_recipe(file, 6), scratch / "whole", false);
  TrainOptions options = pairs_recipe(file, 3);
  options.workers = 3;
  train(options, scratch / "halves", false);
  options.steps = 6, options.workers = 0;
  expect_equal_checkpoints(whole.checkpoint, train(options, scratch / "halves", true).checkpoint);
  EXPECT_EQ(metrics("whole"), metrics("halves"));
  Json figures;
  for (const Json& record : metrics("whole"))
    if (record.contains("validation")) figures = record["validation"];
  EXPECT_EQ(figures["scenes"], 6);  // two of seven share their first caption
  EXPECT_TRUE(figures.contains("negative"));
  EXPECT_FALSE(figures.contains("top1"));  // without a bank no labels
  if (built_with_archive()) {
    const TrainResult shard = train(pairs_recipe(write_shard("pairs.tar"), 6), scratch / "shard", false);
    const auto model = [](const fs::path& step) { return sha256_file(step / "model.safetensors"); };
    EXPECT_EQ(model(shard.checkpoint), model(whole.checkpoint));
  }
  // Other texts under the same name are another run.
  std::string changed = read_file(file);
  changed.replace(changed.find("the sound of"), 12, "a sound like");
  write_file_atomic(file, changed);
  options.steps = 9;
  test::expect_error(ErrorKind::kUser, {"clap.pairs_sum"}, [&] { train(options, scratch / "halves", true); });
}

TEST_F(ClapTraining, PairsThatCannotBeHeardLeaveTheirPlaceEmpty) {
  const std::string file = write_pairs("pairs.jsonl");
  TrainOptions options = pairs_recipe(file, 7);
  options.batch = 1;
  write_file_atomic(scratch / "bank/audio/cow0.wav", "no sound");
  train(options, scratch / "run", false);
  int empty = 0;
  for (const Json& record : metrics("run"))
    if (record.contains("targets")) empty += record["targets"] == 0.0;
  EXPECT_EQ(empty, 1);  // one pass over seven
  for (int label = 0; label < 7; ++label)
    write_file_atomic(
        scratch / "bank/audio" / (test::tone_labels()[static_cast<std::size_t>(label)].name + "0.wav"),
        "no sound");
  std::string many = read_file(file);
  for (const char* more : {"x", "y"})
    for (const char* name : {"bell", "bird", "cat"})
      many += std::string(R"({"audio":"bank/audio/)") + name + R"(0.wav","start":)" +
              (*more == 'x' ? "1" : "2") + R"(,"captions":["a"]})" + "\n";
  write_file_atomic(file, many);
  options.steps = 20;
  test::expect_error(ErrorKind::kData, {"could not be read"},
                     [&] { train(options, scratch / "bad", false); });
}

TEST_F(ClapTraining, RecipesThatDoNotFitAreRefusedByKey) {
  const auto refused = [&](const char* key, const std::function<void(TrainOptions&)>& change) {
    TrainOptions options = clap_recipe(3);
    change(options);
    test::expect_error(ErrorKind::kUser, {key}, [&] { train(options, scratch / "bad", false); });
  };
  refused("clap.objective", [](TrainOptions& o) { o.clap.objective = "triplet"; });
  refused("clap.captions", [](TrainOptions& o) { o.clap.captions.positives = 0; });
  refused("clap.single_share", [](TrainOptions& o) { o.clap.single_share = 2; });
  refused("clap.join_share", [](TrainOptions& o) { o.clap.join_share = 0.5; });  // without a pool
  refused("clap.quiet_share", [](TrainOptions& o) { o.clap.quiet_share = 0.5; });
  refused("clap.recordings", [](TrainOptions& o) { o.clap.recordings = 4; });  // without label_weight
  refused("clap.most_pieces", [](TrainOptions& o) { o.clap.most_pieces = 0; });
  refused("bank", [](TrainOptions& o) { o.bank.clear(); });
  refused("clap.pairs", [&](TrainOptions& o) { o.task = "tower", o.clap.pairs = {"x.jsonl"}; });
  refused("clap.val_scenes", [](TrainOptions& o) { o.clap.val_scenes = 1; });
  TrainOptions options = clap_recipe(3);
  options.model = (scratch / "model").string();
  test::expect_error(ErrorKind::kUser, {"config.json"}, [&] { train(options, scratch / "bad", false); });
}

}  // namespace
}  // namespace af2
