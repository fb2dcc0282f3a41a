// Questions in other words, by a language model: the item stays what it is, its question is worded anew
// (docs/spec/data.md section 6).
//
// A paraphrase counts only if it surely asks the same: it names the same sounds, has the same numbers and the
// same words of sense (first, last, before, longest ...), is a question of the same kind, and brings in no
// other word of content. So a careless model loses paraphrases, not labels. Thread rule: any thread.
//
//   const LlmParaphraser paraphraser(&client, words, {});
//   for (const Item& reworded : paraphraser.make(item).items) use(reworded);
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "af2/data/llm_client.h"
#include "af2/data/llm_template.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/item.h"
#include "af2/factory/llm/llm_checks.h"
#include "af2/factory/llm/llm_items.h"

namespace af2 {

struct LlmParaphraseOptions {
  int number = 3;           // asked for, of each question
  int most_words = 20;      // of a paraphrase; a longer question may stay as long as it is
  bool known_words = true;  // only words of the question and of usual questions

  template <class V>
  void visit(V& v) {
    v.field("number", number, "paraphrases asked for, of each question");
    v.field("most_words", most_words, "of a paraphrase");
    v.field("known_words", known_words, "only words of the question and of usual questions");
  }
};

class LlmParaphraser {
 public:
  // `client` may be null where only preview() is called. `words` must outlive it. Throws kUser for a number
  // of paraphrases outside 1..8.
  LlmParaphraser(LlmClient* client, const Vocabulary& words, LlmParaphraseOptions options,
                 const std::filesystem::path& templates = {});

  // The item in other words: copies with the id ".../p1" and on, the model as generator and "paraphrase/"
  // before the wording. Counts paraphrase/asked, /made, /survived, /failed_parse and refused/REASON. Throws
  // as LlmClient::ask.
  LlmMade make(const Item& item) const;

  // Why a text does not ask what the item asks; no reason: it does.
  LlmProblem problem(const Item& item, const std::string& text) const;

  LlmRequest request(const Item& item) const;
  int version() const { return template_.version; }

 private:
  // Places in the vocabulary of the classes that a text names.
  std::set<int> named(const std::string& text) const;

  LlmClient* client_;
  const Vocabulary& words_;
  LlmParaphraseOptions options_;
  LlmTemplate template_;
  std::set<std::string> usual_;  // words of usual questions
};

// All items' paraphrases, in their order; `counts` are added to. Throws as LlmClient::ask, after which what
// was asked is cached.
std::vector<Item> paraphrase_items(const LlmParaphraser& paraphraser, const std::vector<Item>& items,
                                   LlmCounts& counts);

}  // namespace af2
