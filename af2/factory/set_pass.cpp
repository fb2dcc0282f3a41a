#include "af2/factory/set_pass.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "af2/factory/rules/recheck.h"

namespace af2 {
namespace {

void leave(std::vector<Item>& items, const std::vector<char>& keep) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!keep[i]) continue;
    if (to != i) items[to] = std::move(items[i]);
    ++to;
  }
  items.resize(to);
}

}  // namespace

SetPass pass_set(std::vector<Item>& items, const std::vector<Record>& records, const Vocabulary& words,
                 const SetPassSources& sources, const SetPassOptions& options, const FaultSink& sink) {
  SetPass pass;
  RecordCounts& counts = pass.inputs.dropped;
  const std::size_t before = items.size();
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.id < b.id; });

  const ItemChecker checker(words, options.checks);
  const SetCheck check =
      check_items(items, records, checker, sources.hear ? sources.folder : std::filesystem::path(), sink,
                  sources.threads);
  counts.add(check.counts);
  leave(items, check.keep);

  if (sources.tests) {
    OverlapResult overlap =
        find_overlaps(items, sources.folder, *sources.tests, options.overlap, sources.threads);
    counts.add(overlap.counts);
    pass.inputs.overlaps = overlap.by_set;
    std::set<std::string> sets;
    for (const TestClip& clip : sources.tests->clips()) sets.insert(clip.set);
    pass.inputs.looked_at.assign(sets.begin(), sets.end());
    pass.hits = std::move(overlap.hits);
    leave(items, overlap.keep);
  }

  pass.moved = balance_set(items, options.balance, counts);
  TextModelAnswers answers;
  if (sources.text_model) answers = ask_text_model(items, *sources.text_model, sources.threads);
  const PruneResult pruned = prune(items, options.solvers, counts, sources.text_model ? &answers : nullptr);
  // What was taken out shifts shares a little.
  if (options.balance.yes_no) balance_yes_no(items, options.balance, counts);
  pass.moved += balance_letters(items, options.balance);

  // Answers whose letters were moved must still be what the labels say.
  std::unordered_map<std::string, const Record*> record_of;
  for (const Record& record : records) record_of.emplace(record.id, &record);
  std::vector<char> keep(items.size(), 1);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto record = record_of.find(items[i].record);
    if (record == record_of.end()) continue;
    const std::string why = item_problem(items[i], *record->second, words, options.checks.margins);
    if (why.empty()) continue;
    keep[i] = 0;
    counts.drop("rules/moved", items[i].id + ": " + why);
    if (sink) sink(items[i], {"rules/moved", why});
  }
  leave(items, keep);
  pass.inputs.solvers = run_solvers(items, options.solvers);
  // The text model is not asked again: its last score is that of pruning.
  for (const SolverScore& score : pruned.after)
    if (score.solver == "text_model") pass.inputs.solvers.push_back(score);
  pass.within =
      std::none_of(pass.inputs.solvers.begin(), pass.inputs.solvers.end(), [&](const SolverScore& s) {
        return s.n >= options.solvers.min_items && s.over(options.solvers.margin_points);
      });
  pass.left_out = static_cast<std::int64_t>(before - items.size());
  return pass;
}

}  // namespace af2
