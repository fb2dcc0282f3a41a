// `af2 eval judge` and `judge-stub`: a language model marks the answers of a run.
#include <cstdlib>
#include <memory>
#include <thread>

#include "af2/cli/command.h"
#include "af2/cli/eval_flags.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json_lines.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/eval/agreement.h"
#include "af2/eval/dense_captions.h"
#include "af2/eval/judge.h"
#include "af2/eval/judge_stub.h"
#include "af2/eval/judge_summary.h"
#include "af2/eval/scored_run.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

struct JudgeFlags {
  BenchmarkFlags benchmark;
  std::string run, rubric, agree_with, dense_captions;
  bool ceiling = false;
  JudgeOptions options;
};

Json mark_json(const std::string& id, const JudgeMark& mark) {
  Json json = {{"id", id}, {"mark", mark.mark ? Json(*mark.mark) : Json()}};
  Json axes = Json::object();
  for (const auto& [name, value] : mark.axes) axes[name] = value;
  if (mark.reference) axes["reference"] = *mark.reference;
  json["axes"] = axes;
  json["spread"] = mark.spread, json["repeats"] = mark.repeats;
  if (!mark.problem.empty()) json["problem"] = mark.problem;
  return json;
}

// What the benchmark says of its judge; with --rubric also one that names none.
JudgeSpec spec_of(const Benchmark& benchmark, const std::string& rubric) {
  if (benchmark.judge && rubric.empty()) return *benchmark.judge;
  if (rubric.empty())
    throw user_error("names no rubric", benchmark.id,
                     "--rubric longaudiobench marks open answers from 1 to 10");
  JudgeSpec spec = benchmark.judge.value_or(JudgeSpec{});
  spec.rubric = rubric;
  if (!benchmark.judge) {
    spec.inputs = {"question", "answer", "response"};
    spec.parse = {{"format", "json"}, {"key", "score"}};
  }
  return spec;
}

// Marks by id of another judge's marks.jsonl, or of people: lines {id, mark}.
std::map<std::string, double> marks_in(const fs::path& file) {
  std::map<std::string, double> marks;
  each_json_line(file, [&](const Json& line, const std::string& where) {
    if (!line.is_object() || !line.contains("id") || !line["id"].is_string())
      throw data_error("is no line {id, mark}", where);
    if (line.contains("mark") && line["mark"].is_number())
      marks[line["id"].get<std::string>()] = line["mark"];
  });
  return marks;
}

Json agreement_with(const std::string& file, const Judge& judge, const std::vector<JudgeCase>& cases,
                    const std::vector<JudgeMark>& marks) {
  const std::map<std::string, double> others = marks_in(file);
  std::vector<std::optional<double>> own, other;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto found = others.find(cases[i].id);
    own.push_back(marks[i].mark);
    other.push_back(found == others.end() ? std::nullopt : std::optional<double>(found->second));
  }
  return to_json(agreement_of_marked(own, other, judge.spec().low, judge.spec().high));
}

// The same questions with the first reference of each as the answer: the most that this judge gives.
std::vector<JudgeCase> references_as_answers(std::vector<JudgeCase> cases) {
  for (JudgeCase& one : cases) {
    one.inputs["response"] = split(one.inputs["answer"], '\n').front();
    one.failed = one.inputs["response"].empty(), one.right = true;
  }
  return cases;
}

int run_judge(JudgeFlags flags) {
  install_stop_signals();
  const Benchmark benchmark = named_benchmark(flags.benchmark);
  const BenchmarkItems items = items_of(flags.benchmark, benchmark);
  const ScoredRun run = open_scored_run(flags.run, benchmark, items, {});
  const ScoredVariant& main = *run.variants.front();
  const char* key = std::getenv("AF2_JUDGE_API_KEY");
  JudgeSpec spec = spec_of(benchmark, flags.rubric);
  std::vector<JudgeCase> cases;
  std::vector<const EvalItem*> judged;
  for (const Scored& one : main.scored) {
    std::optional<bool> right;
    if (one.robust.scored) right = one.robust.right;
    cases.push_back(judge_case(*one.item, one.failed ? "" : one.output, right));
    cases.back().failed = one.failed;
    judged.push_back(one.item);
  }
  if (!flags.dense_captions.empty()) tell_dense_captions(flags.dense_captions, judged, spec, cases);
  Judge judge(spec, flags.options, key ? key : "", flags.run);
  const std::vector<JudgeCase> given = references_as_answers(cases);
  const std::size_t all = flags.ceiling ? 2 * cases.size() : cases.size();
  ProgressBar bar(static_cast<std::int64_t>(all));
  std::vector<JudgeMark> marks, most;
  const auto told = [&](std::size_t n) {
    bar.update(static_cast<std::int64_t>(n), std::to_string(n) + " of " + std::to_string(all) + " answers");
  };
  try {
    marks = judge.marks(cases, told);
    if (flags.ceiling) most = judge.marks(given, [&](std::size_t n) { told(cases.size() + n); });
  } catch (const Stopped& stopped) {
    bar.clear();
    notice("stopped: {}; the same command goes on", stopped.reason);
    return stop_signal() ? 128 + stop_signal() : static_cast<int>(ErrorKind::kRemote);
  }
  bar.clear();
  AtomicFile out(fs::path(flags.run) / "marks.jsonl");
  for (std::size_t i = 0; i < cases.size(); ++i)
    out.write(mark_json(cases[i].id, marks[i]).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  out.commit();
  const JudgeSummary summary = summarize_marks(judge, cases, marks);
  Json json = to_json(summary);
  if (!flags.agree_with.empty()) json["agreement"] = agreement_with(flags.agree_with, judge, cases, marks);
  if (flags.ceiling) {
    const JudgeSummary ceiling = summarize_marks(judge, given, most);
    json["reference_as_response"] = {
        {"n", ceiling.marked},
        {"mean", ceiling.mean ? Json(*ceiling.mean) : Json()},
        {"category_macro_mean", ceiling.category_macro_mean ? Json(*ceiling.category_macro_mean) : Json()}};
  }
  write_file_atomic(fs::path(flags.run) / "judge.json", json.dump(1) + "\n");
  notice("{}: {} answers marked, {} could not be, {} calls, cost {:.4f}", judge.name(), summary.marked,
         summary.judge_failed, summary.stats.calls, summary.stats.cost);
  print_line(json.dump());
  return summary.too_many_unread() ? 4 : 0;
}

}  // namespace

void add_eval_judge(CLI::App& eval, CommandRunner& runner) {
  auto flags = std::make_shared<JudgeFlags>();
  CLI::App* verb = eval.add_subcommand(
      "judge", "a language model marks the answers of a run; af2 eval score takes its marks");
  verb->add_option("run", flags->run, "folder of the run")->required();
  add_benchmark_flags(*verb, flags->benchmark);
  JudgeOptions& options = flags->options;
  verb->add_option("--judge-url", options.url, "an OpenAI-compatible endpoint; its key in AF2_JUDGE_API_KEY");
  verb->add_option("--judge-model", options.model, "the judge's name there");
  verb->add_option("--backend", options.backend,
                   "http; replay: marks of judge.jsonl; rule: words shared with the reference")
      ->check(CLI::IsMember({"http", "replay", "rule"}));
  verb->add_option("--rubric", flags->rubric, "another rubric than the benchmark's");
  verb->add_option("--rubrics", options.rubrics, "folder of rubrics in place of those of af2");
  verb->add_option(
      "--dense-captions", flags->dense_captions,
      "lines {id or audio, caption}: the judge is told what is in the clips, where the benchmark "
      "offers that view; the marks are those of another rubric, RUBRIC_dense");
  verb->add_flag("--reference-as-response", flags->ceiling,
                 "mark the references as answers too: the most that this judge gives");
  verb->add_option("--agree-with", flags->agree_with,
                   "marks.jsonl of another judge, or lines {id, mark} of people: how far they agree");
  verb->add_option("--judge-repeats", options.repeats, "marks of each answer; 0: as the benchmark says");
  verb->add_option("--judge-parallel", options.parallel, "calls at once");
  verb->add_option("--judge-timeout", options.timeout_s, "seconds a reply may take");
  verb->add_option("--judge-tries", options.tries, "tries of a call");
  verb->add_option("--judge-price-in", options.price_in, "price of a million tokens sent");
  verb->add_option("--judge-price-out", options.price_out, "price of a million tokens received");
  verb->add_option("--judge-budget", options.budget, "stop before the whole costs more; 0: no limit");
  verb->add_flag("--judge-official", options.official_missing,
                 "fill in the published script's mark where none can be read");
  take_flags_from_environment(*verb);
  verb->callback([flags, &runner] { runner = [flags] { return run_judge(*flags); }; });

  auto stub = std::make_shared<JudgeStubOptions>();
  CLI::App* server = eval.add_subcommand(
      "judge-stub",
      "a judge on 127.0.0.1 for tests: marks by words shared with the reference, never of anything real");
  server->add_option("--port", stub->port, "0: any free one");
  server->add_option("--mode", stub->mode, "overlap, always=N, seat1, badjson, refuse, 429 or slow");
  server->add_option("--delay", stub->delay_s, "seconds before an answer, with mode slow");
  server->add_option("--rubrics", stub->rubrics, "folder of rubrics in place of those of af2");
  server->callback([stub, &runner] {
    runner = [stub] {
      install_stop_signals();
      JudgeStub judge(*stub);
      print_line(judge.url());
      while (!stop_signal()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
      judge.stop();
      return 0;
    };
  });
}

}  // namespace af2
