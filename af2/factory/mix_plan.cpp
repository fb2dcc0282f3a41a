#include "af2/factory/mix_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"

namespace af2::detail {
namespace {

std::string name_of(const MixEntry& entry) {
  return entry.id.empty() ? "an item without id about " + entry.audio : "item " + entry.id;
}

// Items of each input and skill, and the numbers that are wanted of them.
class Cells {
 public:
  Cells(const std::vector<MixEntry>& entries, const std::vector<MixOfInput>& inputs, const ShareTable& table,
        const MixOptions& options)
      : inputs_(inputs), table_(table), rows_(std::max<std::size_t>(1, table.rows.size())) {
    members_.resize(rows_ * inputs.size());
    for (std::size_t i = 0; i < entries.size(); ++i)
      members_[cell(entries[i].share, entries[i].input)].push_back(i);
    weighted_ = std::any_of(inputs.begin(), inputs.end(), [](const MixOfInput& in) { return in.weight; });
    find_rows(options.skip_absent);
    find_inputs();
  }

  const std::vector<std::size_t>& members(std::size_t k) const { return members_[k]; }
  std::size_t size() const { return members_.size(); }
  const std::vector<std::string>& absent() const { return absent_; }

  // Of `n` items so many from each cell.
  std::vector<std::int64_t> quotas(std::int64_t n) const {
    std::vector<std::int64_t> all(members_.size(), 0);
    const std::vector<std::int64_t> of_row = apportion(n, row_weights_);
    for (std::size_t row = 0; row < rows_; ++row) {
      if (of_row[row] == 0) continue;
      const std::vector<std::int64_t> parts = apportion(of_row[row], input_weights(row));
      for (std::size_t input = 0; input < inputs_.size(); ++input) all[cell(row, input)] = parts[input];
    }
    return all;
  }

  // The first cell that has less than is wanted of it; size(): none.
  std::size_t short_cell(const std::vector<std::int64_t>& quotas) const {
    for (std::size_t k = 0; k < members_.size(); ++k)
      if (quotas[k] > static_cast<std::int64_t>(members_[k].size())) return k;
    return members_.size();
  }

  // The most items with these shares and without repeats.
  std::int64_t possible() const {
    double most = 0;
    for (const auto& list : members_) most += static_cast<double>(list.size());
    // A cell's number is off its exact share by less than two roundings.
    const std::vector<double> rows = shares_of(row_weights_);
    for (std::size_t row = 0; row < rows_; ++row) {
      if (rows[row] <= 0) continue;
      const std::vector<double> parts = shares_of(input_weights(row));
      for (std::size_t input = 0; input < inputs_.size(); ++input)
        if (parts[input] > 0)
          most = std::min(most, ((available(row, input) + 1) / parts[input] + 1) / rows[row]);
    }
    auto n = static_cast<std::int64_t>(most);
    while (n > 0 && short_cell(quotas(n)) < size()) --n;
    return n;
  }

  [[noreturn]] void refuse(std::size_t k, std::int64_t wanted, std::int64_t possible) const {
    const MixOfInput& input = inputs_[k % inputs_.size()];
    std::string what = "has " + std::to_string(members_[k].size()) + " items";
    if (!table_.rows.empty()) what += " of " + table_.rows[k / inputs_.size()].first;
    what += ", " + std::to_string(wanted) + " are wanted";
    if (input.duplicates > 0)
      what += " (" + std::to_string(input.duplicates) + " of its items were there already)";
    throw user_error(what, input.path,
                     "give --n " + std::to_string(possible) +
                         ", the most that keeps the shares, or --repeat to take items several times");
  }

 private:
  std::size_t cell(std::size_t row, std::size_t input) const { return row * inputs_.size() + input; }
  double available(std::size_t row, std::size_t input) const {
    return static_cast<double>(members_[cell(row, input)].size());
  }

  void find_rows(bool skip_absent) {
    row_weights_ = table_.rows.empty() ? std::vector<double>{1} : table_.weights();
    for (std::size_t row = 0; row < table_.rows.size(); ++row) {
      double n = 0;
      for (std::size_t input = 0; input < inputs_.size(); ++input) n += available(row, input);
      if (n > 0) continue;
      absent_.push_back(table_.rows[row].first), row_weights_[row] = 0;
    }
    if (absent_.size() == table_.rows.size() && !absent_.empty())
      throw user_error("no input has items of " + join(absent_, ", "), "--shares " + table_.name);
    if (!absent_.empty() && !skip_absent)
      throw user_error("no input has items of " + join(absent_, ", "), "--shares " + table_.name,
                       "name a set that has them, or give --skip-absent: the others keep their shares");
  }

  void find_inputs() const {
    if (!weighted_) return;
    for (std::size_t input = 0; input < inputs_.size(); ++input) {
      double n = 0;
      for (std::size_t row = 0; row < rows_; ++row) n += available(row, input);
      if (n == 0)
        throw user_error("has a weight but no item to give", inputs_[input].path,
                         inputs_[input].duplicates > 0 ? "other inputs have all of them" : "leave it out");
    }
  }

  // Of the inputs that have items of a row; without weights, by how many they have.
  std::vector<double> input_weights(std::size_t row) const {
    std::vector<double> weights;
    for (std::size_t input = 0; input < inputs_.size(); ++input) {
      const double n = available(row, input);
      weights.push_back(n == 0 ? 0 : weighted_ ? *inputs_[input].weight : n);
    }
    return weights;
  }

  static std::vector<double> shares_of(std::vector<double> weights) {
    double sum = 0;
    for (const double weight : weights) sum += weight;
    for (double& weight : weights) weight /= sum > 0 ? sum : 1;
    return weights;
  }

  const std::vector<MixOfInput>& inputs_;
  const ShareTable& table_;
  std::size_t rows_;
  bool weighted_ = false;
  std::vector<std::vector<std::size_t>> members_;  // [row, input]: entries
  std::vector<double> row_weights_;                // 0: absent
  std::vector<std::string> absent_;
};

}  // namespace

void sort_entries(std::vector<MixEntry>& entries) {
  std::sort(entries.begin(), entries.end(), [](const MixEntry& a, const MixEntry& b) {
    return std::tie(a.id, a.name, a.input, a.question, a.answer) <
           std::tie(b.id, b.name, b.input, b.question, b.answer);
  });
}

void check_splits(const std::vector<MixEntry>& entries, std::vector<MixOfInput>& inputs, bool allow_mixed) {
  std::map<std::string, std::pair<std::int64_t, std::size_t>> splits;  // items, first input
  for (const MixEntry& entry : entries) {
    if (entry.split.empty()) {
      ++inputs[entry.input].no_split;
      continue;
    }
    auto& [n, input] = splits.try_emplace(entry.split, 0, entry.input).first->second;
    ++n, input = std::min(input, entry.input);
  }
  if (splits.size() < 2) return;
  if (!allow_mixed) {
    std::vector<std::string> parts;
    for (const auto& [split, of] : splits)
      parts.push_back(split + " (" + std::to_string(of.first) + " items, as in " + inputs[of.second].path +
                      ")");
    throw user_error("items are of several splits: " + join(parts, ", "), "the inputs",
                     "give --split NAME to take one of them, or --allow-mixed-splits");
  }
  for (const MixOfInput& input : inputs)
    if (input.no_split > 0)
      throw user_error(std::to_string(input.no_split) + " items do not say their split, and others do",
                       input.path, "give --split NAME, which leaves them out");
  std::map<std::string, const MixEntry*> first_with;  // recording
  const auto hold = [&](const std::string& recording, const char* what, const MixEntry& entry) {
    if (recording.empty()) return;
    const MixEntry* other = first_with.try_emplace(recording, &entry).first->second;
    if (other->split != entry.split)
      throw data_error("is in " + other->split + " (" + name_of(*other) + " of " + inputs[other->input].path +
                           ") and in " + entry.split + " (" + name_of(entry) + " of " +
                           inputs[entry.input].path + ")",
                       what + recording, "splits never share a recording: leave one of the inputs out");
  };
  for (const MixEntry& entry : entries) {
    for (const std::string& part : split(entry.group, '+')) hold(trim(part), "group ", entry);
    hold(entry.audio, "sound ", entry);
  }
}

void drop_duplicates(std::vector<MixEntry>& entries, std::vector<MixOfInput>& inputs) {
  std::vector<std::size_t> order(entries.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(entries[a].question, a) < std::tie(entries[b].question, b);
  });
  std::vector<char> keep(entries.size(), 1);
  for (std::size_t begin = 0; begin < order.size();) {
    const MixEntry& first = entries[order[begin]];
    std::vector<TextKey> answers;
    std::size_t end = begin;
    for (; end < order.size() && entries[order[end]].question == first.question; ++end) {
      const MixEntry& entry = entries[order[end]];
      if (entry.input != first.input ||
          std::find(answers.begin(), answers.end(), entry.answer) != answers.end()) {
        keep[order[end]] = 0, ++inputs[entry.input].duplicates;
      } else {
        answers.push_back(entry.answer);
      }
    }
    begin = end;
  }
  std::size_t to = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!keep[i]) continue;
    if (to != i) entries[to] = std::move(entries[i]);
    ++to;
  }
  entries.resize(to);
}

MixQuotas plan_mix(std::vector<MixEntry>& entries, std::vector<MixOfInput>& inputs, const ShareTable& table,
                   const MixOptions& options) {
  for (const MixEntry& entry : entries) ++inputs[entry.input].available;
  const Cells cells(entries, inputs, table, options);
  MixQuotas result;
  result.absent = cells.absent();
  result.possible = cells.possible();
  result.n = options.n > 0 ? options.n : result.possible;
  const std::vector<std::int64_t> quotas = cells.quotas(result.n);
  if (const std::size_t k = cells.short_cell(quotas); k < cells.size() && !options.repeat)
    cells.refuse(k, quotas[k], result.possible);
  for (std::size_t k = 0; k < cells.size(); ++k) {
    if (quotas[k] == 0) continue;
    std::vector<std::pair<std::uint64_t, std::size_t>> ranks;  // an order that nobody chose
    for (const std::size_t i : cells.members(k))
      ranks.emplace_back(
          Random("af2/factory/mix/1/" + std::to_string(options.seed) + "/" + entries[i].name).next(), i);
    std::sort(ranks.begin(), ranks.end());
    const auto n = static_cast<std::int64_t>(ranks.size());
    for (std::int64_t r = 0; r < n; ++r) {
      MixEntry& entry = entries[ranks[static_cast<std::size_t>(r)].second];
      entry.copies = quotas[k] / n + (r < quotas[k] % n ? 1 : 0);
      MixOfInput& input = inputs[entry.input];
      input.taken += entry.copies, input.repeats += std::max<std::int64_t>(0, entry.copies - 1);
    }
  }
  return result;
}

}  // namespace af2::detail
