#include "af2/factory/selection/selection_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "af2/core/html.h"
#include "af2/core/options.h"
#include "af2/factory/report.h"
#include "af2/factory/review/markup.h"

namespace af2 {
namespace {

const char* way(const SelectedItem& item) {
  return item.by_dpp ? "dpp" : "random";
}

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

}  // namespace

std::string selection_lines(const Embeddings& vectors, const Selection& selection) {
  std::vector<const SelectedItem*> items;
  for (const auto& item : selection.items) items.push_back(&item);
  const auto id = [&](const SelectedItem* item) { return vectors.items()[item->row].id; };
  std::sort(items.begin(), items.end(), [&](const auto* a, const auto* b) { return id(a) < id(b); });
  std::string lines;
  for (const auto* item : items)
    lines +=
        Json{{"id", id(item)}, {"cluster", item->cluster}, {"by", way(*item)}, {"order", item->order}}.dump(
            -1, ' ', false, Json::error_handler_t::replace) +
        "\n";
  return lines;
}

Json selection_report(const Embeddings& vectors, const Selection& selection, SelectionOptions options) {
  Json report = {{"options", to_json(options)}, {"rows", vectors.size()}, {"columns", vectors.dim()}};
  KMeansResult k_means = selection.k_means;
  Json starts = Json::array();
  for (KMeansRun& run : k_means.runs) starts.push_back(to_json(run));
  report["k_means"] = {{"inertia", k_means.inertia}, {"best_start", k_means.best}, {"starts", starts}};

  // Means over clusters that have at least two rows chosen each way: the same clusters on both sides.
  double all = 0, random = 0, dpp = 0;
  std::int64_t compared = 0, more_diverse = 0, empty = 0, short_by = 0, n_random = 0, n_dpp = 0;
  Json clusters = Json::array();
  for (std::size_t c = 0; c < selection.clusters.size(); ++c) {
    const ClusterFacts& facts = selection.clusters[c];
    empty += facts.size == 0;
    short_by += facts.wanted_dpp - facts.dpp;
    n_random += facts.random, n_dpp += facts.dpp;
    if (facts.random > 1 && facts.dpp > 1) {
      ++compared;
      all += facts.similarity, random += facts.random_similarity, dpp += facts.dpp_similarity;
      more_diverse += facts.dpp_similarity < facts.random_similarity;
    }
    clusters.push_back({{"cluster", c},
                        {"size", facts.size},
                        {"inertia", facts.inertia},
                        {"random", facts.random},
                        {"dpp", facts.dpp},
                        {"method", facts.method},
                        {"mean_cosine", number_or_null(facts.similarity)},
                        {"mean_cosine_random", number_or_null(facts.random_similarity)},
                        {"mean_cosine_dpp", number_or_null(facts.dpp_similarity)}});
  }
  report["chosen"] = {{"random", n_random},
                      {"dpp", n_dpp},
                      {"dpp_short_of_wish", short_by},  // rows that repeat one another add nothing
                      {"empty_clusters", empty}};
  const auto n = static_cast<double>(compared);
  report["mean_cosine_of_pairs"] = {{"clusters_compared", compared},
                                    {"all_rows", number_or_null(all / n)},
                                    {"random", number_or_null(random / n)},
                                    {"dpp", number_or_null(dpp / n)},
                                    {"clusters_where_dpp_is_more_diverse", more_diverse}};
  report["clusters"] = clusters;
  return report;
}

std::string selection_csv(const Embeddings& vectors, const Selection& selection) {
  std::string out = "cluster,size,by,order,id,text,audio,quality,keep,note\n";
  for (const auto& item : selection.items) {
    const EmbeddingItem& row = vectors.items()[item.row];
    out += fmt::format("{},{},{},{},{},{},{},{},,\n", item.cluster,
                       selection.clusters[static_cast<std::size_t>(item.cluster)].size, way(item), item.order,
                       csv_cell(row.id), csv_cell(row.text), csv_cell(row.audio), row.quality);
  }
  return out;
}

std::string selection_page(const Embeddings& vectors, const Selection& selection) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Chosen "
      "clips</title>\n<style>\n"
      "body { font: 15px/1.4 sans-serif; margin: 1em auto; max-width: 75em; padding: 0 1em; }\n"
      "table { border-collapse: collapse; width: 100%; }\n"
      "th, td { border-bottom: 1px solid #8888; padding: .3em .6em; text-align: left; vertical-align: top; "
      "}\n"
      "caption { font-weight: bold; padding: 1.2em 0 .3em; text-align: left; }\n"
      ":root { color-scheme: light dark; }\n</style></head><body>\n";
  out += fmt::format("<h1>Chosen clips</h1>\n<p>{} of {}, from {} clusters.</p>\n", selection.items.size(),
                     vectors.size(), selection.clusters.size());
  int cluster = -1;
  for (const auto& item : selection.items) {
    const EmbeddingItem& row = vectors.items()[item.row];
    if (item.cluster != cluster) {
      if (cluster >= 0) out += "</table>\n";
      cluster = item.cluster;
      out += fmt::format(
          "<table><caption>Cluster {}, {} clips</caption>\n"
          "<tr><th>by</th><th>order</th><th>id</th><th>text</th><th>clip</th></tr>\n",
          cluster, selection.clusters[static_cast<std::size_t>(cluster)].size);
    }
    const std::string clip =
        row.audio.empty() ? ""
                          : "<audio controls preload=\"none\" src=\"" + address_of(row.audio) + "\"></audio>";
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", way(item),
                       item.order, html_text(row.id), html_text(row.text), clip);
  }
  return out + (cluster >= 0 ? "</table>\n" : "") + "</body></html>\n";
}

}  // namespace af2
