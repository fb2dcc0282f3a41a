// Variants of one recipe, each trained with several seeds and scored on the same benchmarks: what a table of
// ablations is made from (docs/spec/training.md section 10).
//
// Training and asking are the caller's (af2/cli/command_ablate.cpp): here is what a file of variants says,
// which recipe each of them comes to, and the table of what was scored. Thread rule: plain values.
//
//   const AblationPlan plan = read_ablation_plan("recipes/ablations/toy.yaml");
//   const Json recipe = recipe_of(plan, plan.variants[0], plan.seeds[0]);
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/eval/eval_item.h"

namespace af2 {

struct AblationVariant {
  std::string name;
  std::string load;                 // a model folder that is scored as it is; empty: it is trained
  std::string of, after;            // another variant's runs, scored as they are after that stage of theirs
  Json recipe = Json::object();     // dotted keys of the recipe: {"data.count": 0}
  Json config = Json::object();     // dotted keys of the model's config.json: {"xattn.every": 2}
  std::vector<std::int64_t> seeds;  // its own, in place of the plan's
  std::string note;                 // for the table
};

struct AblationColumn {
  std::string title, benchmark;  // of the table; id of a benchmark of the plan
  std::string metric;            // empty: its primary one
  std::string by, value;         // of one group; empty: of all
  std::optional<double> scale;   // 100 for percent (the default)
};

struct AblationBenchmark {
  std::filesystem::path file, root;
  std::int64_t limit = 0;
  std::vector<std::string> baselines;
  bool likeliest = false;
  std::map<std::string, std::string> where;  // items alone whose group (`by` of the benchmark) has this value
};

struct AblationPlan {
  std::string name;
  std::filesystem::path recipe;
  std::filesystem::path model;  // whose config.json the variants change
  std::string dtype = "f32";    // of the exported weights
  std::vector<std::int64_t> seeds;
  std::vector<AblationVariant> variants;
  std::vector<AblationBenchmark> benchmarks;
  std::vector<AblationColumn> columns;
  std::string compared_with;  // name of the variant that differences are to
  Json paper =
      Json::object();  // variant -> list of what the paper's table says, one a column; null where nothing
};

// Paths of the file are relative to the working folder, as in recipes. Throws kUser naming file and key:
// unknown key, no variants, two of a name, a variant of another that is not trained, a column of a benchmark
// that is not listed, an override of a key that the recipe or the config does not have.
AblationPlan read_ablation_plan(const std::filesystem::path& file);

// A recipe file's content: the plan's recipe as its `base`, a variant's overrides and the seed.
Json recipe_of(const AblationPlan& plan, const AblationVariant& variant, std::int64_t seed);
// `config` (of the model's config.json) with the variant's overrides. Throws kUser for a key that is not
// there.
Json config_of(const AblationVariant& variant, Json config, const std::string& where);

// Leaves the items that `bench.where` asks for, in their order. Throws kUser where none is left.
void keep_where(const AblationBenchmark& bench, std::vector<EvalItem>& items);

// What one run scored: [items] score by id, for each column.
struct AblationScores {
  std::string variant;
  std::int64_t seed = 0;
  double core_hours = 0;  // of its training
  struct Item {
    std::string id, cluster;
    double score = 0;
  };
  std::vector<std::vector<Item>> columns;  // [columns]
};

// The table: for each variant the mean over its seeds, the spread between them, a 95 % interval by clusters
// of items, the difference to `compared_with` with its interval, core-hours, and the paper's figures. Schema
// af2-ablation-table/1.
Json ablation_table(const AblationPlan& plan, const std::vector<AblationScores>& scores,
                    int resamples = 10000);
std::string ablation_markdown(const Json& table);

}  // namespace af2
