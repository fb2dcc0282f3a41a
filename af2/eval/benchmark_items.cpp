#include "af2/eval/benchmark_items.h"

#include <algorithm>
#include <set>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/eval/benchmark_rows.h"
#include "af2/eval/item_audio.h"
#include "af2/eval/item_maker.h"
#include "af2/eval/row_list.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr double kMostMissing = 0.05;  // of the items, section 9

// A role that no row has a value for: the layout is another one than the file says.
void require_roles(const FieldReader& fields, const BenchmarkRows& rows) {
  static const std::set<std::string> may_lack = {"choices", "context", "category", "duration"};
  if (rows.list.empty()) return;
  for (const std::string& role : fields.roles()) {
    if (may_lack.contains(role)) continue;
    const bool known = std::any_of(rows.list.begin(), rows.list.end(), [&](const BenchmarkRow& row) {
      const Json value = fields.value(row.values, role);
      return value.is_structured() ? !value.empty() && !(value.size() == 1 && value[0].is_null())
                                   : !value_text(value).empty();
    });
    if (known) continue;
    std::vector<std::string> names;
    for (const auto& [name, value] : rows.list.front().values.items()) names.push_back(name);
    throw data_error("no row has `" + fields.source(role) + "`, the " + role + " of an item",
                     rows.list.front().where, "there are: " + join(names, ", "));
  }
}

void refuse_same_ids(const std::vector<EvalItem>& items) {
  std::map<std::string, const EvalItem*> seen;
  for (const EvalItem& item : items) {
    const auto [found, first] = seen.try_emplace(item.id, &item);
    if (!first)
      throw data_error("the id \"" + item.id + "\" stands twice", found->second->where + " and " + item.where,
                       "check that this is the published file");
  }
}

void compare_count(const Json& expect, const char* what, std::size_t found, BenchmarkItems& read) {
  if (!expect.contains(what) || expect.at(what).get<std::size_t>() == found) return;
  read.mismatches.push_back(std::string(what) + ": expected " + value_text(expect.at(what)) + ", found " +
                            std::to_string(found));
}

void compare_counts(const Benchmark& benchmark, BenchmarkItems& read) {
  const Json& expect = benchmark.data.at("expect");
  compare_count(expect, "rows", read.n_rows, read);
  compare_count(expect, "items", read.n_items, read);
  compare_count(expect, "clips", read.n_clips, read);
  compare_count(expect, "tasks", read.n_tasks, read);
  if (expect.contains("refs")) {
    const auto wanted = expect.at("refs").get<std::size_t>();
    std::size_t others = 0;
    std::string first;
    for (const EvalItem& item : read.items)
      if (item.refs.size() != wanted && others++ == 0)
        first = item.id + " has " + std::to_string(item.refs.size());
    if (others > 0)
      read.mismatches.push_back("refs: expected " + std::to_string(wanted) +
                                " of every item, found others in " + std::to_string(others) + " (" + first +
                                ")");
  }
  if (benchmark.label_source.contains("expect") &&
      benchmark.label_source.at("expect").get<std::size_t>() != read.labels.list.size())
    read.mismatches.push_back("labels: expected " + value_text(benchmark.label_source.at("expect")) +
                              ", found " + std::to_string(read.labels.list.size()));
}

void count_items(const Benchmark& benchmark, const BenchmarkRows& rows,
                 const std::vector<std::vector<std::vector<std::string>>>& clips, BenchmarkItems& read) {
  read.n_rows = rows.n_rows;
  read.n_items = read.items.size();
  std::set<std::string> names, parts;
  for (const auto& own : clips)
    for (const auto& clip : own) names.insert(clip.front());
  for (const BenchmarkRow& row : rows.list) parts.insert(row.part);
  read.n_clips = names.size();
  read.n_tasks = benchmark.data.contains("file_as") ? parts.size() : 0;
  for (const EvalItem& item : read.items) {
    read.fewest_refs =
        &item == &read.items.front() ? item.refs.size() : std::min(read.fewest_refs, item.refs.size());
    read.most_refs = std::max(read.most_refs, item.refs.size());
  }
}

// Puts the paths that are there into the items, and names what is not.
void look_for_clips(ClipFinder& finder, const std::vector<std::vector<std::vector<std::string>>>& clips,
                    const ReadItemsOptions& options, BenchmarkItems& read) {
  std::map<std::string, std::optional<std::string>> found;
  std::map<std::string, std::string> problems;
  for (std::size_t i = 0; i < read.items.size(); ++i) {
    EvalItem& item = read.items[i];
    bool lacks = clips[i].empty();
    if (lacks) {
      item.faults.push_back("names no clip");
      if (options.look_for_audio) read.missing.push_back({item.id, "", "the row names no clip"});
    }
    for (const auto& names : clips[i]) {
      item.audio.push_back(names.front());
      if (!options.look_for_audio && !options.open_audio) continue;
      const auto [place, first] = found.try_emplace(names.front());
      if (first) place->second = finder.find(names);
      if (!place->second) {
        item.faults.push_back("the clip is missing: " + names.front());
        lacks = true;
        if (first) read.missing.push_back({item.id, names.front(), "is not there"});
        continue;
      }
      item.audio.back() = *place->second;
      if (!options.open_audio) continue;
      const auto [problem, heard_first] = problems.try_emplace(*place->second);
      if (heard_first) problem->second = finder.problem(*place->second);
      if (problem->second.empty()) continue;
      item.faults.push_back("the clip cannot be heard: " + problem->second);
      if (heard_first) read.unreadable.push_back({item.id, *place->second, problem->second});
    }
    if (item.cluster.empty()) item.cluster = item.audio.empty() ? item.id : item.audio.front();
    read.n_without_audio += lacks;
  }
}

void refuse_many_missing(const Benchmark& benchmark, const fs::path& root, const ReadItemsOptions& options,
                         const BenchmarkItems& read) {
  const double share = static_cast<double>(read.n_without_audio);
  if (options.allow_partial || benchmark.data.value("allow_missing_audio", false) ||
      !options.look_for_audio || share <= kMostMissing * static_cast<double>(read.items.size()))
    return;
  std::string first;
  for (std::size_t i = 0; i < read.missing.size() && i < 3; ++i)
    first += (i ? ", " : "") + (read.missing[i].path.empty() ? read.missing[i].item : read.missing[i].path);
  throw data_error(std::to_string(read.n_without_audio) + " of " + std::to_string(read.items.size()) +
                       " items lack their clip: " + first + (read.missing.size() > 3 ? " ..." : ""),
                   root.string(), "put the audio there, or allow a partial run (--allow-partial)");
}

}  // namespace

BenchmarkItems read_items(const Benchmark& benchmark, const fs::path& root, const ReadItemsOptions& options) {
  BenchmarkRows rows = read_rows(benchmark, root);
  const FieldReader fields(benchmark);
  require_roles(fields, rows);
  ReadLabels labels = complete_labels(benchmark, root, fields, rows);
  const ItemMaker maker(benchmark, fields, labels);
  ClipFinder finder(benchmark, root);

  BenchmarkItems read;
  std::vector<std::vector<std::vector<std::string>>> clips;
  for (const BenchmarkRow& row : rows.list) {
    read.items.push_back(maker.make(row));
    clips.push_back(finder.names(row.values, row.where));
  }
  refuse_same_ids(read.items);
  read.labels = std::move(labels.set);
  read.notices = std::move(rows.notices);
  read.sha256 = rows.sha256;
  for (const std::string& name : maker.unknown_groups(rows))
    read.notices.push_back("no row has `" + name + "`, which results are parted by");
  count_items(benchmark, rows, clips, read);
  compare_counts(benchmark, read);
  if (!read.mismatches.empty() && !options.allow_partial)
    throw data_error("counts differ from those published: " + join(read.mismatches, "; "), root.string(),
                     "complete the data, or allow a partial run (--allow-partial)");
  if (options.limit > 0 && read.items.size() > options.limit) {
    read.items.resize(options.limit);
    clips.resize(options.limit);
  }
  look_for_clips(finder, clips, options, read);
  refuse_many_missing(benchmark, root, options, read);
  return read;
}

}  // namespace af2
