// Work that makes files out of many items: made in parallel, in parts that stay when the run is cut, so that
// a rerun does what is missing and ends in the same bytes as a run that was never cut (docs/spec/data.md
// section 8).
//
// OUT/config.json (what was asked for; another is refused, naming keys), OUT/parts (finished parts, one file
// each, put in place whole). What the parts are put together to is the caller's. Thread rule: one job a
// folder.
//
//   PartJob job{"data/out", config, 1000, 2};
//   open_part_job(job);
//   const PartJobResult result = run_part_job(job, [&](std::int64_t i) { return make(i); });
//   for_each_made(job, [&](const Json& made) { put(made); });
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "af2/core/json.h"

namespace af2 {

struct PartJob {
  std::filesystem::path out;
  Json config;
  std::int64_t n_items = 0;
  int threads = 1;
  int part_items = 64;
  std::string name = "parts";  // of the folder of its parts: jobs of one folder have a name each
  std::string unit = "clips";  // of the progress line
};

struct PartJobResult {
  std::int64_t done = 0;  // items of finished parts
  std::string stopped;    // why the job stopped before its end; empty: it is whole
};

// open_job_folder() and the folder of the parts.
void open_part_job(const PartJob& job);

// Makes what is missing. `make` must be a pure function of its index. Its first error is thrown after what
// runs has ended; Stopped and signals stop the job instead.
PartJobResult run_part_job(const PartJob& job, const std::function<Json(std::int64_t)>& make);

// What was made, by index, of all parts from the first that are there.
void for_each_made(const PartJob& job, const std::function<void(const Json&)>& take);

}  // namespace af2
