// Items of benchmarks: the look-alike of every published layout gives the ids, golds, options, references,
// labels and clips that it was written from (tests/oracle/make_benchmark_fixtures.py).
#include "af2/eval/benchmark_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "af2/core/json.h"
#include "af2/eval/benchmark_texts.h"
#include "af2/eval/prompts.h"
#include "eval_benchmark_testing.h"
#include "factory_item_maker.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using EvalTexts = std::vector<std::string>;
using EvalTextMap = std::map<std::string, std::string>;

void expect_item(const Benchmark& benchmark, const LabelSet& labels, const EvalItem& item, const Json& want) {
  SCOPED_TRACE(benchmark.id + " " + item.id);
  EXPECT_EQ(item.id, want.at("id"));
  EXPECT_EQ(Json(item.audio), want.at("audio"));
  EXPECT_EQ(Json(item.refs), want.at("refs"));
  EXPECT_EQ(item.task, want.value("task", benchmark.task));
  EXPECT_EQ(item.cluster, want.contains("cluster") ? want.at("cluster") : want.at("audio")[0]);
  EXPECT_EQ(Json(item.choices), want.value("choices", Json::array()));
  EXPECT_EQ(item.gold_index, want.value("gold", -1));
  EXPECT_EQ(Json(item.labels), want.value("labels", Json::array()));
  EXPECT_EQ(Json(item.faults), want.value("faults", Json::array()));
  EXPECT_THAT(item.where, HasSubstr("/"));
  for (const auto& [key, text] : std::initializer_list<std::pair<const char*, std::string>>{
           {"question", item.question}, {"hypothesis", item.hypothesis}, {"context", item.context}})
    EXPECT_EQ(text, want.value(key, text)) << key;
  const Json none = Json::object();
  const auto part = [&](const char* key) -> const Json& { return want.contains(key) ? want.at(key) : none; };
  for (const auto& [name, value] : part("groups").items())
    EXPECT_EQ(item.groups.count(name) ? item.groups.at(name) : "none", value) << name;
  for (const auto& [name, value] : part("fields").items())
    EXPECT_EQ(item.fields.count(name) ? item.fields.at(name) : "none", value) << name;
  ASSERT_EQ(want.contains("prompt"), !benchmark.prompts.empty());
  if (want.contains("prompt")) {
    EXPECT_EQ(prompt_for(benchmark, labels, item), want.at("prompt"));
  }
  for (const auto& [name, prompt] : part("prompts").items())
    EXPECT_EQ(prompt_for(benchmark, labels, item, name), prompt) << name;
}

TEST(EvalItems, EveryLayoutGivesTheItemsItWasWrittenFrom) {
  for (const Benchmark& benchmark : read_benchmarks(test::benchmark_folder())) {
    SCOPED_TRACE(benchmark.id);
    const fs::path golden = test::benchmark_texts_of("expected") / (benchmark.id + ".json");
    const Json want = parse_json(read_file(golden), golden.string());
    const test::Scratch scratch;
    test::lay_out_benchmark(benchmark, want.at("folder"), scratch / "root");
    ReadItemsOptions options;
    options.allow_partial = true, options.open_audio = true;
    const BenchmarkItems read = read_items(benchmark, scratch / "root", options);
    ASSERT_EQ(read.items.size(), want.at("items").size());
    ASSERT_GE(read.items.size(), 5u);
    EXPECT_EQ(read.n_items, read.items.size());
    EXPECT_THAT(read.missing, IsEmpty());
    EXPECT_THAT(read.unreadable, IsEmpty());
    EXPECT_FALSE(read.sha256.empty());
    for (std::size_t i = 0; i < read.items.size(); ++i)
      expect_item(benchmark, read.labels, read.items[i], want.at("items")[i]);
    // Counts of a look-alike are not those of the whole set, and that is told.
    for (const auto& [what, number] : benchmark.data.at("expect").items())
      if (what == "items") {
        EXPECT_THAT(read.mismatches, ::testing::Contains(HasSubstr("items: expected ")));
      }
    const std::string text = benchmark_check_text(benchmark, scratch / "root", read);
    EXPECT_THAT(text, HasSubstr("missing clips: 0"));
    EXPECT_THAT(text, HasSubstr("sample: item "));
    const Json json = benchmark_check_json(benchmark, scratch / "root", read);
    EXPECT_EQ(json.at("counts").at("items"), read.n_items);
    EXPECT_EQ(json.at("complete"), read.mismatches.empty());
  }
}

// What only some layouts have.
BenchmarkItems read_look_alike(const std::string& id, const std::string& folder, const fs::path& root) {
  const Benchmark benchmark = test::repository_benchmark(id);
  test::lay_out_benchmark(benchmark, folder, root);
  ReadItemsOptions options;
  options.allow_partial = true;
  return read_items(benchmark, root, options);
}

TEST(EvalItems, LabelsComeFromTheListAFileOrTheData) {
  const test::Scratch scratch;
  const BenchmarkItems set =
      read_look_alike("clap_zeroshot_audioset", "clap_zeroshot_audioset", scratch / "a");
  EXPECT_THAT(set.labels.list, ElementsAre("Speech", "Male speech, man speaking", "Dog", "Gush", "Rain"));
  EXPECT_THAT(set.mismatches, ElementsAre("items: expected 20371, found 5", "labels: expected 527, found 5"));
  const BenchmarkItems fsd = read_look_alike("fsd50k", "fsd50k", scratch / "b");
  EXPECT_EQ(fsd.labels.list.size(), 5u);
  EXPECT_EQ(fsd.labels.shown("Coin_(dropping)"), "coin (dropping)");
  const BenchmarkItems vgg =
      read_look_alike("clap_zeroshot_vggsound", "clap_zeroshot_vggsound", scratch / "c");
  EXPECT_THAT(vgg.labels.list,
              ElementsAre("bird chirping, tweeting", "car \"honk\"", "people sneezing", "train horning"));
  EXPECT_EQ(vgg.sha256.size(), 1u);
}

TEST(EvalItems, CountsAreThoseBeforeAndAfterRowsAreTakenApart) {
  const test::Scratch scratch;
  const BenchmarkItems clotho =
      read_look_alike("audio_entailment_clotho", "audio_entailment_clotho", scratch / "a");
  EXPECT_EQ(clotho.n_rows, 2u);
  EXPECT_EQ(clotho.n_items, 6u);
  EXPECT_EQ(clotho.n_clips, 2u);
  EXPECT_THAT(clotho.mismatches,
              ElementsAre("rows: expected 1045, found 2", "items: expected 3135, found 6"));
  const BenchmarkItems captions = read_look_alike("audiocaps", "audiocaps", scratch / "b");
  EXPECT_EQ(captions.n_rows, 25u);
  EXPECT_EQ(captions.n_items, 5u);
  EXPECT_EQ(captions.fewest_refs, 5u);
  EXPECT_EQ(captions.most_refs, 5u);
  const BenchmarkItems suite = read_look_alike("cmi_bench", "cmi_bench", scratch / "c");
  EXPECT_EQ(suite.n_tasks, 2u);
  EXPECT_THAT(suite.mismatches, ElementsAre("tasks: expected 14, found 2"));
  const BenchmarkItems gtzan = read_look_alike("gtzan", "gtzan", scratch / "d");
  EXPECT_THAT(gtzan.notices,
              ElementsAre("genres_original/jazz/jazz.00054.wav: left out, as the benchmark's file says"));
}

TEST(EvalItems, TheProjectsOwnSetsAreAskedAsTheyAreTrained) {
  const Benchmark benchmark = read_benchmark(test::benchmark_folder() / "own" / "skills_test.yaml");
  const test::Scratch scratch;
  fs::create_directories(scratch / "set");
  std::vector<Item> items = test::made_items(24);
  items[0].options[1] = "A dog barks.";  // its full stop is not doubled
  items[4].start = 12.5, items[4].duration = 7.5;
  std::string lines;
  for (Item& item : items) {
    item.audio = "clips/" + item.record + ".wav";
    lines += item_line(item) + "\n";
  }
  write_file_atomic(scratch / "set/items.jsonl", lines);
  test::lay_out_benchmark(benchmark, "none", scratch / "set");
  ReadItemsOptions options;
  options.allow_partial = true;
  const BenchmarkItems read = read_items(benchmark, scratch / "set", options);
  ASSERT_EQ(read.items.size(), 24u);
  EXPECT_THAT(read.missing, IsEmpty());
  const EvalTexts tasks = {"mcq", "mcq", "open_qa", "yes_no"};
  for (std::size_t i = 0; i < items.size(); ++i) {
    const EvalItem& item = read.items[i];
    SCOPED_TRACE(item.id);
    EXPECT_EQ(item.id, items[i].id);
    EXPECT_EQ(item.cluster, items[i].group);
    EXPECT_EQ(item.audio, EvalTexts{items[i].audio});
    EXPECT_EQ(item.choices, items[i].options);
    EXPECT_EQ(item.gold_index, items[i].answer_index);
    EXPECT_EQ(item.refs, EvalTexts{items[i].answer});
    EXPECT_EQ(item.task, tasks[i % 4]);
    EXPECT_EQ(item.duration, items[i].duration);
    EXPECT_EQ(item.start, items[i].start);
    EXPECT_EQ(item.groups.at("skill"), items[i].skill);
    EXPECT_EQ(item.groups.at("category"), items[i].skill);
    EXPECT_EQ(item.groups.at("form"), items[i].form);
    EXPECT_EQ(item.groups.at("level"), items[i].level);
    EXPECT_THAT(item.faults, IsEmpty());
    std::string trained = prompt_of(items[i]);
    std::transform(trained.begin(), trained.end(), trained.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    EXPECT_EQ(prompt_for(benchmark, read.labels, item), trained);
  }
}

TEST(EvalItems, OwnBenchmarksExpectWhatTheSetsHold) {
  const std::map<std::string, std::pair<int, int>> sets = {{"plain_test", {1339, 1212}},
                                                           {"plain_val", {351, 328}},
                                                           {"skills_test", {2320, 1674}},
                                                           {"skills_val", {780, 629}},
                                                           {"long_test", {670, 173}},
                                                           {"long_val", {203, 83}},
                                                           {"hours_test", {69, 23}}};
  const std::vector<Benchmark> own = read_benchmarks(test::benchmark_folder() / "own");
  std::size_t found = 0;
  const std::string table = read_file(fs::path(AF2_SOURCE_DIR) / "docs" / "data-sets.md");
  for (const Benchmark& benchmark : own) {
    if (benchmark.data.at("format") != "af2_items") continue;
    ++found;
    const auto& [items, clips] = sets.at(benchmark.id);
    EXPECT_EQ(benchmark.data.at("expect").at("items"), items);
    EXPECT_EQ(benchmark.data.at("expect").at("clips"), clips);
    std::string name = benchmark.id;
    std::replace(name.begin(), name.end(), '_', '-');
    const auto thousands = [](int n) {
      const std::string text = std::to_string(n);
      return n < 1000 ? text : text.substr(0, text.size() - 3) + "," + text.substr(text.size() - 3);
    };
    EXPECT_THAT(table, HasSubstr("| " + name + " | " + thousands(items) + " | " + thousands(clips) + " |"));
  }
  EXPECT_EQ(found, sets.size());
}

}  // namespace
}  // namespace af2
