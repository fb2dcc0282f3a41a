#include "af2/data/part_job.h"

#include <algorithm>
#include <vector>

#include "af2/core/file.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/core/workers.h"
#include "af2/data/job_folder.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

fs::path part_path(const PartJob& job, std::int64_t part) {
  std::string number = std::to_string(part);
  if (number.size() < 6) number.insert(0, 6 - number.size(), '0');
  return job.out / job.name / (number + ".json");
}

std::int64_t count_parts(const PartJob& job) {
  return (job.n_items + job.part_items - 1) / job.part_items;
}

// Makes the items [first, last) with all threads. Returns false when the job shall stop.
bool make_part(const PartJob& job, std::int64_t first, std::int64_t last,
               const std::function<Json(std::int64_t)>& make, std::vector<Json>& made, std::string& stopped) {
  made.assign(static_cast<std::size_t>(last - first), nullptr);
  try {
    for_each_by(job.threads, made.size(), [&](std::size_t i) {
      if (stop_signal() != 0) throw Stopped{"a signal came"};
      made[i] = make(first + static_cast<std::int64_t>(i));
    });
  } catch (const Stopped& reason) {
    stopped = reason.reason;
    return false;
  }
  return true;
}

}  // namespace

void open_part_job(const PartJob& job) {
  open_job_folder(job.out, job.config);
  fs::create_directories(job.out / job.name);
}

PartJobResult run_part_job(const PartJob& job, const std::function<Json(std::int64_t)>& make) {
  PartJobResult result;
  ProgressBar bar(job.n_items);
  for (std::int64_t p = 0; p < count_parts(job); ++p) {
    const std::int64_t first = p * job.part_items, last = std::min(job.n_items, first + job.part_items);
    if (!fs::exists(part_path(job, p))) {
      std::vector<Json> made;
      if (!make_part(job, first, last, make, made, result.stopped)) break;
      write_file_atomic(part_path(job, p),
                        Json(std::move(made)).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    }
    result.done = last;
    bar.update(last, std::to_string(last) + "/" + std::to_string(job.n_items) + " " + job.unit);
  }
  return result;
}

void for_each_made(const PartJob& job, const std::function<void(const Json&)>& take) {
  for (std::int64_t p = 0; p < count_parts(job) && fs::exists(part_path(job, p)); ++p)
    for (const Json& made : parse_json(read_file(part_path(job, p)), part_path(job, p).string())) take(made);
}

}  // namespace af2
