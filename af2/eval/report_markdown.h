// The report of a scored run as Markdown (report.md): for terminals, pull requests and mail.
//
// Not the page with sounds and items: report_html.h. Computes no score. The same summary gives the same
// bytes. Thread rule: free functions.
//
//   const Json summary = parse_json(read_file("run/summary.json"), "run/summary.json");
//   write_file_atomic("run/report.md", report_markdown(summary, nullptr));
#pragma once

#include <string>

#include "af2/core/json.h"

namespace af2 {

// The first table is the first line of docs/spec/evaluation.md section 8. `compare`: what compare_runs()
// gives for two runs, the second of which is this one; null: none. Texts of the data are escaped. Throws
// kData when `summary` is no summary.
std::string report_markdown(const Json& summary, const Json& compare);

}  // namespace af2
