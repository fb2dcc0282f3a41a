// Recipes as files: what `base` means, and that every recipe of the project reads.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "../scratch.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/eval/ablation.h"
#include "af2/model/af2_config.h"
#include "af2/model/clap_config.h"
#include "af2/train/stages.h"
#include "model_testing.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;

TEST(Recipes, ABaseHoldsWhereARecipeHasNoKeyOfItsOwn) {
#ifndef AF2_WITH_YAML
  GTEST_SKIP() << "this build reads no YAML";
#endif
  test::Scratch scratch;
  const auto write = [&](const std::string& name, const std::string& text) {
    fs::create_directories((scratch.path() / name).parent_path());
    write_file_atomic(scratch.path() / name, text);
    return scratch.path() / name;
  };
  write("first.yaml",
        "task: clap\nmodel: m\nbank: b\nsteps: 5\nclap: {objective: infonce, captions: {positives: 2, "
        "negatives: 3}}\n");
  write("more/second.json",
        R"({"base": "../first.yaml", "steps": 7, "clap": {"captions": {"negatives": 1}}})");
  const TrainOptions options =
      read_train_options(write("third.yaml", "base: more/second.json\nseed: 9\nclap: {objective: null}\n"));
  EXPECT_EQ(options.task, "clap");
  EXPECT_EQ(options.steps, 7);
  EXPECT_EQ(options.seed, 9);
  EXPECT_EQ(options.clap.captions.positives, 2);
  EXPECT_EQ(options.clap.captions.negatives, 1);
  EXPECT_EQ(options.clap.objective, TrainOptions().clap.objective);  // null: the default again

  const auto refused = [&](const std::string& text, std::vector<std::string> parts,
                           ErrorKind kind = ErrorKind::kUser) {
    const fs::path path = write("bad.yaml", text);
    test::expect_error(kind, parts, [&] { read_train_options(path); });
  };
  refused("base: bad.yaml\n", {"bad.yaml", "base", "goes back"});
  refused("base: 3\n", {"bad.yaml", "base"});
  refused("base: none.yaml\n", {"none.yaml"}, ErrorKind::kData);
  refused("base: first.yaml\nstep: 3\n", {"bad.yaml", "step"});
}

TEST(Recipes, EveryRecipeOfTheProjectReads) {
#ifndef AF2_WITH_YAML
  GTEST_SKIP() << "this build reads no YAML";
#endif
  int n = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(AF2_SOURCE_DIR) / "recipes/mini")) {
    if (entry.path().extension() != ".yaml") continue;
    EXPECT_NO_THROW(read_train_stages(entry.path())) << entry.path();
    ++n;
  }
  EXPECT_EQ(n, 9);
  const fs::path folder = fs::path(AF2_SOURCE_DIR) / "recipes/mini";
  // Every recipe trains the same network, and the stages go from simple questions to long sounds.
  for (const char* name : {"tower", "listener", "joined", "naming", "listener-long"})
    EXPECT_EQ(read_train_options(folder / (std::string(name) + ".yaml")).model, "recipes/mini");
  const std::vector<TrainOptions> stages = read_train_stages(folder / "curriculum.yaml");
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0].model, "recipes/mini");
  EXPECT_LT(stages[0].stage.windows, stages[1].stage.windows);
  EXPECT_EQ(read_af2_config(folder / "config.json").clap.out_dim(), 384);
  TrainOptions ours = read_train_options(folder / "clap.yaml");
  TrainOptions plain =
      read_train_options(folder / "clap-infonce.yaml");  // the ablation: one loss for another
  ours.clap.objective = "infonce", ours.clap.edit_weight = 0;
  EXPECT_EQ(to_json(ours), to_json(plain));
}

// What recipes train is what ships, but for where its language model and its tower lie.
TEST(Recipes, TheShippedMiniHasTheRecipesConfig) {
  const fs::path source = AF2_SOURCE_DIR;
  Af2Config recipe = read_af2_config(source / "recipes/mini/config.json");
  Af2Config shipped = read_af2_config(source / "models/mini/config.json");
  EXPECT_EQ(shipped.clap.file, "clap/model.safetensors");
  recipe.clap.file = shipped.clap.file;
  recipe.lm.file = shipped.lm.file;
  EXPECT_EQ(to_json(recipe), to_json(shipped));
}

// The folder that recipes train in and the shipped one, which takes the tokenizer beside it.
TEST(Recipes, TheShippedAfClapHasTheRecipesConfig) {
  const fs::path source = AF2_SOURCE_DIR;
  ClapModelConfig recipe = read_clap_config(source / "recipes/mini/af-clap/config.json");
  ClapModelConfig shipped = read_clap_config(source / "models/mini/clap/config.json");
  EXPECT_EQ(fs::weakly_canonical(source / "recipes/mini/af-clap" / recipe.text.lm),
            fs::weakly_canonical(source / "models/mini/clap" / shipped.text.lm));
  recipe.text.lm = shipped.text.lm;
  EXPECT_EQ(to_json(recipe), to_json(shipped));
}

// The published sizes: the curriculum's numbers (docs/spec/training.md section 1), and that every schedule of
// table 6 trains what it says.
TEST(Recipes, ThePublishedCurriculumAndItsSchedulesRead) {
#ifndef AF2_WITH_YAML
  GTEST_SKIP() << "this build reads no YAML";
#endif
  const fs::path folder = fs::path(AF2_SOURCE_DIR) / "recipes/af2";
  for (const std::string size : {"0.5b", "1.5b", "3b", "7b"}) {
    const std::vector<TrainOptions> stages = read_train_stages(folder / (size + ".yaml"));
    ASSERT_EQ(stages.size(), 3u);
    const std::vector<int> windows = {3, 12, 30};
    const std::vector<double> rates = {1e-4, 2e-5, 2e-5};
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(stages[i].stage.windows, windows[i]);
      EXPECT_EQ(stages[i].optimizer.lr, rates[i]);
      EXPECT_EQ(stages[i].optimizer.warmup_steps, 1875);
      EXPECT_EQ(stages[i].model, "models/af2-" + size);
      EXPECT_EQ(stages[i].init, i == 0 ? "models/af-clap" : "");
      EXPECT_EQ(stages[i].stage.trains("clap"), i == 1);
      EXPECT_GE(stages[i].stage.max_windows, stages[i].stage.windows);
    }
    EXPECT_EQ(stages[0].stage.max_clips * stages[0].stage.batches_per_step, 1024);
    const Af2Config config = read_af2_config(folder / "models" / (size + ".json"));
    EXPECT_EQ(config.clap.out_dim(), 2048);
    EXPECT_GE(config.audio.max_windows, 30);
    std::set<std::string> names;
    double msd = 0;
    for (const TrainSetOptions& set : stages[1].stage.sets) {
      EXPECT_TRUE(names.insert(set.group + "/" + set.name).second) << set.name;
      if (set.name == "lp_musiccaps_msd") msd = set.passes;
    }
    EXPECT_EQ(names.size(), 27u + 11u + 1u);
    EXPECT_EQ(msd, 0.026);
  }
  const std::vector<std::vector<std::string>> trained = {{"a"},
                                                         {"ca"},
                                                         {"a", "ca"},
                                                         {"a", "al"},
                                                         {"a", "cal"},
                                                         {"a", "a"},
                                                         {"a", "ca", "a"},
                                                         {"a", "ca", "al"},
                                                         {"a", "ca", "al", "a"},
                                                         {"a", "ca", "cal", "a"}};
  test::Scratch scratch;
  for (std::size_t k = 0; k < trained.size(); ++k) {
    const std::string name = "s" + std::to_string(k + 1);
    const fs::path size = scratch / (name + ".json");
    write_file_atomic(
        size, Json{{"base", (folder / "schedules" / (name + ".yaml")).string()}, {"model", "m"}}.dump());
    const std::vector<TrainOptions> stages = read_train_stages(size);
    std::vector<std::string> said;
    std::set<std::string> groups;
    for (const TrainOptions& options : stages) {
      std::string& parts = said.emplace_back();
      for (const std::string& part : options.stage.train) parts += part.substr(0, 1);
      groups.insert(options.stage.groups.begin(), options.stage.groups.end());
    }
    EXPECT_EQ(said, trained[k]) << name;
    EXPECT_EQ(groups.size(), 3u) << name << ": no data is left out";
    EXPECT_EQ(stages.back().stage.windows, 30) << name;
  }
  const TrainOptions clap = read_train_options(folder / "clap.yaml");
  EXPECT_EQ(clap.batch, 256);
  EXPECT_DOUBLE_EQ(clap.optimizer.lr * clap.optimizer.tower_lr_scale, 5e-4);
  const TrainOptions infonce = read_train_options(folder / "clap-infonce.yaml"),
                     uncleaned = read_train_options(folder / "clap-uncleaned.yaml");
  EXPECT_EQ(clap.clap.objective, "afclap");
  EXPECT_EQ(infonce.clap.objective, "infonce");
  EXPECT_EQ(infonce.clap.pairs, clap.clap.pairs);
  EXPECT_EQ(uncleaned.clap.objective, "afclap");
  EXPECT_NE(uncleaned.clap.pairs, clap.clap.pairs);
  EXPECT_EQ(uncleaned.clap.val_pairs, clap.clap.val_pairs);
  read_clap_config(folder / "models" / "af-clap" / "config.json").check("af-clap");
}

// The paper's ablations as a plan: every variant's recipe and config can be read and hold together.
TEST(Recipes, ThePapersAblationsRead) {
#ifndef AF2_WITH_YAML
  GTEST_SKIP() << "this build reads no YAML";
#endif
  const fs::path source = AF2_SOURCE_DIR;
  AblationPlan plan = read_ablation_plan(source / "recipes/ablations/paper.yaml");
  plan.recipe = source / plan.recipe;
  EXPECT_EQ(plan.variants.size(), 16u);
  EXPECT_EQ(plan.paper.size(), plan.variants.size());
  const fs::path model = source / "recipes/af2/models/3b.json";
  test::Scratch scratch;
  for (const AblationVariant& variant : plan.variants) {
    Af2Config config;
    from_json(config_of(variant, read_config_file(model), model.string()), config, variant.name);
    EXPECT_NO_THROW(config.check(variant.name));
    write_file_atomic(scratch / "recipe.json", recipe_of(plan, variant, 42).dump());
    const std::vector<TrainOptions> stages = read_train_stages(scratch / "recipe.json");
    EXPECT_EQ(stages.size(), variant.name.starts_with("only_") ? 2u : 3u) << variant.name;
    EXPECT_EQ(config.conditioning, variant.name == "prefix" ? "prefix" : "xattn");
    EXPECT_EQ(config.xattn.every, variant.name == "every_3" ? 3 : variant.name == "every_6" ? 6 : 1);
    for (const TrainOptions& options : stages)
      EXPECT_EQ(options.stage.fraction < 1, variant.name.ends_with("_of_the_data")) << variant.name;
  }
}

// The mini's own: every variant is of the recipes' network but for what it changes, and no stage of one uses
// the sets it is without.
TEST(Recipes, TheMinisAblationsRead) {
#ifndef AF2_WITH_YAML
  GTEST_SKIP() << "this build reads no YAML";
#endif
  const fs::path source = AF2_SOURCE_DIR;
  AblationPlan plan = read_ablation_plan(source / "recipes/ablations/mini.yaml");
  plan.recipe = source / plan.recipe;
  const fs::path model = source / "recipes/mini/config.json";
  test::Scratch scratch;
  std::set<std::string> trained;
  for (const AblationVariant& variant : plan.variants) {
    if (!variant.of.empty()) continue;  // another's runs
    Af2Config config;
    from_json(config_of(variant, read_config_file(model), model.string()), config, variant.name);
    EXPECT_NO_THROW(config.check(variant.name));
    write_file_atomic(scratch / "recipe.json", recipe_of(plan, variant, 1).dump());
    std::set<std::string> sets;
    const auto names = [](const std::vector<std::string>& list, const std::string& name) {
      return std::find(list.begin(), list.end(), name) != list.end();
    };
    for (const TrainOptions& options : read_train_stages(scratch / "recipe.json"))
      for (const TrainSetOptions& set : options.stage.sets) {
        const bool grouped = options.stage.groups.empty() || names(options.stage.groups, set.group);
        if (grouped && !names(options.stage.exclude, set.name)) sets.insert(set.name);
      }
    EXPECT_EQ(sets.contains("audioskills"), variant.name != "without_audioskills") << variant.name;
    EXPECT_TRUE(sets.contains("longaudio")) << variant.name;
    EXPECT_TRUE(sets.contains("names")) << variant.name;
    trained.insert(variant.name);
  }
  EXPECT_TRUE(trained.contains("rope_off") && trained.contains("head") && trained.contains("no_transformer"));
}

}  // namespace
}  // namespace af2
