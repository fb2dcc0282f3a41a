// Marks by a language model, or from its replies on disk, for answers that no rule can mark
// (docs/spec/evaluation.md section 5).
//
// Back ends: http (any OpenAI-compatible chat endpoint), replay (judge.jsonl of an earlier run; nothing is
// asked) and rule (words shared with the reference, 0..1: never called a judge). A mark that cannot be read
// is asked for once more and then is missing: counted, never filled in. A missing or empty answer gets the
// lowest mark without a call. Every reply is in judge.jsonl before the next is asked for, so that a run that
// was cut, went over its budget or lost its judge goes on where it was. Not for right or wrong by rules
// (match.h). Thread rule: mark() from any thread; marks() runs `parallel` calls at once.
//
//   Judge judge(*benchmark.judge, options, std::getenv("AF2_JUDGE_API_KEY"), run_folder);
//   std::vector<JudgeMark> marks = judge.marks(cases);
//   JudgeSummary summary = summarize_marks(judge, cases, marks);  // judge_summary.h
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "af2/core/signal.h"
#include "af2/data/chat_endpoint.h"
#include "af2/eval/benchmark.h"
#include "af2/eval/eval_item.h"
#include "af2/eval/judge_log.h"
#include "af2/eval/judge_parse.h"
#include "af2/eval/rubric.h"

namespace af2 {

struct JudgeOptions {
  std::string backend = "http";
  std::string url, model;
  int repeats = 0;
  int parallel = 4;
  double timeout_s = 60;
  int tries = 6;
  int max_tokens = 1024;
  double price_in = 0, price_out = 0;
  double budget = 0;
  bool official_missing = false;
  std::string rubrics;

  template <class V>
  void visit(V& v) {
    v.field("backend", backend, "http, replay (marks on disk) or rule (words shared with the reference)");
    v.field("url", url, "base address of an OpenAI-compatible endpoint, as http://127.0.0.1:8000/v1");
    v.field("model", model, "the judge's name there");
    v.field("repeats", repeats, "marks of each answer; 0: as the benchmark says");
    v.field("parallel", parallel, "calls at once");
    v.field("timeout", timeout_s, "seconds a reply may take");
    v.field("tries", tries, "tries of a call");
    v.field("max_tokens", max_tokens, "most tokens of a reply");
    v.field("price_in", price_in, "price of a million tokens sent");
    v.field("price_out", price_out, "price of a million tokens received");
    v.field("budget", budget, "stop before the whole costs more; 0: no limit");
    v.field("official", official_missing,
            "where no mark can be read, the one that the benchmark's published script fills in");
    v.field("rubrics", rubrics, "folder of rubrics that replace those of the program");
  }
};

// One answer to be marked.
struct JudgeCase {
  std::string id, category;                   // category: for the means of groups; may be empty
  std::map<std::string, std::string> inputs;  // question, answer (the reference), response, context, rubric
  bool failed = false;                        // there is no answer
  std::optional<bool> right;  // by the benchmark's rules; needed by rubrics with lowest_when_wrong
};

// Of an item, its answer and whether that is right by a rule. The question has its options with it, several
// references stand one a line.
JudgeCase judge_case(const EvalItem& item, const std::string& output, std::optional<bool> right = {});

struct JudgeMark {
  std::optional<double> mark;          // mean of the repeats that could be read; nothing: judge_failed
  std::map<std::string, double> axes;  // means of a reply's several marks
  double spread = 0;                   // standard deviation of the repeats (n - 1); 0 for one
  int repeats = 0;                     // that could be read
  std::string problem;                 // of a reply that could not be read, or why no call was needed
  std::optional<double> reference;     // pairs: mark of the reference
  int unread = 0;                      // repeats that could not be read
  bool without_call = false;           // lowest mark, or the rule's
};

struct JudgeStats {
  std::int64_t calls = 0;  // requests sent, all tries
  std::int64_t replies = 0, cached = 0, retries = 0, repairs = 0, tokens_in = 0, tokens_out = 0;
  double cost = 0, spent_before = 0;  // of this run; of earlier ones into the same folder
};

class Judge {
 public:
  // Opens folder/judge.jsonl (not for rule). `key` may be empty. Throws kUser for options that make no
  // sense, a rubric that is not the benchmark's scale and form; kResource, kData as JudgeLog.
  Judge(JudgeSpec spec, JudgeOptions options, std::string key, const std::filesystem::path& folder,
        LlmClock clock = LlmClock::real());

  // Throws Stopped at a signal or when the budget is used up; kRemote when the endpoint failed all tries or
  // refuses the request; kData for replay without the mark, naming the item; kUser for a case without what
  // the rubric needs.
  JudgeMark mark(const JudgeCase& one);
  // In the order of `cases`; `done` is told how many are, from any thread.
  std::vector<JudgeMark> marks(const std::vector<JudgeCase>& cases,
                               const std::function<void(std::size_t)>& done = nullptr);

  JudgeStats stats() const;
  const JudgeSpec& spec() const { return spec_; }
  const Rubric& rubric() const { return rubric_; }
  int repeats() const;
  bool is_rule() const { return options_.backend == "rule"; }
  bool compares_pairs() const { return !is_rule() && form_.format == "two_numbers"; }
  // For reports: "gpt-4o at api.openai.com", "replay of gpt-4o", "reference overlap (no judge)".
  std::string name() const;

  // SHA-256 of host, model, rubric, messages, temperature, seed and repeat.
  std::string request_hash(const Json& messages, int repeat) const;

 private:
  struct Reading;
  JudgeMark lowest(const std::string& why) const;
  JudgeMark by_rule(const JudgeCase& one) const;
  Json messages_for(const JudgeCase& one, int seat) const;
  ReplyMarks read(const JudgeCase& one, const MarkForm& form, int repeat, int seat);
  std::string reply_to(const Json& messages, const MarkForm& form, JudgeCall call);
  void ask(const Json& messages, const MarkForm& form, JudgeCall& call);
  JudgeMark joined(const std::vector<Reading>& readings, const std::string& problem) const;
  double cost_of(double tokens_in, double tokens_out) const;

  JudgeSpec spec_;
  JudgeOptions options_;
  Rubric rubric_;
  MarkForm form_;
  LlmClock clock_;
  std::unique_ptr<JudgeLog> log_;
  std::unique_ptr<ChatEndpoint> endpoint_;
  mutable std::mutex mutex_;
  std::condition_variable finished_;
  std::set<std::string> asked_;  // requests on their way
  JudgeStats stats_;
  double reserved_ = 0;  // cost of calls that run
};

}  // namespace af2
