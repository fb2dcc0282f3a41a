#include "af2/train/token_batch.h"

#include <algorithm>

namespace af2 {

TokenBatch make_token_batch(const std::vector<TokenItem>& items, int pad_id) {
  std::size_t longest = 1;
  for (const auto& item : items) longest = std::max(longest, item.prompt.size() + item.answer.size() - 1);
  const auto b = static_cast<int64_t>(items.size()), t = static_cast<int64_t>(longest);
  TokenBatch batch;
  batch.ids = torch::full({b, t}, pad_id, torch::kInt64);
  std::vector<int64_t> rows, positions, labels, owners;
  auto ids = batch.ids.accessor<int64_t, 2>();
  for (int64_t i = 0; i < b; ++i) {
    const auto& [prompt, answer] = items[i];
    const auto p = static_cast<int64_t>(prompt.size()), a = static_cast<int64_t>(answer.size());
    for (int64_t k = 0; k < p; ++k) ids[i][k] = prompt[k];
    for (int64_t k = 0; k + 1 < a; ++k) ids[i][p + k] = answer[k];
    const auto first = static_cast<int64_t>(rows.size());
    for (int64_t k = 0; k + 1 < p + a; ++k) rows.push_back(i * t + k);
    for (int64_t k = 0; k < a; ++k) {
      positions.push_back(first + p + k - 1);
      labels.push_back(answer[k]);
      owners.push_back(i);
    }
  }
  batch.rows = torch::tensor(rows);
  batch.positions = torch::tensor(positions);
  batch.labels = torch::tensor(labels);
  batch.item_of = torch::tensor(owners);
  return batch;
}

}  // namespace af2
