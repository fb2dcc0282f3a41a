// A benchmark's file, schema af2-benchmark/1 (docs/spec/evaluation.md section 2): where its questions and
// sounds are, how they are asked, what counts as right, what others reached.
//
// Not its questions (benchmark_items.h), nor how they are scored (match.h, metrics.h, judge.h). Thread rule:
// plain values.
//
//   const Benchmark benchmark = read_benchmark("benchmarks/mmau_mini.yaml");
//   benchmark.metrics.primary;  // "accuracy"
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

// How an item becomes the text that is sent: holes {role}, {options}, {label_options}.
struct PromptForm {
  std::string text;
  // Of each option: holes {L} or {l} (letter), {text}, {text.} (ends with exactly one full stop); and what
  // stands between two.
  std::string style = "({L}) {text}.", join = " ";
  std::string missing;                // what stands for an option that is absent; empty: nothing
  std::string letter_case = "lower";  // lower or keep
  std::string drop_suffix;            // end of the question that is cut off
};

struct DecodingSpec {
  int max_new_tokens = 256, beams = 1;
  double temperature = 0;
  Json windows = "auto";  // auto, all, scan, or a number
  std::vector<std::string> stop;
};

// How an output becomes right or wrong.
struct MatchRule {
  std::string rule;                 // section 3
  std::vector<std::string> before;  // strip_think, strip_letter, conclusion_tag
  std::string unparsed = "wrong";   // wrong or exclude
  // What the rule has of its own: encoder, marks, tolerance_s, options, write; by_task {task of an item:
  // rule}.
  Json more = Json::object();
};

struct LabelSet {
  std::vector<std::string> list;               // in the file's order; the names that gold labels have
  std::map<std::string, std::string> display;  // where it is not the name itself
  std::string display_rule;                    // else: us2sp (`_` is a blank), lower_us2sp, or the name
  std::map<std::string, std::vector<std::string>> synonyms;  // of a name
  std::string text_template;  // for a text tower: "This is a sound of {label}."
  std::vector<std::string> alt_templates;
  std::string empty;  // the word for no label
  std::optional<std::pair<int, int>> range;

  // What is shown and compared: display, or the name by the file's display rule.
  std::string shown(const std::string& name) const;
};

struct JudgeSpec {
  std::string rubric, model;
  double temperature = 0;
  std::optional<double> top_p;
  std::optional<std::int64_t> seed;
  int repeats = 1;
  double low = 1, high = 10;                // scale
  std::vector<std::string> axes;            // marks of one reply; empty: one mark
  std::vector<std::string> inputs;          // question, answer, response, context, rubric
  std::vector<std::string> variant_inputs;  // that a second view adds: dense_caption (dense_captions.h)
  bool swap = false;                        // two answers, both seats
  bool optional = false;                    // the benchmark has a metric without it
  Json parse = Json::object();  // format: json {key|keys}, two_numbers, first_word, line, labelled_numbers
  std::optional<double> official_missing;  // mark that the published script fills in where it reads none
  std::string aggregate;                   // in words, of several repeats
};

struct MetricSpec {
  std::string primary;
  std::vector<std::string> also, external;
};

struct PublishedRow {
  std::string role, model, source, note;
  std::optional<double> value;
  Json parts = Json::object();  // by group; retrieval: t2a, a2t
  std::string metric;           // where it is not the one of all rows
};
struct PublishedSpec {
  std::string metric, unit, note;
  std::vector<PublishedRow> rows;
};

struct Benchmark {
  std::string id, name, version, task, kind, layout;
  std::vector<std::string> domain;
  Json paper, source, splits;                 // for people and reports
  Json data, audio, fields;                   // how items are read (benchmark_items.cpp)
  Json label_source;                          // `labels` as written: file, column, from_data ...
  LabelSet labels;                            // what is written there; completed when items are read
  std::map<std::string, PromptForm> prompts;  // "default" and the alternatives
  std::map<std::string, std::string> prompt_replace;
  bool prompt_ours = false;  // no wording is published
  DecodingSpec decoding;
  std::optional<MatchRule> official, robust;
  std::optional<JudgeSpec> judge;
  Json retrieval;
  MetricSpec metrics;
  std::vector<std::string> by, baselines;
  std::string contamination;
  PublishedSpec published;
  std::vector<std::string> traps;
  std::filesystem::path path;
  std::string sha256;  // of the file and, where it uses another, of both
};

// Reads one; `use` is followed to a file beside it. Throws kUser naming file, line and key: an unknown key, a
// wrong type, a value that is none of those allowed, an id that is not the file's name.
Benchmark read_benchmark(const std::filesystem::path& file);
// All *.yaml of a folder, by id.
std::vector<Benchmark> read_benchmarks(const std::filesystem::path& folder);

}  // namespace af2
