#include "af2/data/clap_job.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

fs::path part_path(const ClapJob& job, std::int64_t part) {
  std::string number = std::to_string(part);
  if (number.size() < 6) number.insert(0, 6 - number.size(), '0');
  return job.out / "parts" / (number + ".json");
}

void changed_keys(const Json& before, const Json& now, const std::string& prefix,
                  std::vector<std::string>& keys) {
  for (const auto& [key, value] : now.items()) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (!before.contains(key))
      keys.push_back(name);
    else if (value.is_object() && before[key].is_object())
      changed_keys(before[key], value, name, keys);
    else if (before[key] != value)
      keys.push_back(name + " (" + before[key].dump() + " -> " + value.dump() + ")");
  }
}

// What a part's items made, as it is kept.
Json part_of(std::vector<ClapMade>& made) {
  Json part = {{"lines", Json::array()},
               {"side", Json::array()},
               {"aside", Json::array()},
               {"items", made.size()},
               {"counts", Json::object()}};
  ClapCounts counts;
  for (ClapMade& one : made) {
    if (one.pair) {
      part["lines"].push_back(clap_pair_line(*one.pair));
      part["side"].push_back(one.side);
    }
    for (Json& record : one.kept_aside) {
      if (one.side.contains("audio")) record["audio"] = one.side["audio"];
      part["aside"].push_back(std::move(record));
    }
    for (const auto& [name, n] : one.counts) counts[name] += n;
  }
  for (const auto& [name, n] : counts) part["counts"][name] = n;
  return part;
}

// Makes the items [first, last) with all threads. Returns false when the job shall stop.
bool make_part(const ClapJob& job, std::int64_t first, std::int64_t last,
               const std::function<ClapMade(std::int64_t)>& make, std::vector<ClapMade>& made,
               std::string& stopped) {
  made.assign(static_cast<std::size_t>(last - first), {});
  std::atomic<std::int64_t> next = first;
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    while (!stop) {
      const std::int64_t i = next++;
      if (i >= last) return;
      try {
        if (stop_signal() != 0) throw LlmStopped{"a signal came"};
        made[static_cast<std::size_t>(i - first)] = make(i);
      } catch (const LlmStopped& reason) {
        const std::lock_guard lock(mutex);
        stopped = reason.reason;
        stop = true;
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        stop = true;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 1; t < job.threads; ++t) threads.emplace_back(work);
  work();
  for (auto& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  return !stop;
}

}  // namespace

void open_clap_job(const ClapJob& job) {
  fs::create_directories(job.out / "parts");
  const fs::path config = job.out / "config.json";
  if (fs::exists(config)) {
    std::vector<std::string> keys;
    changed_keys(parse_json(read_file(config), config.string()), job.config, "", keys);
    if (!keys.empty())
      throw user_error("was begun with other settings: " + join(keys, ", "), job.out.string(),
                       "take the changes back, or name another folder");
  } else {
    write_file_atomic(config, job.config.dump(2) + "\n");
  }
}

ClapJobResult run_clap_job(const ClapJob& job, const std::function<ClapMade(std::int64_t)>& make,
                           const std::function<Json()>& facts) {
  open_clap_job(job);
  ClapJobResult result;
  const std::int64_t parts = (job.n_items + job.part_items - 1) / job.part_items;
  {
    ProgressBar bar(job.n_items);
    for (std::int64_t p = 0; p < parts && result.stopped.empty(); ++p) {
      const std::int64_t first = p * job.part_items, last = std::min(job.n_items, first + job.part_items);
      if (!fs::exists(part_path(job, p))) {
        std::vector<ClapMade> made;
        if (!make_part(job, first, last, make, made, result.stopped)) break;
        write_file_atomic(part_path(job, p), line_of(part_of(made)));
      }
      result.done = last;
      bar.update(last, std::to_string(last) + "/" + std::to_string(job.n_items) + " clips");
    }
  }
  AtomicFile lines(job.out / "clap.jsonl"), side(job.out / "clap.side.jsonl"), aside(job.out / "aside.jsonl");
  for (std::int64_t p = 0; p < parts && fs::exists(part_path(job, p)); ++p) {
    const Json part = parse_json(read_file(part_path(job, p)), part_path(job, p).string());
    for (const Json& line : part.at("lines")) lines.write(line.get<std::string>() + "\n");
    for (const Json& line : part.at("side")) side.write(line_of(line));
    for (const Json& line : part.at("aside")) aside.write(line_of(line));
    for (const auto& [name, n] : part.at("counts").items()) result.counts[name] += n.get<std::int64_t>();
  }
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
