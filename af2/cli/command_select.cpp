// `af2 data select`: clips chosen by the meaning of their texts (af2/factory/selection/selection.h).
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
#include "af2/core/options.h"
#include "af2/core/signal.h"
#include "af2/factory/selection/selection_report.h"
#include "af2/generate/torch_threads.h"

namespace af2 {
namespace {

struct SelectFlags {
  std::string vectors, ids, out, report, look;
  bool as_they_are = false;
  SelectionOptions options;
};

int run_select(SelectFlags flags) {
  const std::string ending = std::filesystem::path(flags.look).extension().string();
  if (!flags.look.empty() && ending != ".html" && ending != ".csv")
    throw user_error("must end in .html or .csv", "--look");
  install_stop_signals();
  use_torch_threads();
  Embeddings vectors = Embeddings::open(flags.vectors, flags.ids, !flags.as_they_are);
  Selection chosen;
  try {
    chosen = select_items(vectors, flags.options);
  } catch (const Error&) {
    if (stop_signal() == 0) throw;
    notice("stopped; nothing was written");
    return 128 + stop_signal();
  }
  const Json report = selection_report(vectors, chosen, flags.options);
  write_file_atomic(flags.out, selection_lines(vectors, chosen));
  if (!flags.report.empty()) write_file_atomic(flags.report, report.dump(1) + "\n");
  if (!flags.look.empty())
    write_file_atomic(flags.look,
                      ending == ".csv" ? selection_csv(vectors, chosen) : selection_page(vectors, chosen));
  for (const KMeansRun& run : chosen.k_means.runs)
    if (!run.converged)
      notice("k-means had not converged after {} iterations, inertia {:.6g}", run.iterations, run.inertia);
  const Json& n = report.at("chosen");
  const Json& cosine = report.at("mean_cosine_of_pairs");
  notice("{} of {} rows in {} clusters, inertia {:.6g}; {} drawn, {} diverse", chosen.items.size(),
         vectors.size(), chosen.clusters.size(), chosen.k_means.inertia, n.at("random").dump(),
         n.at("dpp").dump());
  if (!cosine.at("dpp").is_null())
    notice("mean cosine of pairs: all {:.3f}, drawn {:.3f}, diverse {:.3f}",
           cosine.at("all_rows").get<double>(), cosine.at("random").get<double>(),
           cosine.at("dpp").get<double>());
  if (n.at("dpp_short_of_wish") != 0)
    notice("{} fewer diverse rows than wished: the others repeat them", n.at("dpp_short_of_wish").dump());
  print_line(flags.out);
  return 0;
}

}  // namespace

void add_data_select(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<SelectFlags>();
  SelectionOptions& options = flags->options;
  CLI::App* verb = data.add_subcommand(
      "select", "clips chosen by vectors of their texts: clusters, and of each a random and a diverse part");
  verb->add_option("vectors", flags->vectors, ".npy of rows (float32, float64), or jsonl {id, embedding}")
      ->required();
  verb->add_option("--ids", flags->ids,
                   "a line for each row of the .npy: an id, or {\"id\", \"text\", \"audio\", \"quality\"}");
  verb->add_option("-k,--k", options.k_means.k, "clusters");
  verb->add_option("--random", options.random, "drawn from each cluster");
  verb->add_option("--dpp", options.dpp, "chosen from the rest of it by a determinantal point process");
  verb->add_option("--share", options.share,
                   "this share of each cluster instead, parted as --random and --dpp are");
  verb->add_option("--cap", options.cap, "most of one cluster; 0: no limit");
  verb->add_option("--method", options.method,
                   "of the process: greedy (the most diverse set) or sample (an exact draw, from clusters of "
                   "at most --exact-limit rows)");
  verb->add_option("--exact-limit", options.exact_limit, "larger clusters are greedy");
  verb->add_option("--starts", options.k_means.starts, "tries of k-means; the best one counts");
  verb->add_option("--max-iterations", options.k_means.max_iterations, "of a try");
  verb->add_option("--tolerance", options.k_means.tolerance, "movement of the centres that ends a try");
  verb->add_option("--seed", options.k_means.seed, "every draw is named by it");
  verb->add_flag("--as-they-are", flags->as_they_are, "cluster the vectors without scaling them to length 1");
  verb->add_option("-o,--out", flags->out, "jsonl of the chosen: id, cluster, by, order")->required();
  verb->add_option("--report", flags->report, "json: sizes, inertia, how diverse the two parts are");
  verb->add_option("--look", flags->look, "list of the chosen for a person's look, .html or .csv");
  take_flags_from_environment(*verb);
  verb->footer(
      "example:\n"
      "  af2 data select captions.npy --ids captions.jsonl --k 100 --random 5 --dpp 5 --seed 1 "
      "-o chosen.jsonl\n"
      "      --report chosen.report.json --look chosen.html");
  verb->callback([flags, &runner] { runner = [flags] { return run_select(*flags); }; });
}

}  // namespace af2
