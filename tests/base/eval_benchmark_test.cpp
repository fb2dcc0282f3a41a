// Benchmark files: all of the repository read, and what is wrong in one is told with line and key.
#include "af2/eval/benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "../scratch.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/eval/benchmark_texts.h"
#include "eval_benchmark_testing.h"
#include "refused.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(EvalBenchmark, AllFilesOfTheRepositoryRead) {
  const std::vector<Benchmark> all = read_benchmarks(test::benchmark_folder());
  ASSERT_EQ(all.size(), 68u);
  std::map<std::string, int> layouts;
  for (const Benchmark& benchmark : all) {
    EXPECT_EQ(benchmark.id + ".yaml", benchmark.path.filename().string());
    EXPECT_EQ(benchmark.sha256.size(), 64u);
    EXPECT_FALSE(benchmark.traps.empty()) << benchmark.id;
    EXPECT_EQ(benchmark.prompts.empty(), !benchmark.retrieval.empty()) << benchmark.id;
    ++layouts[benchmark.layout];
  }
  EXPECT_EQ(layouts["verified"], 11);
  EXPECT_EQ(layouts["documented"], 42);
  EXPECT_EQ(layouts["unverified"], 15);
  EXPECT_EQ(read_benchmarks(test::benchmark_folder() / "own").size(), 9u);
}

TEST(EvalBenchmark, EveryKeyHasItsPlace) {
  const Benchmark pro = test::repository_benchmark("mmau_pro");
  EXPECT_EQ(pro.kind, "mixed");
  EXPECT_THAT(pro.domain, ElementsAre("sound", "music", "speech", "mixed"));
  ASSERT_TRUE(pro.judge && pro.official && pro.robust);
  EXPECT_EQ(pro.official->rule, "embed_nearest");
  EXPECT_EQ(pro.official->more.at("encoder"), "NV-Embed-v2");
  EXPECT_EQ(pro.judge->official_missing, 3.0);
  EXPECT_EQ(pro.judge->temperature, 0.1);
  EXPECT_EQ(pro.judge->axes.size(), 5u);
  EXPECT_EQ(pro.judge->parse.at("format"), "labelled_numbers");
  EXPECT_EQ(pro.published.rows.at(0).value, 42.6);
  EXPECT_EQ(pro.decoding.windows, "auto");
  EXPECT_THAT(pro.decoding.stop, ElementsAre("<|endofchunk|>", "<eos>"));
  const Benchmark mmsu = test::repository_benchmark("mmsu");
  EXPECT_EQ(mmsu.prompts.at("default").letter_case, "keep");
  EXPECT_EQ(mmsu.prompts.at("default").join, "\n");
  EXPECT_EQ(mmsu.prompts.at("inline").letter_case, "lower");
  EXPECT_EQ(mmsu.official->unparsed, "exclude");
  EXPECT_THAT(test::repository_benchmark("mmar").official->before,
              ElementsAre("strip_think", "strip_letter"));
  const Benchmark retrieval = test::repository_benchmark("clap_retrieval_audiocaps");
  EXPECT_EQ(retrieval.published.rows.at(0).parts.at("a2t")[2], 91.9);
  EXPECT_EQ(test::repository_benchmark("mmar_rubrics").judge->seed, 42);
  EXPECT_EQ(test::repository_benchmark("nsynth_pitch").labels.range, (std::pair<int, int>{0, 127}));
  EXPECT_EQ(test::repository_benchmark("gtzan").labels.shown("hiphop"), "hip hop");
  EXPECT_EQ(test::repository_benchmark("fsd50k").labels.shown("Wind_chime"), "wind chime");
}

TEST(EvalBenchmark, UseMergesTheOtherFilesMaps) {
  const Benchmark rubrics = test::repository_benchmark("mmar_rubrics");
  const Benchmark mmar = test::repository_benchmark("mmar");
  EXPECT_EQ(rubrics.fields.at("question"), "question");
  EXPECT_EQ(rubrics.fields.at("rubric"), "rubric");
  EXPECT_EQ(rubrics.data, mmar.data);
  EXPECT_EQ(rubrics.splits, Json({{"used", "all"}, {"sizes", mmar.splits.at("sizes")}}));
  EXPECT_NE(rubrics.prompts.at("default").text, mmar.prompts.at("default").text);  // not taken
  const Benchmark esc = test::repository_benchmark("clap_zeroshot_esc50");
  EXPECT_EQ(esc.labels.list.size(), 50u);
  EXPECT_EQ(esc.labels.text_template, "This is a sound of {label}.");

  // The hash is of both files.
  const test::Scratch scratch;
  for (const char* name : {"esc50.yaml", "clap_zeroshot_esc50.yaml"})
    fs::copy_file(test::benchmark_folder() / name, scratch / name);
  const std::string before = read_benchmark(scratch / "clap_zeroshot_esc50.yaml").sha256;
  EXPECT_EQ(before, esc.sha256);
  write_file_atomic(scratch / "esc50.yaml", read_file(scratch / "esc50.yaml") + "# one line more\n");
  EXPECT_NE(read_benchmark(scratch / "clap_zeroshot_esc50.yaml").sha256, before);
}

// A small good file, of which each case changes one thing.
const char* const kGoodBenchmark = R"(schema: af2-benchmark/1
id: small
name: A small one
task: mcq
kind: mcq
domain: [sound]
layout: verified
paper: {table: none}
source: {origin: here, licence: none, redistribute: none}
data:
  files: [a.csv]
  format: csv
  expect: {items: 2}
audio: {root: ".", path: "{file}"}
fields: {question: question, choices: choices, answer: answer}
labels: {list: [a, b], display: {a: an a}}
prompt:
  default: "{question} {options}"
  options: {style: "({L}) {text}.", join: " "}
  case: lower
match:
  official: {rule: exact_norm, unparsed: wrong}
  robust: {rule: option_cascade}
metrics: {primary: accuracy, also: [unmatched_rate]}
published: {metric: accuracy, unit: percent, rows: []}
)";

struct BadBenchmark {
  const char *from, *to;
  std::vector<std::string> says;
};

TEST(EvalBenchmark, WhatIsWrongIsToldWithLineAndKey) {
  const test::Scratch scratch;
  write_file_atomic(scratch / "small.yaml", kGoodBenchmark);
  EXPECT_EQ(read_benchmark(scratch / "small.yaml").data.at("expect").at("items"), 2);
  const std::vector<BadBenchmark> cases = {
      {"layout: verified",
       "layuot: verified",
       {"line 7 key layuot", "unknown key", "did you mean \"layout\"?"}},
      {"  format: csv", "  fromat: csv", {"line 12 key data.fromat", "\"format\"?"}},
      {"format: csv", "format: xls", {"line 12 key data.format", "\"xls\"", "one of csv, tsv"}},
      {"task: mcq", "task: mqc", {"line 4 key task", "one of mcq"}},
      {"kind: mcq", "kind: choice", {"line 5 key kind"}},
      {"layout: verified", "layout: sure", {"line 7 key layout"}},
      {"case: lower", "case: upper", {"line 20 key prompt.case", "lower, keep"}},
      {"unparsed: wrong", "unparsed: right", {"line 22 key match.official.unparsed"}},
      {"rule: option_cascade", "rule: option_cascad", {"line 23 key match.robust.rule", "option_cascade"}},
      {"primary: accuracy",
       "primary: acuracy",
       {"line 24 key metrics.primary", "did you mean \"accuracy\"?"}},
      {"also: [unmatched_rate]", "also: [unmatched]", {"line 24 key metrics.also.0", "unmatched_rate"}},
      {"rows: []",
       "rows: [{role: bets, model: m, source: s}]",
       {"line 25 key published.rows.0.role", "best"}},
      {"rows: []",
       "rows: [{role: best, model: m}]",
       {"line 25 key published.rows.0", "lacks the key \"source\""}},
      {"items: 2", "items: two", {"line 13 key data.expect.items", "a whole number"}},
      {"items: 2", "items: -2", {"line 13 key data.expect.items", "at least"}},
      {"domain: [sound]", "domain: sound", {"line 6 key domain", "a list"}},
      {"domain: [sound]", "domain: [noise]", {"line 6 key domain.0", "one of sound"}},
      {"name: A small one", "name: 12", {"line 3 key name", "a text"}},
      {"id: small", "id: smal", {"line 2 key id", "not the file's name"}},
      {"layout: verified\n", "", {"lacks the key \"layout\""}},
      {"af2-benchmark/1", "af2-benchmark/2", {"line 1 key schema"}},
      {"name: A small one", "name: &n A small one", {"line 3", "anchor"}},
      {"name: A small one", "name: *n", {"line 3", "YAML"}},
      {"name: A small one", "name: !!str A small one", {"line 3", "tag"}},
      {"name: A small one", "name: A small\n  one", {"line 3", "several lines"}},
      {"name: A small one", "name: \"A small\n  one\"", {"line 3", "several lines"}},
      {"name: A small one", "name: |\n  A small one", {"line 3", "several lines"}},
      {"name: A small one", "name: 'A small one'", {"line 3", "double"}},
      {"name: A small one", "name: yes", {"line 3", "quotes"}},
      {"name: A small one", "name: A\nname: B", {"line 4", "\"name\" stands twice"}},
      {"name: A small one", "name: {A: ]}", {"line 3", "not valid YAML"}},
      {"published:", "---\npublished:", {"second document"}},
      {"{question} {options}",
       "{question} {option}",
       {"line 18 key prompt.default", "{option}", "{options}"}},
      {"{question} {options}", "{qestion}", {"line 18 key prompt.default", "did you mean {question}?"}},
      {"{question} {options}", "{question", {"line 18 key prompt.default", "brace"}},
      {"{question} {options}", "{question|lowr}", {"line 18", "unknown filter \"lowr\""}},
      {"({L}) {text}.", "({L}) {txt}.", {"line 19 key prompt.options.style", "{txt}"}},
      {"({L}) {text}.", "({L}).", {"line 19 key prompt.options.style", "no option"}},
      {"answer: answer}", "anwser: answer}", {"line 15 key fields.anwser", "did you mean \"answer\"?"}},
      {", answer: answer}", "}", {"line 15 key fields", "no role says what is right"}},
      {"display: {a:", "display: {c:", {"line 16 key labels.display.c", "is no label"}},
      {"list: [a, b]", "list: [a, a]", {"line 16 key labels.list.1", "twice"}},
      {"files: [a.csv]", "glob: \"*.csv\"", {"line 11 key data.glob", "format `files`"}},
      {"  expect:", "  list: QA\n  expect:", {"line 13 key data.list", "no list of rows"}},
      {"  expect:",
       "  route: {field: f, x: mqc, default: mcq}\n  expect:",
       {"line 13 key data.route.x", "no task of a row"}},
      {"  expect:", "  unpivot: {name: n}\n  expect:", {"line 13 key data.unpivot"}},
      {"  expect:", "  keep: {rule: unanimous, within: [a]}\n  expect:", {"line 13 key data.keep", "group"}},
      {"audio: {root: \".\", path: \"{file}\"}\n", "", {"lacks the key \"audio\""}},
      {"path: \"{file}\"", "path: \"{file\"", {"line 14 key audio.path"}},
      {"source: {", "use: other\nsource: {", {"line 9 key use", "no benchmark \"other\""}},
  };
  for (const BadBenchmark& bad : cases) {
    std::string text = kGoodBenchmark;
    const std::size_t at = text.find(bad.from);
    ASSERT_NE(at, std::string::npos) << bad.from;
    text.replace(at, std::string(bad.from).size(), bad.to);
    write_file_atomic(scratch / "small.yaml", text);
    std::vector<std::string> says = bad.says;
    says.push_back("small.yaml");
    SCOPED_TRACE(bad.to);
    test::refused(ErrorKind::kUser, says, [&] { read_benchmark(scratch / "small.yaml"); });
  }
  test::refused(ErrorKind::kUser, {"no such folder"}, [&] { read_benchmarks(scratch / "none"); });
  test::refused(ErrorKind::kData, {"none.yaml"}, [&] { read_benchmark(scratch / "none.yaml"); });
}

TEST(EvalBenchmark, AFileThatIsUsedUsesNoOther) {
  const test::Scratch scratch;
  std::string text = kGoodBenchmark;
  const auto with_use = [&](const std::string& id, const std::string& used) {
    std::string own = text;
    own.replace(own.find("id: small"), 9, "id: " + id + "\nuse: " + used);
    write_file_atomic(scratch / (id + ".yaml"), own);
  };
  with_use("one", "two");
  with_use("two", "one");
  test::refused(ErrorKind::kUser, {"one.yaml line 3 key use", "uses another"},
                [&] { read_benchmark(scratch / "one.yaml"); });
}

TEST(EvalBenchmark, YamlLinesAreThoseOfKeys) {
  YamlLines lines;
  const Json json =
      parse_plain_yaml("a: 1\nb:\n  - x\n  - {c/d: \"2\", e: [1, 2.5]}\n# end\nf:\n", "t", lines);
  EXPECT_EQ(json, Json::parse(R"({"a": 1, "b": ["x", {"c/d": "2", "e": [1, 2.5]}], "f": null})"));
  EXPECT_EQ(lines.at("/a"), 1);
  EXPECT_EQ(lines.at("/b"), 2);
  EXPECT_EQ(lines.at("/b/0"), 3);
  EXPECT_EQ(lines.at("/b/1/c~1d"), 4);
  EXPECT_EQ(lines.at("/b/1/e/1"), 4);
  EXPECT_EQ(lines.at("/f"), 6);
}

TEST(EvalBenchmark, ListAndInfoSayWhatIsThere) {
  const std::vector<Benchmark> all = read_benchmarks(test::benchmark_folder());
  const std::string list = benchmark_list_text(all);
  EXPECT_THAT(list, HasSubstr("68 benchmarks, 39 with a value published for AF2"));
  EXPECT_THAT(list, HasSubstr("62.4 percent"));
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 70);
  const Json json = benchmark_list_json(all);
  EXPECT_EQ(json.at("count"), 68);
  EXPECT_EQ(json.at("benchmarks")[0].at("id"), "af_reasoning_aqa");
  EXPECT_EQ(json.at("benchmarks")[0].at("items"), 150);
  EXPECT_EQ(json.at("benchmarks")[0].at("af2"), nullptr);
  const Benchmark mini = test::repository_benchmark("mmau_mini");
  const std::string info = benchmark_info_text(mini);
  for (const char* part : {"mmau_mini: MMAU test-mini", "verified", "62.4", "mmau_tokens", "strip_think",
                           "Two answer keys exist", "prompt letter", "sound 71.47"})
    EXPECT_THAT(info, HasSubstr(part));
  EXPECT_EQ(benchmark_info_json(mini).at("traps").size(), mini.traps.size());
  EXPECT_EQ(benchmark_info_json(mini).at("published").at("rows").size(), mini.published.rows.size());
  for (const Benchmark& benchmark : all) {
    EXPECT_THAT(benchmark_info_text(benchmark), HasSubstr(benchmark.traps.back()));
    EXPECT_EQ(benchmark_info_json(benchmark).at("id"), benchmark.id);
  }
}

}  // namespace
}  // namespace af2
