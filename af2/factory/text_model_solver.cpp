// The blind solver that asks a language model (blind_solvers.h).
#include <atomic>

#include "af2/core/workers.h"
#include "af2/factory/blind_solvers.h"
#include "af2/text/prompt.h"

namespace af2 {
namespace {

const char* const kSystem =
    "You are given a question about a sound recording that you cannot hear, with possible answers. Choose "
    "the "
    "answer that is most likely right from the words alone. Reply as JSON: {\"letter\": \"A\"}.";

Json schema_of(std::size_t options) {
  Json letters = Json::array();
  for (std::size_t i = 0; i < options; ++i) letters.push_back(std::string(1, static_cast<char>('A' + i)));
  return {{"type", "object"},
          {"properties", {{"letter", {{"type", "string"}, {"enum", letters}}}}},
          {"required", {"letter"}},
          {"additionalProperties", false}};
}

}  // namespace

TextModelAnswers ask_text_model(const std::vector<Item>& items, LlmClient& client, int threads) {
  TextModelAnswers answers;
  answers.share.assign(items.size(), -1.0f);
  answers.every.assign(items.size(), 0);
  std::atomic<std::int64_t> asked = 0, failed = 0;
  for_each_by(threads, items.size(), [&](std::size_t i) {
    const Item& item = items[i];
    const std::size_t n = item.options.size();
    if (n < 2 || item.answer_index < 0) return;
    std::size_t right = 0;
    for (std::size_t turn = 0; turn < n; ++turn) {
      // Option k stands at letter (k + turn) mod n.
      std::vector<std::string> options(n);
      for (std::size_t k = 0; k < n; ++k) options[(k + turn) % n] = item.options[k];
      const std::size_t letter = (static_cast<std::size_t>(item.answer_index) + turn) % n;
      const LlmReply reply =
          client.ask({"blind_solver", 1, kSystem, with_choices(item.question, options), schema_of(n)});
      ++asked;
      if (!reply.value) {
        ++failed;
      } else {
        right += (*reply.value)["letter"] == std::string(1, static_cast<char>('A' + letter));
      }
    }
    answers.share[i] = static_cast<float>(right) / static_cast<float>(n);
    answers.every[i] = right == n;
  });
  answers.asked = asked, answers.failed = failed;
  return answers;
}

}  // namespace af2
