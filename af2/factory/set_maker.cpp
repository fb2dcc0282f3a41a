#include "af2/factory/set_maker.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/data/part_job.h"
#include "af2/factory/report.h"
#include "af2/factory/rules/story_pool.h"
#include "af2/factory/set_files.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr int kRounds = 8;  // of passing anew what is left

bool id_before(const Item& a, const Item& b) {
  return a.id < b.id;
}

// What one record gave, as it is kept.
Json made_of(const Record& record, const Vocabulary& words, const SetOptions& options, const StoryPool& pool,
             const SetSources& from) {
  RecordCounts counts;
  std::vector<Item> items;
  Json json = {{"items", Json::array()}, {"counts", Json::object()}, {"aside", Json::array()}};
  const auto take = [&](LlmMade made) {
    for (Item& item : made.items) items.push_back(std::move(item));
    for (Json& one : made.aside) json["aside"].push_back(std::move(one));
    for (const auto& [what, n] : made.counts)
      json["counts"]["model/" + what] = json["counts"].value("model/" + what, std::int64_t{0}) + n;
  };
  if (from.rules) items = items_of_record(record, words, options.items, counts, &pool);
  if (from.paraphrase) {
    const std::vector<Item> own = items;
    for (const Item& item : own) take(from.paraphrase(item));
  }
  if (from.model) take(from.model(record));
  for (Item& item : items) {
    item.split = options.split;
    json["items"].push_back(item_line(item));
  }
  for (const auto& [reason, n] : counts.dropped) {
    json["counts"][reason] = n;
    if (starts_with(reason, kBug)) json["bugs"][reason] = counts.first.at(reason);
  }
  return json;
}

// Items that were left out, with their reasons: those that a check names one by one are written at once,
// those that a step took out of the whole are noted by id and written from the parts, so that they need not
// be held.
class Aside {
 public:
  explicit Aside(const fs::path& path) : file_(path) {}
  void write(const Json& json) {
    file_.write(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }
  void write(Json item, const std::string& reason, const std::string& detail = "") {
    write(Json{{"reason", reason}, {"detail", detail}, {"item", std::move(item)}});
  }
  // A check's fault, which may be told more than once an item.
  void tell(const Item& item, const ItemFault& fault) {
    write(parse_json(item_line(item), item.id), fault.reason, fault.detail);
    told_.insert(item.id);
  }
  // Those of `before` that are not in `after`, but for those told of; both sorted by id.
  void note_gone(const std::vector<std::string>& before, const std::vector<Item>& after, const char* step) {
    auto left = after.begin();
    for (const std::string& id : before) {
      while (left != after.end() && left->id < id) ++left;
      if ((left == after.end() || left->id != id) && !told_.contains(id)) gone_.emplace(id, step);
    }
  }
  void write_gone(const PartJob& job) {
    for_each_made(job, [&](const Json& made) {
      for (const Json& line : made.at("items")) {
        Json item = parse_json(line.get_ref<const std::string&>(), "parts");
        const auto step = gone_.find(item.at("id").get_ref<const std::string&>());
        if (step != gone_.end()) write(std::move(item), step->second);
      }
    });
  }
  void commit() { file_.commit(); }

 private:
  AtomicFile file_;
  std::set<std::string> told_;
  std::unordered_map<std::string, const char*> gone_;  // and the step that took it out
};

std::vector<std::string> ids_of(const std::vector<Item>& items) {
  std::vector<std::string> ids;
  ids.reserve(items.size());
  for (const Item& item : items) ids.push_back(item.id);
  return ids;
}

void write_files(const fs::path& out, const std::vector<Item>& items, const std::vector<Record>& records,
                 const Vocabulary& words, const std::string& name) {
  write_jsonl_manifest(out / (name + ".jsonl"), items, records, words);
  write_af2_manifests(out, name, items);
  write_asked_set(out, items, records);
}

}  // namespace

SetResult make_set(const fs::path& out, const std::vector<Record>& records, const Vocabulary& words,
                   const SetOptions& options, const Json& inputs, int threads, const SetSources& from) {
  SetOptions copy = options;
  PartJob job;
  job.out = out;
  job.config = {{"made_by", "af2 data"}, {"inputs", inputs}, {"options", to_json(copy)}};
  job.n_items = static_cast<std::int64_t>(records.size());
  job.threads = threads;
  job.part_items = 256;
  job.unit = "records";
  open_part_job(job);
  SetResult result;
  result.records = job.n_items;
  const StoryPool pool = StoryPool::of_records(records);
  const PartJobResult run = run_part_job(job, [&](std::int64_t i) {
    return made_of(records[static_cast<std::size_t>(i)], words, options, pool, from);
  });
  result.stopped = run.stopped;
  if (!run.stopped.empty()) return result;

  std::vector<Item> items;
  Aside aside(out / "aside.jsonl");
  for_each_made(job, [&](const Json& made) {
    for (const Json& one : made.at("aside")) aside.write(one);
    for (const Json& line : made.at("items"))
      items.push_back(item_from_json(parse_json(line.get_ref<const std::string&>(), "parts"), "parts"));
    if (made.contains("bugs"))
      for (const auto& [reason, first] : made["bugs"].items())
        result.counts.first.emplace(reason, first.get<std::string>());
    for (const auto& [reason, n] : made.at("counts").items())
      result.counts.dropped[reason] += n.get<std::int64_t>();
  });
  for (const auto& [reason, n] : result.counts.dropped) result.counts.first.emplace(reason, "");
  result.made = static_cast<std::int64_t>(items.size());
  std::sort(items.begin(), items.end(), id_before);

  std::vector<std::string> before = ids_of(items);
  SetPassSources sources;
  sources.threads = threads;
  SetPass pass = pass_set(items, records, words, sources, options.pass,
                          [&](const Item& item, const ItemFault& fault) { aside.tell(item, fault); });
  aside.note_gone(before, items, "balance or blind solvers");
  result.counts.add(pass.inputs.dropped);
  items = choose_items(std::move(items), options.choose);
  // The choice shifts shares again: what is chosen must itself pass as a whole.
  for (int round = 0; round < kRounds; ++round) {
    before = ids_of(items);
    SetPass again = pass_set(items, records, words, sources, options.pass);
    aside.note_gone(before, items, "balance or blind solvers, once chosen");
    result.counts.add(again.inputs.dropped);
    result.within = again.within;
    result.solvers = std::move(again.inputs.solvers);
    if (again.left_out == 0 && again.moved == 0) break;
  }
  result.items = static_cast<std::int64_t>(items.size());
  aside.write_gone(job);
  aside.commit();
  write_files(out, items, records, words, options.name);
  if (words.size() > 0) write_label_table(out / "labels.tsv", words.labels());
  ReportInputs inputs_of_report = std::move(pass.inputs);
  inputs_of_report.name = options.name;
  inputs_of_report.dropped = result.counts;
  inputs_of_report.solvers = result.solvers;
  inputs_of_report.seed = options.items.seed;
  if (from.cost) inputs_of_report.cost = from.cost();
  write_report_inputs(out, inputs_of_report);
  const Json report = set_report(items, inputs_of_report);
  write_file_atomic(out / "report.json", report.dump(2) + "\n");
  write_file_atomic(out / "report.html", report_page(report, ""));
  return result;
}

}  // namespace af2
