#include "af2/data/length_batches.h"

#include <algorithm>
#include <numeric>

#include "af2/core/error.h"
#include "af2/core/random.h"

namespace af2 {
namespace {

void check_limits(std::span<const std::int32_t> windows, const BatchLimits& limits) {
  if (limits.max_windows < 1) throw user_error("must be at least 1", "max_windows of a batch");
  if (limits.max_clips < 1) throw user_error("must be at least 1", "max_clips of a batch");
  if (limits.multiple < 1) throw user_error("must be at least 1", "multiple of a batch's clips");
  for (std::size_t i = 0; i < windows.size(); ++i)
    if (windows[i] > limits.max_windows)
      throw user_error("has " + std::to_string(windows[i]) + " windows, more than a batch may have",
                       "item " + std::to_string(i),
                       "raise max_windows (" + std::to_string(limits.max_windows) + "), or cap the clips");
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> batch_ranges(std::span<const std::int32_t> windows,
                                                              const BatchLimits& limits) {
  check_limits(windows, limits);
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  std::size_t start = 0, end = 0;  // the longest prefix with a good number of clips; the rest is the tail
  std::int32_t longest = 0, longest_of_tail = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    longest_of_tail = std::max(longest_of_tail, windows[i]);
    const auto size_from = [&](std::size_t first) { return static_cast<std::int64_t>(i + 1 - first); };
    std::int64_t size = size_from(start);
    const bool over =
        size > limits.max_clips || size * std::max(longest, longest_of_tail) > limits.max_windows;
    if (over) {
      ranges.emplace_back(start, end);
      if (size_from(end) * longest_of_tail > limits.max_windows) {
        ranges.emplace_back(end, i);
        longest_of_tail = windows[i];
        end = i;
      }
      start = end;
      longest = 0;
      size = size_from(start);
    }
    if (over || size < limits.multiple || size % limits.multiple == 0) {
      end = i + 1;
      longest = std::max(longest, longest_of_tail);
      longest_of_tail = 0;
    }
  }
  if (end > start) ranges.emplace_back(start, end);
  if (windows.size() > end) ranges.emplace_back(end, windows.size());
  return ranges;
}

std::vector<LengthBatch> length_batches(const std::vector<BlendItem>& items, const BatchLimits& limits) {
  std::vector<BlendItem> ordered = items;
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const BlendItem& a, const BlendItem& b) { return a.bucket < b.bucket; });
  std::vector<LengthBatch> batches;
  for (std::size_t first = 0; first < ordered.size();) {
    std::size_t last = first;
    std::vector<std::int32_t> windows;
    for (; last < ordered.size() && ordered[last].bucket == ordered[first].bucket; ++last)
      windows.push_back(ordered[last].windows);
    for (const auto& [begin, end] : batch_ranges(windows, limits)) {
      LengthBatch& batch = batches.emplace_back();
      batch.items.assign(ordered.begin() + static_cast<std::ptrdiff_t>(first + begin),
                         ordered.begin() + static_cast<std::ptrdiff_t>(first + end));
      for (const BlendItem& item : batch.items) batch.windows = std::max(batch.windows, item.windows);
    }
    first = last;
  }
  return batches;
}

void PaddingShare::add(const LengthBatch& batch) {
  for (const BlendItem& item : batch.items) windows += item.windows;
  computed += batch.cost();
}

StepPlan::StepPlan(const Blend& blend, BatchLimits limits, std::int64_t batches_per_step)
    : blend_(blend), limits_(limits), per_step_(static_cast<std::size_t>(batches_per_step)) {
  if (batches_per_step < 1) throw user_error("must be at least 1", "batches of a step");
  for (const BlendSet& set : blend.sets()) {
    try {
      check_limits(set.windows, limits);
    } catch (const Error& error) {
      throw user_error(error.what(), "set " + set.name);
    }
  }
}

void StepPlan::fill() {
  steps_.clear();
  at_ = 0;
  while (steps_.empty() && slice_ < blend_.slices()) {
    const std::vector<LengthBatch> waited = std::move(moved_);
    std::vector<LengthBatch> fresh = length_batches(blend_.slice(slice_), limits_);
    const auto cheaper = [](const LengthBatch& a, const LengthBatch& b) { return a.cost() < b.cost(); };
    std::stable_sort(fresh.begin(), fresh.end(), cheaper);
    // What fills no step waits: the cheapest of this slice, so that nothing waits twice while others come.
    const std::size_t over = (waited.size() + fresh.size()) % per_step_;
    const auto cut = static_cast<std::ptrdiff_t>(std::min(over, fresh.size()));
    const auto old = static_cast<std::ptrdiff_t>(over) - cut;
    moved_.assign(waited.begin(), waited.begin() + old);
    moved_.insert(moved_.end(), fresh.begin(), fresh.begin() + cut);
    std::vector<LengthBatch> batches(waited.begin() + old, waited.end());
    batches.insert(batches.end(), fresh.begin() + cut, fresh.end());
    std::stable_sort(batches.begin(), batches.end(), cheaper);
    for (std::size_t first = 0; first < batches.size(); first += per_step_)
      steps_.emplace_back().batches.assign(batches.begin() + static_cast<std::ptrdiff_t>(first),
                                           batches.begin() + static_cast<std::ptrdiff_t>(first + per_step_));
    Random("af2/steps/1/" + std::to_string(blend_.options().seed) + "/" + std::to_string(slice_))
        .shuffle(steps_);
    if (slice_ + 1 == blend_.slices() && !moved_.empty()) steps_.emplace_back().batches = std::move(moved_);
    for (std::size_t k = 0; k < steps_.size(); ++k)
      steps_[k].slice = slice_, steps_[k].index = static_cast<std::int64_t>(k);
    ++slice_;
  }
}

std::optional<TrainStep> StepPlan::next() {
  if (at_ == steps_.size()) fill();
  if (at_ == steps_.size()) return std::nullopt;
  ++done_;
  return std::move(steps_[at_++]);
}

void StepPlan::start_at(std::int64_t steps) {
  slice_ = 0, done_ = 0, at_ = 0;
  steps_.clear(), moved_.clear();
  while (done_ < steps && next()) {
  }
}

void StepPlan::count() {
  if (total_ >= 0) return;
  StepPlan walk(blend_, limits_, static_cast<std::int64_t>(per_step_));
  while (const auto step = walk.next()) {
    for (const LengthBatch& batch : step->batches) padding_.add(batch);
    if (walk.at_ == walk.steps_.size()) slice_ends_.push_back(walk.done_);
  }
  total_ = walk.done_;
}

std::int64_t StepPlan::steps() {
  count();
  return total_;
}

const PaddingShare& StepPlan::padding() {
  count();
  return padding_;
}

const std::vector<std::int64_t>& StepPlan::slice_ends() {
  count();
  return slice_ends_;
}

}  // namespace af2
