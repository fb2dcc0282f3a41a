#include "af2/eval/ablation.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"
#include "af2/eval/scoring.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

// The file as it is written, for the reader of options.
struct PlanFile {
  struct Variant {
    std::string load, of, after, note;
    Json recipe = Json::object(), config = Json::object();
    std::vector<std::int64_t> seeds;

    template <class V>
    void visit(V& v) {
      v.field("load", load, "a model folder that is scored as it is");
      v.field("of", of, "another variant, whose runs are scored as they are after the stage `after`");
      v.field("after", after, "name of that stage");
      v.field("recipe", recipe, "keys of the recipe with their values: data.count: 0");
      v.field("config", config, "keys of the model's config.json with their values");
      v.field("seeds", seeds, "its own seeds");
      v.field("note", note, "for the table");
    }
  };
  struct Bench {
    std::string file, root;
    std::int64_t limit = 0;
    std::vector<std::string> baselines;
    bool likeliest = false;
    Json where = Json::object();

    template <class V>
    void visit(V& v) {
      v.field("file", file, "the benchmark's file");
      v.field("root", root, "folder of its data");
      v.field("limit", limit, "the first so many items; 0: all");
      v.field("baselines", baselines, "asked beside it");
      v.field("likeliest", likeliest, "items with options: the likeliest one");
      v.field("where", where, "items of these groups alone: form: choice");
    }
  };
  struct Column {
    std::string title, benchmark, metric, by, value;
    std::optional<double> scale;

    template <class V>
    void visit(V& v) {
      v.field("title", title, "of the column");
      v.field("benchmark", benchmark, "id of a listed benchmark");
      v.field("metric", metric, "its primary one where none is named");
      v.field("by", by, "a group of items");
      v.field("value", value, "of that group");
      v.field("scale", scale, "100 for percent");
    }
  };
  std::string name, recipe, model, dtype = "f32", compared_with;
  std::vector<std::int64_t> seeds = {1};
  Json variants = Json::object(), paper = Json::object();
  std::vector<Bench> benchmarks;
  std::vector<Column> columns;

  template <class V>
  void visit(V& v) {
    v.field("name", name, "of the table");
    v.field("recipe", recipe, "that all variants begin from");
    v.field("model", model, "folder whose config.json they change");
    v.field("dtype", dtype, "of exported weights: f32, bf16, i8");
    v.field("seeds", seeds, "each variant is trained once with each");
    v.field("variants", variants, "by name");
    v.field("benchmarks", benchmarks, "what each is scored on");
    v.field("columns", columns, "of the table");
    v.field("compared_with", compared_with, "the variant that differences are to");
    v.field("paper", paper, "its figures, by variant, one a column");
  }
};

void need_in_plan(bool holds, const std::string& what, const std::string& where,
                  const std::string& hint = "") {
  if (!holds) throw user_error(what, where, hint);
}

// Puts `value` at a dotted key, making the tables on the way.
void put_dotted(Json& json, const std::string& key, const Json& value) {
  Json* at = &json;
  for (const std::string& part : split(key, '.')) at = &(*at)[part];
  *at = value;
}

AblationVariant variant_of(const std::string& name, const Json& json, const std::string& where) {
  PlanFile::Variant read;
  if (!json.is_null()) from_json(json, read, where);
  AblationVariant variant{name,        read.load,   read.of,    read.after,
                          read.recipe, read.config, read.seeds, read.note};
  need_in_plan(variant.recipe.is_object(), "must be a table of keys", where + " key recipe");
  need_in_plan(variant.config.is_object(), "must be a table of keys", where + " key config");
  const bool own = !variant.recipe.empty() || !variant.config.empty() || !variant.seeds.empty();
  need_in_plan(variant.load.empty() || !own,
               "what is loaded is not trained: recipe, config and seeds do not go with it",
               where + " key load");
  need_in_plan(variant.of.empty() || (!own && variant.load.empty()),
               "what another variant trains has its recipe, config and seeds", where + " key of");
  need_in_plan(variant.of.empty() == variant.after.empty(), "of and after belong together",
               where + " key after");
  for (const char c : name)
    need_in_plan(std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-',
                 "may hold letters, digits, _ and - alone: it names a folder", where);
  return variant;
}

}  // namespace

AblationPlan read_ablation_plan(const fs::path& file) {
  PlanFile read;
  const std::string where = file.string();
  from_json(read_config_file(file), read, where);
  AblationPlan plan;
  plan.name = read.name.empty() ? file.stem().string() : read.name;
  plan.recipe = read.recipe, plan.model = read.model, plan.dtype = read.dtype, plan.seeds = read.seeds;
  need_in_plan(read.variants.is_object() && !read.variants.empty(), "names no variants",
               where + " key variants");
  for (const auto& [name, json] : read.variants.items())
    plan.variants.push_back(variant_of(name, json, where + " key variants." + name));
  for (AblationVariant& variant : plan.variants) {
    if (variant.of.empty()) continue;
    const auto other =
        std::find_if(plan.variants.begin(), plan.variants.end(), [&](const AblationVariant& one) {
          return one.name == variant.of && one.load.empty() && one.of.empty();
        });
    need_in_plan(other != plan.variants.end(), "is no variant that is trained: " + variant.of,
                 where + " key variants." + variant.name + ".of");
    variant.seeds = other->seeds;
  }
  const bool trains = std::any_of(plan.variants.begin(), plan.variants.end(),
                                  [](const AblationVariant& one) { return one.load.empty(); });
  need_in_plan(!trains || !plan.recipe.empty(), "is missing, and not all variants are loaded",
               where + " key recipe");
  need_in_plan(!trains || !plan.model.empty(), "is missing, and not all variants are loaded",
               where + " key model");
  need_in_plan(!plan.seeds.empty(), "names none", where + " key seeds");
  std::set<std::string> known;
  for (const PlanFile::Bench& bench : read.benchmarks) {
    need_in_plan(!bench.file.empty(), "is missing", where + " key benchmarks.file");
    AblationBenchmark one{bench.file, bench.root, bench.limit, bench.baselines, bench.likeliest, {}};
    need_in_plan(bench.where.is_object(), "must be a table of groups", where + " key benchmarks.where");
    for (const auto& [by, value] : bench.where.items()) {
      need_in_plan(value.is_string(), "must be a text", where + " key benchmarks.where." + by);
      one.where[by] = value.get<std::string>();
    }
    plan.benchmarks.push_back(std::move(one));
    known.insert(fs::path(bench.file).stem().string());
  }
  need_in_plan(!known.empty(), "names none", where + " key benchmarks");
  for (const PlanFile::Column& column : read.columns) {
    need_in_plan(known.contains(column.benchmark), "is no benchmark of this file: " + column.benchmark,
                 where + " key columns.benchmark", "one of: " + join({known.begin(), known.end()}, ", "));
    plan.columns.push_back(
        {column.title, column.benchmark, column.metric, column.by, column.value, column.scale});
  }
  if (plan.columns.empty())
    for (const std::string& id : known) plan.columns.push_back({id, id, "", "", "", std::nullopt});
  const auto has = [&](const std::string& name) {
    return std::any_of(plan.variants.begin(), plan.variants.end(),
                       [&](const AblationVariant& one) { return one.name == name; });
  };
  plan.compared_with = read.compared_with.empty() ? plan.variants.front().name : read.compared_with;
  need_in_plan(has(plan.compared_with), "is no variant: " + plan.compared_with, where + " key compared_with");
  plan.paper = read.paper;
  for (const auto& [name, row] : plan.paper.items()) {
    need_in_plan(has(name), "is no variant: " + name, where + " key paper");
    need_in_plan(row.is_array() && row.size() == plan.columns.size(),
                 "must have a value for each of " + std::to_string(plan.columns.size()) + " columns",
                 where + " key paper." + name);
  }
  return plan;
}

Json recipe_of(const AblationPlan& plan, const AblationVariant& variant, std::int64_t seed) {
  Json recipe = {{"base", fs::absolute(plan.recipe).string()}};
  for (const auto& [key, value] : variant.recipe.items()) put_dotted(recipe, key, value);
  recipe["seed"] = seed;
  return recipe;
}

Json config_of(const AblationVariant& variant, Json config, const std::string& where) {
  for (const auto& [key, value] : variant.config.items()) {
    const Json* at = &config;
    for (const std::string& part : split(key, '.')) {
      if (!at->is_object() || !at->contains(part))
        throw user_error("has no key " + key, where, "variant " + variant.name + " wants to change it");
      at = &(*at)[part];
    }
    put_dotted(config, key, value);
  }
  return config;
}

void keep_where(const AblationBenchmark& bench, std::vector<EvalItem>& items) {
  if (bench.where.empty()) return;
  std::vector<std::string> asked;
  for (const auto& [by, value] : bench.where) asked.push_back(by + ": " + value);
  std::erase_if(items, [&](const EvalItem& item) {
    return std::any_of(bench.where.begin(), bench.where.end(),
                       [&](const auto& one) { return group_of(item, one.first) != one.second; });
  });
  if (items.empty())
    throw user_error("has no item with " + join(asked, ", "), bench.file.string(),
                     "`by` of the benchmark names the groups that `where` may ask for");
}

}  // namespace af2
