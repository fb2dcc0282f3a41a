// One row of a benchmark made into an item: roles, options in their order, the right answer, what is odd.
//
// Only for benchmark_items.cpp; clips are looked for there. Thread rule: const after construction; what it is
// given must outlive it.
//
//   const ItemMaker maker(benchmark, fields, labels);
//   const EvalItem item = maker.make(row);
#pragma once

#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/benchmark_labels.h"
#include "af2/eval/benchmark_rows.h"
#include "af2/eval/eval_item.h"
#include "af2/eval/item_fields.h"

namespace af2 {

class ItemMaker {
 public:
  ItemMaker(const Benchmark& benchmark, const FieldReader& fields, const ReadLabels& labels)
      : benchmark_(benchmark), fields_(fields), labels_(labels) {}

  EvalItem make(const BenchmarkRow& row) const;
  // Names of `by` that no row has.
  std::vector<std::string> unknown_groups(const BenchmarkRows& rows) const;

 private:
  void identity(const BenchmarkRow& row, EvalItem& item) const;
  void options(const BenchmarkRow& row, EvalItem& item) const;
  void shuffle(EvalItem& item) const;
  void right_answer(const BenchmarkRow& row, EvalItem& item) const;
  void labels_of(const BenchmarkRow& row, EvalItem& item) const;
  void marked(const BenchmarkRow& row, EvalItem& item) const;
  void gold(EvalItem& item) const;
  void groups(const BenchmarkRow& row, EvalItem& item) const;
  std::string group(const BenchmarkRow& row, const EvalItem& item, const std::string& name) const;

  const Benchmark& benchmark_;
  const FieldReader& fields_;
  const ReadLabels& labels_;
};

// The order that `count` options of an item are asked in: position -> index before
// (docs/spec/evaluation.md section 6; seed 1, `item7`, four options: 0 2 1 3).
std::vector<std::size_t> shuffled_options(std::int64_t seed, const std::string& id, std::size_t count);

}  // namespace af2
