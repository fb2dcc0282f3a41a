// What the verbs of the program share: common flags, and how a verb announces itself to main.
//
// Each command_*.cpp defines one add_VERB, which registers flags and sets `runner` when the verb was given.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace af2 {

struct CommonFlags {
  bool verbose = false, quiet = false;
  std::string log_file;
};

using CommandRunner = std::function<int()>;

void add_ask(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_caption(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_chat(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_selftest(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_bench(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_info(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_features(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_convert(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_quantize(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_export(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_embed(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_similar(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_classify(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_events(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
// Absent where af2 was built without SQLite.
void add_index(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_search(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_data(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
// Verbs of `data`.
void add_data_records(CLI::App& data, CommandRunner& runner);
void add_data_items(CLI::App& data, CommandRunner& runner);   // skills, long
void add_data_captions(CLI::App& data, CommandRunner& runner);
void add_data_checks(CLI::App& data, CommandRunner& runner);  // check, report, solvers, overlap
void add_data_music(CLI::App& data, CommandRunner& runner);
void add_data_select(CLI::App& data, CommandRunner& runner);
void add_data_review(CLI::App& data, CommandRunner& runner);
void add_data_convert(CLI::App& data, CommandRunner& runner);
void add_data_mix(CLI::App& data, CommandRunner& runner);
void add_data_stats(CLI::App& data, CommandRunner& runner);
void add_data_scenes(CLI::App& data, CommandRunner& runner);
void add_eval(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
// Verbs of `eval`.
void add_eval_judge(CLI::App& eval, CommandRunner& runner);    // judge, judge-stub
void add_eval_reports(CLI::App& eval, CommandRunner& runner);  // compare, report
void add_ablate(CLI::App& app, const CommonFlags& common, CommandRunner& runner);
void add_train(CLI::App& app, const CommonFlags& common, CommandRunner& runner);

}  // namespace af2
