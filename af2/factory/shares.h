// How much of a mix each skill or category is: the published sizes of AudioSkills, LongAudio and
// LongAudioBench (docs/spec/data.md sections 2 and 3), or a file's.
//
// Sizes are config: a scaled-down mix keeps the shares. Not for choosing items (mix.h). Thread rule: free
// functions and constants.
//
//   const ShareTable table = read_shares("audioskills");             // or "mine.yaml": {temporal: 2,
//   counting: 1} const auto n = apportion(1000, table.weights());                 // 44, 47, 12 ... of each,
//   1000 in all
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace af2 {

struct ShareTable {
  std::string name;
  std::vector<std::pair<std::string, double>> rows;  // skill_key() and its weight, above 0

  std::vector<double> weights() const;
  // The row of what an item's skill_key() or a manifest line's task says; -1: none. A task may be the bare
  // category of a long clip, may begin with the name of its set ("LongAudio-plot"), and may call needle
  // "complex".
  int row_of_skill(const std::string& key) const;
  int row_of_task(const std::string& task) const;
};

// audioskills, longaudio, longaudiobench.
const std::vector<ShareTable>& share_tables();
// One of them by name, else a file (YAML or JSON) of skills and weights. Throws kUser for a name that is
// neither, and for a file without rows or with a weight that is no number above 0.
ShareTable read_shares(const std::string& name_or_file);

// `n` in whole parts that go like the weights: each is less than one from its exact share (largest
// remainders; where they are alike the first). Weights of 0 get nothing. Throws kInternal where all are 0.
std::vector<std::int64_t> apportion(std::int64_t n, const std::vector<double>& weights);

}  // namespace af2
