// A run as a page: run.html of its folder, one file without network, written anew while the run goes; an open
// browser reads it again by itself.
//
// Made of metrics.jsonl, at most 2,000 steps of it (evenly taken). Not a log (trainer.h). Thread rule: free
// functions.
//
//   write_file_atomic(run / "run.html", run_page("runs/a", metrics, /*steps=*/1000, /*over=*/false));
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace af2 {

// `metrics`: the text of metrics.jsonl, records of steps and of validations. `steps` of the run; `over`: it
// goes on no more, and the page stays as it is.
std::string run_page(const std::string& title, const std::string& metrics, std::int64_t steps, bool over);

// Name and content of each file of af2/train/pages (generated).
const std::vector<std::pair<std::string, std::string>>& embedded_run_pages();

}  // namespace af2
