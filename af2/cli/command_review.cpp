// `af2 data review`: people's review of a benchmark, and its release (af2/factory/review/review.h).
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "af2/cli/clip_flags.h"
#include "af2/cli/command.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/log.h"
#include "af2/factory/review/release.h"
#include "af2/factory/review/review_export.h"
#include "af2/factory/review/review_report.h"
#include "af2/factory/review/review_rows.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

struct SampleFlags {
  std::string set, out;
  bool copy = false;
  ReviewSettings settings;
};

int run_sample(const SampleFlags& flags) {
  sample_review(flags.set, flags.out, flags.settings, flags.copy);
  const Review review = open_review(flags.out);
  std::map<std::string, int> counts;
  for (const ReviewItem& item : review.items) ++counts[item.item.skill];
  for (const auto& [skill, n] : counts) notice("{}: {}", skill, n);
  notice("{} items; write them out with: af2 data review export {} --round 1 -o round1.html",
         review.items.size(), flags.out);
  print_line(flags.out);
  return 0;
}

struct ExportFlags {
  std::string review, out, part;
  int round = 1;
  ReviewExportOptions options;
};

void take_part(const std::string& text, ReviewExportOptions& options) {
  if (text.empty()) return;
  const Error wrong = user_error("is `" + text + "`", "--part", "write 2/3 for the second of three");
  const std::size_t slash = text.find('/');
  const auto number = [&](const std::string& digits) {
    if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string::npos)
      throw wrong;
    return std::stoi(digits);
  };
  if (slash == std::string::npos) throw wrong;
  options.part = number(text.substr(0, slash)), options.parts = number(text.substr(slash + 1));
}

int run_export(ExportFlags flags) {
  take_part(flags.part, flags.options);
  const std::string ending = fs::path(flags.out).extension().string();
  if (ending != ".csv" && ending != ".jsonl" && ending != ".html")
    throw user_error("must end in .csv, .jsonl or .html", "--out");
  const Review review = open_review(flags.review);
  const auto rows = rows_for_round(review, flags.round, flags.options);
  const std::string& reviewer = flags.options.reviewer;
  write_file_atomic(flags.out, ending == ".csv"     ? review_csv(rows, reviewer)
                               : ending == ".jsonl" ? review_jsonl(rows, reviewer)
                                                    : review_page(review, flags.round, rows, reviewer,
                                                                  fs::absolute(flags.out).parent_path()));
  if (rows.empty()) notice("no item waits for round {}", flags.round);
  notice("{} items for round {}", rows.size(), flags.round);
  print_line(flags.out);
  return 0;
}

struct ImportFlags {
  std::string review;
  std::vector<std::string> files;
  int round = 1;
  bool replace = false;
};

int run_import(const ImportFlags& flags) {
  Review review = open_review(flags.review);
  const ImportResult result =
      import_rows(review, flags.round, {flags.files.begin(), flags.files.end()}, flags.replace);
  for (int round = flags.round; result.taken > 0 && round <= kReviewRounds; ++round)
    write_round(review, round);
  for (const RefusedRow& row : result.refused)
    print_line(fmt::format("{}\t{}\t{}", row.where, one_line(row.id), one_line(row.reason)));
  std::map<ReviewStatus, int> status;
  for (const ReviewItem& item : review.items) ++status[status_of(item)];
  for (const auto& [which, n] : status) notice("{}: {}", status_name(which), n);
  notice("round {}: {} rows taken, {} were there already, {} refused", flags.round, result.taken,
         result.again, result.refused.size());
  return result.refused.empty() ? 0 : 4;
}

struct ReviewReportFlags {
  std::string review, out;
};

int run_review_report(const ReviewReportFlags& flags) {
  const Json report = review_report(open_review(flags.review));
  if (flags.out.empty()) {
    print_line(report.dump(1));
  } else {
    write_file_atomic(flags.out, report.dump(1) + "\n");
    print_line(flags.out);
  }
  const Json& agreement = report.at("agreement");
  if (!agreement.at("share").is_null())
    notice("the first two agree on {} of {} items{}", agreement.at("agreed").dump(),
           agreement.at("items").dump(),
           agreement.at("kappa").is_null()
               ? std::string()
               : fmt::format(", kappa {:.3f}", agreement.at("kappa").get<double>()));
  return 0;
}

struct ReleaseFlags {
  std::string review, out, words;
  bool verify = false;
  ReleaseOptions options;
};

int run_release(const ReleaseFlags& flags) {
  if (flags.verify) {
    const auto problems = verify_release(flags.review);
    for (const std::string& problem : problems) print_line(problem);
    if (problems.empty()) notice("every file of {} has the bytes of its sum", flags.review);
    return problems.empty() ? 0 : 4;
  }
  if (flags.out.empty()) throw user_error("is missing", "--out", "name the folder of the release");
  const Review review = open_review(flags.review);
  const Vocabulary words = Vocabulary::of_records(
      review.records, flags.words.empty() ? std::vector<LabelInfo>() : read_label_table(flags.words));
  const auto problems = release_problems(review, words, flags.options);
  for (const ReleaseProblem& problem : problems)
    print_line(fmt::format("{}\t{}\t{}", problem.id, problem.reason, one_line(problem.detail)));
  if (!problems.empty()) {
    notice("{} problems stand in the way of a release; nothing was written", problems.size());
    return 4;
  }
  const std::size_t n = write_release(review, words, flags.out, flags.options);
  notice("{} items", n);
  print_line(flags.out);
  return 0;
}

void add_review_sample(CLI::App& review, CommandRunner& runner) {
  auto flags = std::make_shared<SampleFlags>();
  CLI::App* verb = review.add_subcommand("sample", "draw items of the test split for review");
  verb->add_option("set", flags->set, "folder with items.jsonl and records.jsonl")->required();
  verb->add_option("--n", flags->settings.n, "items, in proportion to the categories");
  verb->add_option("--quota", flags->settings.quotas, "so many of a category instead: temporal=50")
      ->delimiter(',');
  verb->add_option("--by", flags->settings.by, "categories: skill or type (skill.type)");
  verb->add_option("--check-share", flags->settings.check_share,
                   "share of what two people agree on that a third looks at");
  verb->add_option("--seed", flags->settings.seed, "of the draws");
  verb->add_flag("--copy-sounds", flags->copy, "copy the clips, so that the folder can be handed on");
  verb->add_option("-o,--out", flags->out, "folder of the review")->required();
  take_flags_from_environment(*verb);
  verb->footer("example: af2 data review sample sets/long --quota temporal=50,plot=30 --seed 1 -o review");
  verb->callback([flags, &runner] { runner = [flags] { return run_sample(*flags); }; });
}

void add_review_export(CLI::App& review, CommandRunner& runner) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* verb = review.add_subcommand("export", "what waits for a round, as people fill it");
  verb->add_option("review", flags->review, "folder of the review")->required();
  verb->add_option("--round", flags->round, "1, 2, or 3: a third person's")->required();
  verb->add_option("--reviewer", flags->options.reviewer,
                   "who will fill it; items that this person has spoken of are left out");
  verb->add_option("--part", flags->part, "2/3: the second of three people's shares");
  verb->add_flag("--blind", flags->options.blind,
                 "round 2 sees the text as it was drawn, not as round 1 left it");
  verb->add_option("-o,--out", flags->out,
                   "file: .html (player and form, works from disk without a network), .csv or .jsonl")
      ->required();
  take_flags_from_environment(*verb);
  verb->footer(
      "example: af2 data review export review --round 1 --reviewer Ann --part 1/3 -o round1-ann.html");
  verb->callback([flags, &runner] { runner = [flags] { return run_export(*flags); }; });
}

void add_review_import(CLI::App& review, CommandRunner& runner) {
  auto flags = std::make_shared<ImportFlags>();
  CLI::App* verb = review.add_subcommand("import", "take filled rows; refused ones are listed (exit code 4)");
  verb->add_option("review", flags->review, "folder of the review")->required();
  verb->add_option("files", flags->files, "filled .csv or .jsonl")->required();
  verb->add_option("--round", flags->round, "1, 2 or 3")->required();
  verb->add_flag("--replace", flags->replace,
                 "a new row takes an earlier one's place; later rounds of its item are dropped");
  take_flags_from_environment(*verb);
  verb->footer("example: af2 data review import review round1-ann.jsonl round1-ben.csv --round 1");
  verb->callback([flags, &runner] { runner = [flags] { return run_import(*flags); }; });
}

void add_review_report(CLI::App& review, CommandRunner& runner) {
  auto flags = std::make_shared<ReviewReportFlags>();
  CLI::App* verb = review.add_subcommand("report", "agreement, kappa, discards by reason, edits");
  verb->add_option("review", flags->review, "folder of the review")->required();
  verb->add_option("-o,--out", flags->out, "file; else standard output");
  take_flags_from_environment(*verb);
  verb->footer("example: af2 data review report review -o report.json");
  verb->callback([flags, &runner] { runner = [flags] { return run_review_report(*flags); }; });
}

void add_review_release(CLI::App& review, CommandRunner& runner) {
  auto flags = std::make_shared<ReleaseFlags>();
  CheckOptions& checks = flags->options.checks;
  CLI::App* verb = review.add_subcommand(
      "release", "a benchmark out of a finished review; problems are listed (exit code 4)");
  verb->add_option("review", flags->review, "folder of the review; with --verify, of the release")
      ->required();
  verb->add_option("--name", flags->options.name, "of the benchmark");
  verb->add_option("--version", flags->options.version, "of the release");
  verb->add_option("--words", flags->words, "table of labels and their words (labels.tsv), for the checks");
  verb->add_option("--allow-licence", checks.allow_licence, "only these licences")->delimiter(',');
  verb->add_flag("--verify", flags->verify, "compare every file with SHA256SUMS, and write nothing");
  verb->add_option("-o,--out", flags->out, "folder to write");
  take_flags_from_environment(*verb);
  verb->footer("example: af2 data review release review --name LongBench --version 1.0 -o LongBench-1.0");
  verb->callback([flags, &runner] { runner = [flags] { return run_release(*flags); }; });
}

}  // namespace

void add_data_review(CLI::App& data, CommandRunner& runner) {
  CLI::App* review = data.add_subcommand("review", "people's review of a benchmark, and its release");
  review->require_subcommand(1);
  add_review_sample(*review, runner);
  add_review_export(*review, runner);
  add_review_import(*review, runner);
  add_review_report(*review, runner);
  add_review_release(*review, runner);
}

}  // namespace af2
