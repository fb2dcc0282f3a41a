// Summaries and scores of runs that nobody made, with figures that can be counted by hand.
#pragma once

#include <string>
#include <vector>

#include "af2/core/json.h"

namespace af2::test {

// A metric whose interval is as far to both sides.
inline Json sample_metric(const std::string& name, const std::string& matcher, double value, double half,
                          int n) {
  return {{"name", name},         {"matcher", matcher}, {"value", value}, {"low", value - half},
          {"high", value + half}, {"unit", "fraction"}, {"n", n},         {"clusters", n},
          {"known", true},        {"note", ""}};
}

inline Json sample_group(const std::string& value, double score, double half, int n) {
  return {{"value", value}, {"n", n}, {"metrics", {sample_metric("accuracy", "official", score, half, n)}}};
}

inline Json sample_summary() {
  Json summary = {{"schema", "af2-eval/1"}};
  summary["benchmark"] = {{"id", "mmau_mini"},
                          {"name", "MMAU test-mini"},
                          {"version", "v05.15.25"},
                          {"task", "mcq"},
                          {"kind", "mcq"},
                          {"primary", "accuracy"},
                          {"unit", "fraction"},
                          {"sha256", "ab12"},
                          {"layout", "verified"},
                          {"licence", "Apache-2.0"},
                          {"redistribute", "all"},
                          {"contamination", ""},
                          {"traps", {"Two answer keys exist.", "Letters alone are refused."}}};
  summary["data"] = {{"sha256", "cd34"},
                     {"items", 1000},
                     {"failed", 3},
                     {"mismatches", Json::array()},
                     {"missing_audio", 0}};
  summary["run"] = {{"model", "AF2-3B"},   {"model_facts", {{"weights", "ef56"}, {"dtype", "float32"}}},
                    {"prompt", "default"}, {"sample_prompt", "a question of the owner"},
                    {"answers", 1000},     {"variants", {"audio_off"}},
                    {"windows", "auto"},   {"max_new_tokens", 256},
                    {"seed", 1},           {"limit", 0}};
  summary["seconds"] = {{"heard", 9000.0}, {"used", 9000.0}, {"cut", 0.0}};
  summary["counts"] = {{"n", 1000}, {"failed", 3}, {"unmatched", 12}, {"length", 0}, {"empty", 2}};
  summary["metrics"] = {sample_metric("accuracy", "official", 0.624, 0.03, 1000),
                        sample_metric("accuracy", "robust", 0.631, 0.03, 1000),
                        sample_metric("task_macro", "official", 0.62, 0.03, 1000)};
  summary["metrics"].push_back({{"name", "circular_accuracy"},
                                {"matcher", ""},
                                {"known", false},
                                {"unit", "fraction"},
                                {"n", 0},
                                {"value", nullptr},
                                {"low", nullptr},
                                {"high", nullptr},
                                {"note", "needs other orders of the options"}});
  summary["groups"] = {{"task",
                        {sample_group("sound", 0.7, 0.05, 333), sample_group("music", 0.71, 0.05, 334),
                         sample_group("speech", 7.0 / 12, 0.25, 12)}}};
  summary["blind"] = {{{"name", "chance"}, {"value", 0.255}, {"n", 1000}, {"note", "mean of 1 / options"}},
                      {{"name", "always_first"}, {"value", 0.395}, {"n", 1000}, {"note", ""}}};
  summary["variants"] = {
      {{"name", "audio_off"}, {"n", 1000}, {"value", 0.411}, {"low", 0.381}, {"high", 0.441}, {"note", ""}}};
  summary["hearing_gain"] = {
      {"value", 0.213}, {"low", 0.18}, {"high", 0.245}, {"over", "audio_off"}, {"p", 0.0001}};
  summary["item_score"] = "right or wrong";
  summary["power"] = {{"n", 1000},           {"clusters", 1000},
                      {"wilson_low", 0.594}, {"wilson_high", 0.653},
                      {"detectable", 0.061}, {"note", "1000 items: a difference under 6.1 points is missed"}};
  summary["rotations"] = {{"n", 1000},    {"mean", 0.61},   {"low", 0.59},
                          {"high", 0.63}, {"spread", 0.01}, {"circular_accuracy", 0.45}};
  Json bins = Json::array();
  for (int i = 0; i < 10; ++i)
    bins.push_back({{"low", i / 10.0},
                    {"high", (i + 1) / 10.0},
                    {"n", 20 * i},
                    {"confidence", i / 10.0 + 0.05},
                    {"accuracy", i / 11.0}});
  summary["calibration"] = {{"ece", 0.087}, {"bins", bins}};
  summary["confusion"] = {{"labels", {"dog", "cat", "rain"}},
                          {"counts", {{8, 1, 0, 1}, {4, 5, 0, 0}, {0, 0, 9, 0}}}};
  summary["lengths"] = {
      {{"from", 0}, {"to", 10}, {"n", 700}, {"value", 0.65}, {"low", 0.61}, {"high", 0.69}},
      {{"from", 10}, {"to", nullptr}, {"n", 300}, {"value", 0.56}, {"low", 0.5}, {"high", 0.62}}};
  summary["letters"] = {{"gold", {395, 271, 208, 126}}, {"answered", {500, 250, 150, 88}}};
  summary["published"] = {
      {"metric", "accuracy"},
      {"unit", "percent"},
      {"rows",
       {{{"role", "af2"},
         {"model", "AF2-3B"},
         {"value", 62.4},
         {"source", "leaderboard"},
         {"note", ""},
         {"parts", {{"sound", 71.47}}}},
        {{"role", "best"}, {"model", "Large"}, {"value", 82.2}, {"source", "its report"}, {"note", ""}},
        {{"role", "prior"}, {"model", "Small"}, {"value", 50.0}, {"source", "its paper"}, {"note", ""}}}}};
  summary["version"] = "1.2.3";
  return summary;
}

// Item i is right when `right`; its answer has the mean log-probability `sure`.
inline Json sample_score(int i, bool right, double sure) {
  std::string id = std::to_string(100000 + i);
  return {{"id", "item" + id.substr(1)},
          {"cluster", "c"},
          {"question", "what is heard?"},
          {"choices", {"a dog", "a cat"}},
          {"gold", {"a dog"}},
          {"output", right ? "(a) a dog" : "(b) a cat"},
          {"prompt", "what is heard? (A) a dog. (B) a cat."},
          {"audio", {"clips/tone.wav"}},
          {"seconds", 1.0},
          {"official",
           {{"value", right ? 1 : 0},
            {"parsed", right ? "a dog" : "a cat"},
            {"right", right},
            {"excluded", false},
            {"why", "tokens"}}},
          {"robust",
           {{"value", right ? 1 : 0},
            {"parsed", right ? "a dog" : "a cat"},
            {"right", right},
            {"excluded", false},
            {"why", "leading letter"}}},
          {"score", right ? 1 : 0},
          {"logprob_mean", sure},
          {"groups", {{"task", "sound"}}},
          {"variants", {{"audio_off", 0}}}};
}

inline std::vector<Json> sample_scores(int n) {
  std::vector<Json> scores;
  for (int i = 0; i < n; ++i) scores.push_back(sample_score(i, i % 3 != 0, -0.001 * (i + 1)));
  return scores;
}

// The second run is better on items 1 and 2, worse on item 4.
inline Json sample_compare() {
  return {
      {"schema", "af2-eval-compare/1"},
      {"a", {{"model", "AF2-0.5B"}, {"name", "small"}}},
      {"b", {{"model", "AF2-3B"}, {"name", "large"}}},
      {"benchmark", "mmau_mini"},
      {"score", "right or wrong"},
      {"n", 1000},
      {"value_a", 0.564},
      {"value_b", 0.624},
      {"difference", 0.06},
      {"low", 0.034},
      {"high", 0.086},
      {"wins", 121},
      {"losses", 61},
      {"ties", 818},
      {"only_a", 0},
      {"only_b", 2},
      {"mcnemar", {{"only_a", 61}, {"only_b", 121}, {"exact", 0.00001}, {"mid_p", 0.000009}, {"chi2", 19.1}}},
      {"flipped",
       {{{"id", "item00001"}, {"a", 0}, {"b", 1}, {"output_a", "a cat"}, {"output_b", "a dog"}},
        {{"id", "item00002"}, {"a", 0}, {"b", 1}, {"output_a", ""}, {"output_b", "a dog"}},
        {{"id", "item00004"}, {"a", 1}, {"b", 0}, {"output_a", "(a) a dog"}, {"output_b", "both"}}}},
      {"groups",
       {{"task", {{{"value", "sound"}, {"n", 333}, {"difference", 0.05}, {"low", -0.01}, {"high", 0.11}}}}}},
      {"note", "not corrected for several comparisons"}};
}

}  // namespace af2::test
