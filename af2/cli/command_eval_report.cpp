// `af2 eval compare`, `overlap` and `report`: two runs beside each other; what was trained on; a run as
// pages.
#include <fstream>
#include <memory>
#include <set>

#include "af2/cli/command.h"
#include "af2/cli/eval_flags.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json_lines.h"
#include "af2/core/log.h"
#include "af2/data/manifest_formats.h"
#include "af2/eval/report_html.h"
#include "af2/eval/report_markdown.h"
#include "af2/eval/summary.h"
#include "af2/factory/overlap.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

struct CompareFlags {
  std::string a, b;
  bool json = false, other_data = false;
  int resamples = 10000;
};

int run_compare(const CompareFlags& flags) {
  const Json c = compare_runs(flags.a, flags.b, flags.resamples, /*seed=*/1, flags.other_data);
  if (flags.json) {
    print_line(c.dump());
    return 0;
  }
  const auto points = [](const Json& value) { return 100 * value.get<double>(); };
  print_line(fmt::format("{} ({}), {} items in common, {} clusters", c["benchmark"].get<std::string>(),
                         c["score"].get<std::string>(), c["n"].get<std::int64_t>(),
                         c["clusters"].get<std::int64_t>()));
  print_line(fmt::format("a {} {:.1f}   b {} {:.1f}   b - a {:+.1f} [{:+.1f}, {:+.1f}] points",
                         c["a"]["model"].get<std::string>(), points(c["value_a"]),
                         c["b"]["model"].get<std::string>(), points(c["value_b"]), points(c["difference"]),
                         points(c["low"]), points(c["high"])));
  print_line(fmt::format("b better {}, a better {}, alike {}", c["wins"].get<std::int64_t>(),
                         c["losses"].get<std::int64_t>(), c["ties"].get<std::int64_t>()));
  if (c.contains("mcnemar"))
    print_line(fmt::format("McNemar: exact p {:.4g}, mid-p {:.4g}", c["mcnemar"]["exact"].get<double>(),
                           c["mcnemar"]["mid_p"].get<double>()));
  if (c.contains("note")) notice("{}", c["note"].get<std::string>());
  if (c["only_a"] != 0 || c["only_b"] != 0)
    notice("{} items are in a alone, {} in b alone; they do not count", c["only_a"].get<std::int64_t>(),
           c["only_b"].get<std::int64_t>());
  for (const auto& [by, rows] : c["groups"].items())
    for (const Json& row : rows)
      print_line(fmt::format("{}={}\tn {}\t{:+.1f} [{:+.1f}, {:+.1f}]", by, row["value"].get<std::string>(),
                             row["n"].get<std::int64_t>(), points(row["difference"]), points(row["low"]),
                             points(row["high"])));
  return 0;
}

struct ReportFlags {
  std::string run, root, against, html, markdown;
  bool no_sounds = false;
};

std::vector<Json> lines_of_scores(const fs::path& file) {
  std::vector<Json> lines;
  each_json_line(file, [&](Json line, const std::string&) { lines.push_back(std::move(line)); });
  return lines;
}

int run_report(const ReportFlags& flags) {
  const fs::path run = flags.run;
  std::error_code ignored;
  if (!fs::is_regular_file(run / "summary.json", ignored))
    throw user_error("has no summary.json", flags.run, "score the run first: af2 eval score");
  const Json summary = parse_json(read_file(run / "summary.json"), (run / "summary.json").string());
  const Json compare = flags.against.empty() ? Json() : compare_runs(flags.against, run);
  ReportSounds sounds;
  sounds.root = flags.root;
  if (!flags.no_sounds && !flags.root.empty()) sounds.where = ReportSounds::kInside;
  const fs::path html = flags.html.empty() ? run / "report.html" : fs::path(flags.html);
  const fs::path markdown = flags.markdown.empty() ? run / "report.md" : fs::path(flags.markdown);
  const std::vector<Json> scores = lines_of_scores(run / "scores.jsonl");
  for (const Json& line : scores)
    if (line.contains("start"))
      sounds.stretches[line.at("id").get<std::string>()] = {line["start"].get<double>(),
                                                            line.value("duration", 0.0)};
  write_file_atomic(html, report_html(summary, scores, compare, sounds));
  write_file_atomic(markdown, report_markdown(summary, compare));
  print_line(html.string());
  print_line(markdown.string());
  return 0;
}

struct OverlapFlags {
  BenchmarkFlags benchmark;
  std::string run;
  std::vector<std::string> train;
  int threads = 2;
};

// The clips of a benchmark, as a list that the index reads.
fs::path write_clip_list(const OverlapFlags& flags, const BenchmarkItems& items) {
  std::set<std::string> clips;
  for (const EvalItem& item : items.items)
    for (const std::string& path : item.audio)
      clips.insert(fs::absolute(fs::path(flags.benchmark.root) / path).string());
  std::string list;
  for (const std::string& clip : clips) list += clip + "\n";
  const fs::path file = fs::path(flags.run) / "clips.txt";
  write_file_atomic(file, list);
  return file;
}

int run_overlap(const OverlapFlags& flags) {
  const Benchmark benchmark = named_benchmark(flags.benchmark);
  const BenchmarkItems items = items_of(flags.benchmark, benchmark);
  RecordCounts counts;
  const OverlapIndex index =
      OverlapIndex::build({{benchmark.id, write_clip_list(flags, items)}}, counts, nullptr, flags.threads);
  Json json = {
      {"benchmark_clips", index.clips().size()}, {"shared", Json::object()}, {"hits", Json::array()}};
  for (const std::string& manifest : flags.train) {
    std::vector<Item> clips;
    std::set<std::string> seen, shared;
    for_each_manifest_item(manifest, {}, counts, [&](ManifestItem&& line) {
      if (!seen.insert(line.audio).second) return;
      Item clip;
      clip.id = line.id.empty() ? line.audio : line.id;
      clip.audio = fs::absolute(line.audio).string();
      clips.push_back(std::move(clip));
    });
    const OverlapResult found = find_overlaps(clips, "", index, {}, flags.threads);
    counts.add(found.counts);
    const std::string name = fs::path(manifest).filename().string();
    for (const OverlapHit& hit : found.hits) {
      shared.insert(hit.test_clip);
      print_line(fmt::format("{}\t{}\t{}\t{}", hit.test_clip, hit.how, hit.audio, hit.detail));
      json["hits"].push_back({{"clip", hit.test_clip},
                              {"how", hit.how},
                              {"manifest", name},
                              {"in", fs::path(hit.audio).filename().string()}});
    }
    json["shared"][name] = shared.size();
    notice("{} of {} clips of {} are among {} clips of {}", shared.size(), index.clips().size(), benchmark.id,
           clips.size(), name);
  }
  for (const auto& [reason, n] : counts.dropped)
    if (reason != "overlap/" + benchmark.id) notice("{}: {}, first {}", reason, n, counts.first.at(reason));
  write_file_atomic(fs::path(flags.run) / "overlap.json", json.dump(1) + "\n");
  return 0;
}

void add_overlap(CLI::App& eval, CommandRunner& runner) {
  auto flags = std::make_shared<OverlapFlags>();
  CLI::App* verb = eval.add_subcommand(
      "overlap",
      "which clips of a benchmark a model was trained on: by ids, bytes, samples and fingerprints");
  verb->add_option("run", flags->run, "folder of the run; af2 eval score takes what is found")->required();
  add_benchmark_flags(*verb, flags->benchmark);
  verb->add_option("--train", flags->train,
                   "manifest of what the model was trained on (jsonl, AF2, AF3, LTU); repeatable")
      ->required()
      ->allow_extra_args(false);
  verb->add_option("-t,--threads", flags->threads, "clips heard at once");
  verb->callback([flags, &runner] { runner = [flags] { return run_overlap(*flags); }; });
}

}  // namespace

void add_eval_reports(CLI::App& eval, CommandRunner& runner) {
  auto compare = std::make_shared<CompareFlags>();
  CLI::App* pair = eval.add_subcommand(
      "compare", "two scored runs of one benchmark: difference, interval, items that flipped");
  pair->add_option("a", compare->a, "folder of a scored run")->required();
  pair->add_option("b", compare->b, "folder of another")->required();
  pair->add_option("--resamples", compare->resamples, "of the interval")->check(CLI::Range(100, 1000000));
  pair->add_flag("--other-data", compare->other_data,
                 "the benchmark's files differ on purpose: the same items about other sounds");
  pair->add_flag("--json", compare->json, "as JSON, with the items that flipped");
  pair->callback([compare, &runner] { runner = [compare] { return run_compare(*compare); }; });

  add_overlap(eval, runner);

  auto report = std::make_shared<ReportFlags>();
  CLI::App* verb =
      eval.add_subcommand("report", "a scored run as report.html (one file, no network) and report.md");
  verb->add_option("run", report->run, "folder of a scored run")->required();
  verb->add_option("--root", report->root,
                   "folder of the benchmark's sounds, to hear and see the worst items");
  verb->add_flag("--no-sounds", report->no_sounds, "without sounds");
  verb->add_option("--against", report->against, "a scored run that this one is compared with");
  verb->add_option("--html", report->html, "the page's file; without it RUN/report.html");
  verb->add_option("--md", report->markdown, "the text's file; without it RUN/report.md");
  verb->callback([report, &runner] { runner = [report] { return run_report(*report); }; });
}

}  // namespace af2
