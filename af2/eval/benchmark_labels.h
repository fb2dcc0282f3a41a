// The labels of a benchmark, completed from its data, and which of them a text of the data means.
//
// Thread rule: a plain value; reading is a free function.
//
//   LabelNames names(complete_labels(benchmark, root, rows, fields));
//   names.find("sea_waves");   // the label's name, or nothing
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/benchmark_rows.h"
#include "af2/eval/item_fields.h"

namespace af2 {

// The names that gold labels may have in the data: the label itself, as it is shown, its key of the labels'
// file; letter case does not count where that leaves one.
class LabelNames {
 public:
  LabelNames() = default;
  LabelNames(const LabelSet& labels, const std::map<std::string, std::string>& keys);
  std::optional<std::string> find(const std::string& text) const;

 private:
  std::map<std::string, std::string> names_, lower_;
};

struct ReadLabels {
  LabelSet set;
  LabelNames names;
};
// Labels as written, or those of `labels.file` (its hash goes into `rows`), or all that the rows have. Throws
// kData: the file is missing, has too few columns or a label twice.
ReadLabels complete_labels(const Benchmark& benchmark, const std::filesystem::path& root,
                           const FieldReader& fields, BenchmarkRows& rows);

}  // namespace af2
