// The rule of chain-of-thought models (docs/spec/model.md section 8): an answer that stops of its own accord
// without a conclusion is continued once behind the words that begin one.
//
// `text.conclusion` in config.json holds these words, "<CONCLUSION>"; such a model's limits are 1024 tokens
// of prompt and 1024 of answer where the config names no others. No torch here. Thread rule: a Conclusion
// belongs to one answer.
#pragma once

#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/text/byte_bpe.h"

namespace af2 {

// Takes `text.conclusion` out of a config.json as read from `where`; "" when there is none. With one, the
// limits `text.max_prompt_tokens` and `generation.max_new_tokens` become 1024 where they are not given.
// Throws kUser when it is no text.
std::string take_conclusion(Json& config, const std::string& where);
// Puts it back into a config that is written; nothing for "".
void put_conclusion(Json& config, const std::string& conclusion);

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
