#include "af2/data/clap_job.h"

#include "af2/core/file.h"
#include "af2/data/part_job.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace {

std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

PartJob part_job(const ClapJob& job) {
  return {job.out, job.config, job.n_items, job.threads, job.part_items};
}

// One item as it is kept.
Json kept(ClapMade made) {
  Json json = {{"aside", Json::array()}, {"counts", Json::object()}};
  if (made.pair) json["line"] = clap_pair_line(*made.pair);
  for (Json& record : made.kept_aside) {
    if (made.side.contains("audio")) record["audio"] = made.side["audio"];
    json["aside"].push_back(std::move(record));
  }
  if (made.pair) json["side"] = std::move(made.side);
  for (const auto& [name, n] : made.counts) json["counts"][name] = n;
  return json;
}

}  // namespace

void open_clap_job(const ClapJob& job) {
  open_part_job(part_job(job));
}

ClapJobResult run_clap_job(const ClapJob& job, const std::function<ClapMade(std::int64_t)>& make,
                           const std::function<Json()>& facts) {
  open_clap_job(job);
  ClapJobResult result;
  const PartJob parts = part_job(job);
  const PartJobResult run = run_part_job(parts, [&](std::int64_t i) { return kept(make(i)); });
  result.done = run.done;
  result.stopped = run.stopped;
  AtomicFile lines(job.out / "clap.jsonl"), side(job.out / "clap.side.jsonl"), aside(job.out / "aside.jsonl");
  for_each_made(parts, [&](const Json& made) {
    if (made.contains("line")) {
      lines.write(made["line"].get<std::string>() + "\n");
      side.write(json_line(made["side"]));
    }
    for (const Json& record : made.at("aside")) aside.write(json_line(record));
    for (const auto& [name, n] : made.at("counts").items()) result.counts[name] += n.get<std::int64_t>();
  });
  if (!result.stopped.empty()) return result;
  side.commit();
  aside.commit();
  Json counts = Json::object();
  for (const auto& [name, n] : result.counts) {
    const std::size_t slash = name.find('/');
    counts[name.substr(0, slash)][name.substr(slash + 1)] = n;
  }
  Json report = {{"asked_for", job.n_items}, {"counts", counts}};
  if (facts) report.update(facts());
  write_file_atomic(job.out / "report.json", report.dump(2) + "\n");
  lines.commit();  // last: where it is, the rest is whole
  return result;
}

}  // namespace af2
