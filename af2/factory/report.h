// The report of a set of items: what it holds, what was left out and why, what can be guessed, and items to
// look at and listen to (docs/spec/data.md section 8).
//
// As JSON, and as one page that needs no network: open it from disk, beside the sounds. Every text of the set
// is escaped; the page has no scripts. Thread rule: free functions.
//
//   const Json report = set_report(set.items, {.name = "skills", .solvers = run_solvers(set.items, {})});
//   write_file_atomic("data/skills/report.html", report_page(report, ""));
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/record.h"
#include "af2/factory/blind_solvers.h"
#include "af2/factory/item.h"

namespace af2 {

// What the items themselves do not say.
struct ReportInputs {
  std::string name;
  RecordCounts dropped;                          // by check
  std::vector<SolverScore> solvers;              // run_solvers()
  std::map<std::string, std::int64_t> overlaps;  // items left out, by test set
  std::vector<std::string> looked_at;            // test sets that were looked at
  Json cost = Json::object();  // calls, tokens, price of a language model: shown as they are
  std::int64_t seed = 0;       // chooses the samples
  int samples = 20;            // of each type
};

// Keys: name, those of SetCounts::json() but `records`, samples, dropped, solvers, overlaps, looked_at, cost.
Json set_report(const std::vector<Item>& items, const ReportInputs& inputs);

// The page. `audio_prefix`: from the page's folder to the set's, "" or ending in '/'.
std::string report_page(const Json& report, const std::string& audio_prefix);

// What a set folder knows of its making: checks.json (dropped, solvers, overlaps, looked_at, cost), where it
// is there. write_report_inputs() writes it. Throws kData for a file of another form.
ReportInputs read_report_inputs(const std::filesystem::path& folder);
void write_report_inputs(const std::filesystem::path& folder, const ReportInputs& inputs);

// A path as an address: every byte but letters, digits and -._~/ as %XX.
std::string address_of(std::string_view path);

}  // namespace af2
