#include "af2/text/stream.h"

#include "af2/text/utf8.h"

namespace af2 {

std::string StreamDecoder::push(int id) {
  const std::string& bytes = tokenizer_->token_bytes(id);
  if (skip_special_ && tokenizer_->is_special(id)) return {};
  pending_ += bytes;
  std::size_t whole = 0;
  while (whole < pending_.size()) {
    const Utf8Step step = utf8_step(pending_, whole);
    if (step.kind == Utf8Step::kCut) break;
    whole += step.length;
  }
  const std::string text = replace_invalid_utf8(std::string_view(pending_).substr(0, whole));
  pending_.erase(0, whole);
  return text;
}

std::string StreamDecoder::flush() {
  const std::string text = replace_invalid_utf8(pending_);
  pending_.clear();
  return text;
}

}  // namespace af2
