// Questions and answers about clips that a language model writes, each of them checked before it counts
// (docs/spec/data.md sections 2, 3, 6, back end A).
//
// make() asks what a record allows (llm_prompts.h), reads the replies (llm_reply.h), holds each item to the
// rules of its template (llm_checks.h), recomputes its answer where rules know its type (recheck.h), and has
// it looked at a second time at temperature 0. What fails is kept aside with the reason. The result is a
// function of record, options and the replies in the client's cache; Stopped leaves make() where the
// budget ends or a signal came, and a rerun asks only for what is not cached. Thread rule: any thread.
//
//   const LlmItemMaker maker(&client, &client, words, margins, {});
//   const LlmMade made = maker.make(record);
//   for (const Item& item : made.items) use(item);
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "af2/data/llm_client.h"
#include "af2/data/llm_template.h"
#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/item.h"
#include "af2/factory/llm/llm_checks.h"
#include "af2/factory/llm/llm_prompts.h"
#include "af2/factory/llm/llm_reply.h"
#include "af2/factory/rules/rules.h"

namespace af2 {

// How often what happened, by "template/what": "skill_temporal/items", "refused/too_long".
using LlmCounts = std::map<std::string, std::int64_t>;

struct LlmItemOptions {
  LlmPromptOptions prompts;
  bool verify = true;   // the second look
  bool recheck = true;  // by the rules
  std::int64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v.field("prompts", prompts, "what is asked");
    v.field("verify", verify, "have each item looked at a second time");
    v.field("recheck", recheck, "recompute answers whose type the rules know");
    v.field("seed", seed, "of the options' places");
  }
};

struct LlmMade {
  std::vector<Item> items;  // by template, then as the reply has them
  // What was not taken: {"record", "template", "version", "reason", "detail", "reply"}.
  std::vector<Json> aside;
  LlmCounts counts;
};

// Why an item is refused; the default of the two below is what the names say. A caller with checks of its
// own puts them here.
struct LlmItemChecks {
  std::function<LlmProblem(const Item&, const LlmTemplate&, const Record&)> text;  // llm_text_problem
  std::function<std::string(const Item&, const Record&)> answer;                   // item_problem
};

class LlmItemMaker {
 public:
  // `client` may be null where only preview() is called; `verifier` may be the same, or another model's, and
  // null where options.verify is off. `words` must outlive it. `templates`: a folder whose files replace
  // embedded ones. Throws kUser for an unknown template in options.prompts.only.
  LlmItemMaker(LlmClient* client, LlmClient* verifier, const Vocabulary& words, Margins margins,
               LlmItemOptions options, const std::filesystem::path& templates = {},
               LlmItemChecks checks = {});

  LlmItemMaker(const LlmItemMaker&) = delete;
  LlmItemMaker& operator=(const LlmItemMaker&) = delete;

  // Throws Stopped, and kRemote as LlmClient::ask.
  LlmMade make(const Record& record) const;
  // The same for a long clip whose stretches are known by other means.
  LlmMade make(const Record& record, const std::vector<Segment>& stretches) const;

  // The requests of a record as they would be sent, for a dry run; the second looks, which follow from
  // replies, are not among them.
  std::vector<LlmRequest> preview(const Record& record) const;
  // Name and version of each template.
  Json versions() const;

 private:
  struct Work;
  std::vector<Segment> stretches_of(const Record& record) const;
  void take(const LlmCall& call, const Json& reply, std::size_t place, Work& work) const;
  // Empty where the item holds; rewrites it where only its words were at fault.
  LlmProblem second_look(LlmDraft& draft, const LlmTemplate& from, Work& work) const;
  LlmProblem rule_problem(const Item& item, const Record& record) const;
  LlmRequest verify_request(const Item& item, const Work& work) const;

  LlmClient *client_, *verifier_;
  const Vocabulary& words_;
  Margins margins_;
  LlmItemOptions options_;
  LlmItemChecks checks_;
  std::map<std::string, LlmTemplate> templates_;
};

// What a dry run tells: calls, tokens and cost of records, scaled up from those that were looked at.
struct LlmEstimate {
  double calls = 0, tokens_in = 0, tokens_out = 0, cost = 0;
};
// `reply_tokens`: of an average reply. `looks`: second looks a call, about as many as its items.
LlmEstimate llm_estimate(const std::vector<LlmRequest>& requests, double scale, const LlmOptions& prices,
                         double reply_tokens = 300, double looks = 0);

}  // namespace af2
