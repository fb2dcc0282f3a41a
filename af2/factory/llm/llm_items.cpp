#include "af2/factory/llm/llm_items.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/recheck.h"

namespace af2 {
namespace {

constexpr double kLookTokens_out = 80, kLookTokens_in = 700;

// The options in drawn order: a model puts the right one first more often than not.
void shuffle_options(LlmDraft& draft, Random rng) {
  Item& item = draft.item;
  if (item.options.empty()) return;
  std::vector<std::size_t> order(item.options.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  rng.shuffle(order);
  const Item before = item;
  const auto events = draft.option_events;
  for (std::size_t i = 0; i < order.size(); ++i) {
    item.options[i] = before.options[order[i]];
    if (!before.kinds.empty()) item.kinds[i] = before.kinds[order[i]];
    if (!events.empty()) draft.option_events[i] = events[order[i]];
    if (static_cast<int>(order[i]) == before.answer_index) item.answer_index = static_cast<int>(i);
  }
}

std::vector<std::string> normal_question(const std::string& question) {
  return plain_words(question);
}

}  // namespace

struct LlmItemMaker::Work {
  const Record& record;
  const std::vector<Segment>& stretches;
  LlmMade made;
  std::set<std::vector<std::string>> asked;  // questions, so that none comes twice
};

LlmItemMaker::LlmItemMaker(LlmClient* client, LlmClient* verifier, const Vocabulary& words, Margins margins,
                           LlmItemOptions options, const std::filesystem::path& templates,
                           LlmItemChecks checks)
    : client_(client),
      verifier_(verifier),
      words_(words),
      margins_(margins),
      options_(std::move(options)),
      checks_(std::move(checks)) {
  for (const LlmKind& kind : llm_kinds()) templates_.emplace(kind.name, llm_template(kind.name, templates));
  templates_.emplace("verify", llm_template("verify", templates));
  record_calls({}, {}, words_, margins_, options_.prompts);  // throws for a wrong name
  if (!checks_.text) checks_.text = llm_text_problem;
  if (!checks_.answer)
    checks_.answer = [this](const Item& item, const Record& record) {
      return knows_type(item) ? item_problem(item, record, words_, margins_) : "";
    };
}

std::vector<Segment> LlmItemMaker::stretches_of(const Record& record) const {
  return llm_segments(record, options_.prompts);
}

LlmMade LlmItemMaker::make(const Record& record) const {
  return make(record, stretches_of(record));
}

LlmMade LlmItemMaker::make(const Record& record, const std::vector<Segment>& stretches) const {
  if (!client_ || (options_.verify && !verifier_)) throw internal_error("no language model", "LlmItemMaker");
  Work work{record, stretches, {}, {}};
  const std::vector<LlmCall> calls = record_calls(record, stretches, words_, margins_, options_.prompts);
  if (calls.empty()) ++work.made.counts["records/nothing_to_ask"];
  for (const LlmCall& call : calls) {
    const LlmTemplate& from = templates_.at(call.kind->name);
    const std::string name = from.name + "/";
    LlmCounts& counts = work.made.counts;
    ++counts[name + "asked"];
    const LlmReply reply = client_->ask(from.request(call.slots));
    if (!reply.value) {
      ++counts[name + "failed_parse"];
      work.made.aside.push_back({{"record", record.id},
                                 {"template", from.name},
                                 {"version", from.version},
                                 {"reason", "failed_parse"},
                                 {"detail", reply.problem}});
      continue;
    }
    const Json& items = (*reply.value)["items"];
    if (!items.is_array() || items.empty()) {
      ++counts[name + "none"];
      continue;
    }
    for (std::size_t i = 0; i < items.size(); ++i) take(call, items[i], i, work);
  }
  return std::move(work.made);
}

void LlmItemMaker::take(const LlmCall& call, const Json& reply, std::size_t place, Work& work) const {
  const LlmTemplate& from = templates_.at(call.kind->name);
  LlmDraft draft = read_draft(reply, *call.kind, from, work.record, work.stretches, margins_);
  Item& item = draft.item;
  item.id = work.record.id + "/" + from.name + "/" + std::to_string(place);
  item.generator = client_->model();
  item.seed = options_.seed;
  put_facts(draft, work.record, words_, margins_);
  if (!draft.problem)
    shuffle_options(draft, Random("af2/factory/llm/1/" + std::to_string(options_.seed) + "/" + item.id));
  if (!draft.problem) draft.problem = checks_.text(item, from, work.record);
  if (!draft.problem) draft.problem = skill_problem(draft, work.record, work.stretches, words_);
  if (!draft.problem && !work.asked.insert(normal_question(item.question)).second)
    draft.problem = {"repeated", "asks the same as another item"};
  if (!draft.problem) item.checks.push_back("llm_text");
  if (!draft.problem && options_.recheck) draft.problem = rule_problem(item, work.record);
  if (!draft.problem && options_.recheck && knows_type(item)) item.checks.push_back("recheck");
  if (!draft.problem && options_.verify) draft.problem = second_look(draft, from, work);
  if (!draft.problem) {
    ++work.made.counts[from.name + "/items"];
    work.made.items.push_back(std::move(item));
    return;
  }
  ++work.made.counts[from.name + "/refused"];
  ++work.made.counts["refused/" + draft.problem.reason];
  work.made.aside.push_back({{"record", work.record.id},
                             {"template", from.name},
                             {"version", from.version},
                             {"reason", draft.problem.reason},
                             {"detail", draft.problem.detail},
                             {"reply", draft.reply}});
}

LlmProblem LlmItemMaker::rule_problem(const Item& item, const Record& record) const {
  try {
    const std::string why = checks_.answer(item, record);
    if (!why.empty()) return {"recheck", why};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;  // facts that make no sense
    return {"recheck", error.problem()};
  }
  return {};
}

LlmRequest LlmItemMaker::verify_request(const Item& item, const Work& work) const {
  Json shown = {{"question", item.question}};
  if (!item.options.empty()) shown["options"] = item.options;
  shown["answer"] = item.answer;
  LlmRequest request = templates_.at("verify").request(
      {{"record", data_json(record_view(work.record, work.stretches, margins_))},
       {"item", data_json(shown)}});
  request.temperature = 0;
  return request;
}

LlmProblem LlmItemMaker::second_look(LlmDraft& draft, const LlmTemplate& from, Work& work) const {
  Item& item = draft.item;
  for (int look = 0; look < 2; ++look) {
    ++work.made.counts["verify/asked"];
    const LlmReply reply = verifier_->ask(verify_request(item, work));
    if (!reply.value) return {"verify_failed_parse", reply.problem};
    const Json& says = *reply.value;
    const std::string why = says["reason"].get<std::string>();
    if (!says["right"].get<bool>()) return {"verify_not_right", why};
    if (!says["about_audio"].get<bool>()) return {"verify_not_audio", why};
    if (says["speech_content"].get<bool>() && item.skill != "contextual_speech")
      return {"verify_speech", why};
    if (!says["visual"].get<bool>()) {
      ++work.made.counts["verify/passed"];
      item.checks.push_back("llm_verified");
      return {};
    }
    if (look == 1 || !says["question"].is_string() || !says["answer"].is_string())
      return {"verify_visual", why};
    // Written anew without what only eyes can tell. Words of the rules stay what they are.
    item.question = trim(says["question"].get<std::string>());
    if (item.options.empty()) {
      item.answer = trim(says["answer"].get<std::string>());
    } else if (!starts_with(item.type, "told_")) {
      if (normal_term(says["answer"].get<std::string>()) != normal_term(item.answer))
        return {"verify_visual", why};
    } else {
      if (!says["options"].is_array() || says["options"].size() != item.options.size())
        return {"verify_visual", why};
      item.options = says["options"].get<std::vector<std::string>>();
      item.answer = trim(item.options[static_cast<std::size_t>(item.answer_index)]);
      for (std::string& option : item.options) option = trim(option);
      if (normal_term(says["answer"].get<std::string>()) != normal_term(item.answer))
        return {"verify_visual", why};
    }
    if (LlmProblem problem = checks_.text(item, from, work.record)) return problem;
    if (LlmProblem problem = skill_problem(draft, work.record, work.stretches, words_)) return problem;
    if (!work.asked.insert(normal_question(item.question)).second && draft.reply["question"] != item.question)
      return {"repeated", "asks the same as another item"};
    ++work.made.counts["verify/rewritten"];
  }
  return {"verify_visual", "is still about what is seen"};
}

std::vector<LlmRequest> LlmItemMaker::preview(const Record& record) const {
  std::vector<LlmRequest> all;
  for (const LlmCall& call : record_calls(record, stretches_of(record), words_, margins_, options_.prompts))
    all.push_back(templates_.at(call.kind->name).request(call.slots));
  return all;
}

Json LlmItemMaker::versions() const {
  Json all = Json::object();
  for (const auto& [name, one] : templates_) all[name] = one.version;
  return all;
}

LlmEstimate llm_estimate(const std::vector<LlmRequest>& requests, double scale, const LlmOptions& prices,
                         double reply_tokens, double looks) {
  LlmEstimate sum;
  sum.calls = static_cast<double>(requests.size()) * (1 + looks) * scale;
  for (const LlmRequest& request : requests)
    sum.tokens_in += token_estimate(request.system + request.prompt + request.schema.dump());
  sum.tokens_in = (sum.tokens_in + static_cast<double>(requests.size()) * looks * kLookTokens_in) * scale;
  sum.tokens_out = static_cast<double>(requests.size()) * (reply_tokens + looks * kLookTokens_out) * scale;
  sum.cost = (sum.tokens_in * prices.price_in + sum.tokens_out * prices.price_out) / 1e6;
  return sum;
}

}  // namespace af2
