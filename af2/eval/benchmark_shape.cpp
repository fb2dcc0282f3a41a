#include "af2/eval/benchmark_shape.h"

#include "af2/eval/value_shape.h"

namespace af2 {
namespace {

shape::Shape data_shape() {
  return shape::table({
      {"files", shape::list(shape::text(), 1)},
      {"format!",
       shape::word({"csv", "tsv", "json", "jsonl", "json_or_jsonl", "af_manifest", "files", "af2_items"})},
      {"glob", shape::text()},
      {"pattern", shape::text()},
      {"import", shape::text()},
      {"list", shape::text()},
      {"key_as", shape::text()},
      {"parent", shape::texts()},
      {"columns", shape::list(shape::text(), 1)},
      {"columns_by_index", shape::map(shape::whole())},
      {"header", shape::flag()},
      {"comment", shape::text()},
      {"quote_after_space", shape::flag()},
      {"file_as", shape::text()},
      {"list_file", shape::text()},
      {"options_inline", shape::text()},
      {"keep_missing_choices", shape::flag()},
      {"allow_missing_audio", shape::flag()},
      {"answers", shape::word({"withheld"})},
      {"where", shape::map(shape::scalar())},
      {"keep", shape::table({{"rule!", shape::word({"unanimous", "not_within"})},
                             {"within!", shape::list(shape::text(), 1)}})},
      {"skip", shape::texts()},
      {"group",
       shape::table({{"key!", shape::list(shape::text(), 1)}, {"collect!", shape::list(shape::text(), 1)}})},
      {"collect", shape::map(shape::list(shape::text(), 1))},
      {"unpivot", shape::table({{"name!", shape::text()},
                                {"value", shape::text()},
                                {"columns", shape::list(shape::text(), 1)},
                                {"pairs", shape::list(shape::map(shape::map(shape::text())), 1)}})},
      {"split", shape::map(shape::text())},
      {"parse", shape::map(shape::word({"json", "pylist"}))},
      {"map", shape::map(shape::map(shape::text()))},
      {"fill", shape::table(
                   {{"field!", shape::text()}, {"slot!", shape::word({"angle"})}, {"from!", shape::text()}})},
      {"normalize", shape::map(shape::word({"unlist"}))},
      {"shuffle",
       shape::table({{"field!", shape::text()}, {"seed!", shape::whole()}, {"per!", shape::word({"item"})}})},
      {"route", shape::map(shape::text())},
      {"expect!", shape::table({{"items", shape::whole()},
                                {"rows", shape::whole()},
                                {"clips", shape::whole()},
                                {"refs", shape::whole()},
                                {"tasks", shape::whole()}})},
  });
}

shape::Shape option_shape() {
  return shape::table({{"style!", shape::text()}, {"join!", shape::text()}, {"missing", shape::text()}});
}

shape::Shape prompt_shape() {
  const shape::Shape letter_case = shape::word({"lower", "keep"});
  return shape::table(
      {{"default!", shape::text()},
       {"alt", shape::map(shape::either(shape::text(), shape::table({{"text!", shape::text()},
                                                                     {"options", option_shape()},
                                                                     {"case", letter_case},
                                                                     {"drop_suffix", shape::text()}})))},
       {"options", option_shape()},
       {"case!", letter_case},
       {"replace", shape::map(shape::text())},
       {"shot", shape::text()},
       {"ours", shape::flag()}});
}

shape::Shape match_shape() {
  const shape::Shape official_rule = shape::word({"mmau_tokens",
                                                  "letter_first_or_second_last",
                                                  "letter_any",
                                                  "muchomusic",
                                                  "exact_norm",
                                                  "any_ref",
                                                  "yesno_prefix5",
                                                  "yes_no",
                                                  "substring_ordered",
                                                  "first_int",
                                                  "split_labels",
                                                  "marked_fields",
                                                  "embed_nearest",
                                                  "submit",
                                                  "blab",
                                                  "per_task",
                                                  "constraint",
                                                  "text_nearest",
                                                  "text_scores",
                                                  "judge",
                                                  "none"});
  const shape::Shape robust_rule =
      shape::word({"option_cascade", "label_cascade", "yes_no", "any_ref_words", "words_numbers",
                   "reference_overlap", "split_labels", "marked_fields", "first_int", "constraint"});
  const shape::Shape before = shape::list(shape::word({"strip_think", "strip_letter", "conclusion_tag"}));
  return shape::table(
      {{"official!", shape::table({{"rule!", official_rule},
                                   {"before", before},
                                   {"by_task", shape::map(official_rule)},
                                   {"unparsed!", shape::word({"wrong", "exclude"})},
                                   {"note", shape::text()},
                                   {"encoder", shape::text()},
                                   {"answer_key", shape::text()},
                                   {"tolerance_s", shape::number(0)},
                                   {"write", shape::table({{"key!", shape::text()},
                                                           {"value!", shape::word({"option_text"})}})},
                                   {"marks", shape::list(shape::table({{"field!", shape::text()},
                                                                       {"after!", shape::text()},
                                                                       {"until!", shape::text()}}),
                                                         1)}})},
       {"robust", shape::table({{"rule!", robust_rule},
                                {"before", before},
                                {"options", shape::word({"inline"})},
                                {"by_task", shape::map(robust_rule)}})}});
}

shape::Shape judge_shape() {
  const shape::Shape input = shape::word({"question", "answer", "response", "context", "rubric"});
  return shape::table(
      {{"rubric!", shape::word({"longaudiobench", "compa_r", "airbench_pair", "sakura", "mmau_pro_open",
                                "mmar_rubrics", "audiobench_0_5", "caption_0_5", "equivalence_yes_no"})},
       {"model!", shape::text()},
       {"temperature!", shape::number(0)},
       {"top_p", shape::number(0)},
       {"seed", shape::whole()},
       {"repeats", shape::whole(1)},
       {"scale!", shape::list(shape::number(), 2, 2)},
       {"axes", shape::texts()},
       {"inputs!", shape::list(input, 1)},
       {"variant_inputs", shape::list(shape::word({"dense_caption"}), 1)},
       {"swap", shape::flag()},
       {"missing", shape::word({"fail"})},
       {"official_missing", shape::number()},
       {"optional", shape::flag()},
       {"aggregate", shape::text()},
       {"parse!", shape::table({{"format!", shape::word({"json", "two_numbers", "first_word", "line",
                                                         "labelled_numbers"})},
                                {"key", shape::text()},
                                {"keys", shape::texts()},
                                {"after", shape::text()},
                                {"map", shape::map(shape::number())}})}});
}

shape::Shape metrics_shape() {
  const std::vector<std::string> native = {"accuracy",
                                           "macro_recall",
                                           "macro_f1",
                                           "micro_f1",
                                           "task_macro_f1",
                                           "f1_yes",
                                           "yes_rate",
                                           "accuracy_on_yes",
                                           "accuracy_on_no",
                                           "task_macro",
                                           "category_macro_mean",
                                           "circular_accuracy",
                                           "ece",
                                           "weighted_mean",
                                           "win_rate",
                                           "field_accuracy",
                                           "macro_ap",
                                           "f1_approx",
                                           "within_1",
                                           "chroma_accuracy",
                                           "mae",
                                           "span_f1",
                                           "exact",
                                           "within_tolerance",
                                           "t2a_r1",
                                           "t2a_r5",
                                           "t2a_r10",
                                           "t2a_map10",
                                           "a2t_r1",
                                           "a2t_r5",
                                           "a2t_r10",
                                           "a2t_map10",
                                           "median_rank",
                                           "mean_rank",
                                           "cider_d",
                                           "bleu",
                                           "bleu_char",
                                           "rouge_l",
                                           "rouge_l_recall",
                                           "vocab",
                                           "clap_sim",
                                           "token_f1",
                                           "judge_mean",
                                           "judge_mean_x20",
                                           "judge_overall",
                                           "axis_means",
                                           "reference_mean",
                                           "parse_failures",
                                           "unmatched_rate",
                                           "instruction_following_rate",
                                           "qualities_macro_f1",
                                           "constraint_rate",
                                           "seconds_cut"};
  std::vector<std::string> primary = native;
  primary.push_back("none");
  return shape::table(
      {{"primary!", shape::word(primary)},
       {"also", shape::list(shape::word(native))},
       {"external", shape::list(shape::word({"meteor", "meteor_nltk", "spice", "spider", "spider_fl", "fense",
                                             "bertscore", "bertscore_f", "bertscore_r", "date"}))}});
}

const shape::Shape& benchmark_shape() {
  static const shape::Shape form = shape::table({
      {"schema!", shape::word({"af2-benchmark/1"})},
      {"id!", shape::text()},
      {"name!", shape::text()},
      {"version", shape::text()},
      {"task!",
       shape::word({"mcq", "open_qa", "classification", "multilabel", "captioning", "retrieval", "judge"})},
      {"kind!", shape::word({"label", "emotion", "integer", "fields", "tags", "mcq", "yes_no", "entail",
                             "qa_word", "qa_long", "open_qa", "caption", "pairwise", "rubric", "retrieval",
                             "zero_shot_clap", "mixed", "suite"})},
      {"domain!", shape::list(shape::word({"sound", "music", "speech", "mixed"}), 1)},
      {"layout!", shape::word({"verified", "documented", "unverified"})},
      {"paper!", shape::table({{"table!", shape::text()}, {"zero_shot_claimed", shape::flag()}})},
      {"source!", shape::table({{"origin!", shape::text()},
                                {"licence!", shape::text()},
                                {"redistribute!", shape::word({"none", "text", "all"})}})},
      {"splits", shape::map(shape::either(shape::scalar(),
                                          shape::either(shape::texts(), shape::map(shape::scalar()))))},
      {"use", shape::text()},
      {"data", data_shape()},
      {"audio", shape::table({{"root!", shape::text()},
                              {"path!", shape::text()},
                              {"alt_paths", shape::texts()},
                              {"multi", shape::flag()},
                              {"ext_rule", shape::map(shape::scalar())}})},
      {"fields", shape::map(shape::either(shape::text(), shape::list(shape::text(), 1)))},
      {"labels", shape::table({{"list", shape::list(shape::text(), 2)},
                               {"file", shape::text()},
                               {"column", shape::whole()},
                               {"key_column", shape::whole()},
                               {"from_data", shape::text()},
                               {"expect", shape::whole()},
                               {"display", shape::map(shape::text())},
                               {"display_rule", shape::word({"us2sp", "lower_us2sp"})},
                               {"synonyms", shape::map(shape::texts())},
                               {"template", shape::text()},
                               {"alt_templates", shape::texts()},
                               {"empty", shape::text()},
                               {"range", shape::list(shape::whole(-1e300), 2, 2)}})},
      {"prompt", prompt_shape()},
      {"decoding", shape::table({{"max_new_tokens", shape::whole(1)},
                                 {"temperature", shape::number(0)},
                                 {"beams", shape::whole(1)},
                                 {"windows", shape::either(shape::word({"auto", "all", "scan"}), shape::whole(1))},
                                 {"stop", shape::texts()}})},
      {"match", match_shape()},
      {"judge", judge_shape()},
      {"retrieval", shape::table({{"encoder!", shape::text()},
                                  {"ties", shape::word({"average"})},
                                  {"map_denominator", shape::whole(1)},
                                  {"long_clips", shape::word({"fusion", "windows"})},
                                  {"long_clips_alt", shape::text()},
                                  {"text_template", shape::text()}})},
      {"metrics!", metrics_shape()},
      {"by", shape::texts()},
      {"baselines",
       shape::list(shape::word({"chance", "majority", "random", "always_first", "longest_option", "audio_off",
                                "shuffled_audio", "choice_shuffle", "cascade", "constant_caption",
                                "reference_as_response", "first_window_only"}))},
      {"contamination", shape::text()},
      {"published!",
       shape::table(
           {{"metric!", shape::text()},
            {"unit!", shape::word({"percent", "score10", "score100", "cider_d", "judge_pct", "bertscore100",
                                   "fraction"})},
            {"note", shape::text()},
            {"rows!", shape::list(shape::table(
                          {{"role!", shape::word({"af2", "prior", "best", "other", "size", "rerun",
                                                  "ablation", "clap", "human", "official", "specialist"})},
                           {"model!", shape::text()},
                           {"value", shape::number()},
                           {"source!", shape::text()},
                           {"note", shape::text()},
                           {"metric", shape::text()},
                           {"parts", shape::map(shape::number())},
                           {"t2a", shape::list(shape::number(), 3, 3)},
                           {"a2t", shape::list(shape::number(), 3, 3)}}))}})},
      {"traps", shape::texts()},
  });
  return form;
}

}  // namespace

void check_benchmark_shape(const Json& value, const YamlLines& lines, const std::string& file) {
  shape::check(value, benchmark_shape(), lines, file);
}

}  // namespace af2
