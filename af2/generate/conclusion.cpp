#include "af2/generate/conclusion.h"

#include <algorithm>
#include <utility>

#include "af2/core/text_util.h"

namespace af2 {
Conclusion::Conclusion(const std::string& words, const ByteBpe& tokenizer, const std::vector<int>& stop_ids,
                       int most)
    : tokenizer_(tokenizer), stop_ids_(stop_ids), words_(words), most_(static_cast<std::size_t>(most)) {}

int Conclusion::next(int id, const std::vector<int>& written) {
  if (at_ < due_.size()) return due_[at_++];
  if (words_.empty() || std::find(stop_ids_.begin(), stop_ids_.end(), id) == stop_ids_.end()) return id;
  due_ = begin(written);
  at_ = 0;
  return due_.empty() ? id : due_[at_++];
}

std::vector<int> Conclusion::begin(const std::vector<int>& written) {
  const std::string words = std::exchange(words_, "");
  if (words.empty() || tokenizer_.decode(written).find(trim(words)) != std::string::npos) return {};
  std::vector<int> ids = tokenizer_.encode(words);
  // Without room for one more token behind them the words would say nothing.
  if (written.size() + ids.size() >= most_) return {};
  return ids;
}

}  // namespace af2
