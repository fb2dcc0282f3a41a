// The rule of chain-of-thought models (docs/spec/model.md section 8): an answer that stops of its own accord
// without a conclusion is continued once behind the words that begin one.
//
// `text.conclusion` in config.json holds these words, "<CONCLUSION>". No torch here. Thread rule: a
// Conclusion belongs to one answer.
#pragma once

#include <string>
#include <vector>

#include "af2/text/byte_bpe.h"

namespace af2 {

class Conclusion {
 public:
  // `words` "" is no rule. `most` is the limit of the whole answer, tokens: a continuation that does not fit
  // is not begun.
  Conclusion(const std::string& words, const ByteBpe& tokenizer, const std::vector<int>& stop_ids, int most);

  // What is written next where `id` was picked after `written`: `id`, or a token of the words.
  int next(int id, const std::vector<int>& written);

  // The tokens of the words if an answer that stopped after `written` needs them, else none; once.
  std::vector<int> begin(const std::vector<int>& written);

 private:
  const ByteBpe& tokenizer_;
  const std::vector<int>& stop_ids_;
  std::string words_;
  std::size_t most_;
  std::vector<int> due_;  // still to be written
  std::size_t at_ = 0;
};

}  // namespace af2
