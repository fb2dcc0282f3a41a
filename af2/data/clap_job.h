// AF-CLAP data as a folder: items made in parallel, in parts that stay when the run is cut, then put together
// (docs/spec/data.md section 8).
//
// OUT/clap.jsonl (what is trained on), OUT/clap.side.jsonl (a line for each: labels, kinds, generator),
// OUT/aside.jsonl (changed captions, refused texts, dropped clips, each with its reason), OUT/report.json
// (counts), OUT/config.json (what was asked for), OUT/parts (finished parts). A rerun with the same config
// does what is missing and ends in the same bytes as a run that was never cut; with another config it is
// refused. Thread rule: one job a folder.
//
//   ClapJob job{"data/out", config, 1000, 2};
//   const ClapJobResult result = run_clap_job(job, [&](std::int64_t i) { return make(i); });
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "af2/data/clap_maker.h"

namespace af2 {

struct ClapJob {
  std::filesystem::path out;
  Json config;
  std::int64_t n_items = 0;
  int threads = 1;
  int part_items = 64;
};

struct ClapJobResult {
  ClapCounts counts;      // of the parts that are done
  std::int64_t done = 0;  // items, dropped ones too
  std::string stopped;    // why the job stopped before its end; empty: it is whole
};

// `make` must be a pure function of its index. Its error is thrown after what runs has ended; Stopped and
// signals stop the job instead. `facts`, called at the end, is added to the report.
ClapJobResult run_clap_job(const ClapJob& job, const std::function<ClapMade(std::int64_t)>& make,
                           const std::function<Json()>& facts = {});

// Creates the folder, and config.json; throws kUser, naming keys, where it holds another job.
void open_clap_job(const ClapJob& job);

}  // namespace af2
