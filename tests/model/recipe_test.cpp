// Recipes as files: what `base` means, and that every recipe of the project reads.
#include <gtest/gtest.h>

#include <filesystem>

#include "../scratch.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/model/clap_config.h"
#include "af2/train/train_options.h"
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
    EXPECT_NO_THROW(read_train_options(entry.path())) << entry.path();
    ++n;
  }
  EXPECT_GE(n, 13);
  const fs::path folder = fs::path(AF2_SOURCE_DIR) / "recipes/mini";
  TrainOptions ours = read_train_options(folder / "clap.yaml");
  TrainOptions plain =
      read_train_options(folder / "clap-infonce.yaml");  // the ablation: one loss for another
  ours.clap.objective = "infonce", ours.clap.edit_weight = 0;
  EXPECT_EQ(to_json(ours), to_json(plain));
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

}  // namespace
}  // namespace af2
