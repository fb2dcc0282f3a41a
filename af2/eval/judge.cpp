#include "af2/eval/judge.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <span>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/core/workers.h"
#include "af2/eval/answer_text.h"
#include "af2/eval/caption_metrics.h"

namespace af2 {
namespace {

constexpr double kLongestJudgeWait_s = 32;
constexpr std::size_t kShownJudgeReply = 2000;  // bytes of an unreadable reply that are sent back

std::string judge_hash(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return sha256_hex(std::as_bytes(std::span(text)));
}

// "api.host:443" of "https://api.host:443/v1".
std::string judge_host(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t from = scheme == std::string::npos ? 0 : scheme + 3;
  return url.substr(from, url.find('/', from) - from);
}

void need_judge(bool ok, const char* flag, const std::string& what) {
  if (!ok) throw user_error(what, std::string("--judge-") + flag, "correct the flag");
}

const std::string& judge_input(const JudgeCase& one, const std::string& name) {
  const auto found = one.inputs.find(name);
  if (found == one.inputs.end())
    throw user_error("the judge needs the item's `" + name + "`", "item " + one.id,
                     "name it in the benchmark's fields");
  return found->second;
}

void check_judge_options(const JudgeOptions& o) {
  need_judge(o.backend == "http" || o.backend == "replay" || o.backend == "rule", "backend",
             "must be http, replay or rule");
  need_judge(o.backend != "http" || !o.url.empty(), "url", "names no endpoint");
  need_judge(o.backend != "http" || !o.model.empty(), "model", "names no model");
  need_judge(o.repeats >= 0 && o.repeats <= 100, "repeats", "must be in 0..100");
  need_judge(o.parallel >= 1 && o.parallel <= 256, "parallel", "must be in 1..256");
  need_judge(o.timeout_s > 0, "timeout", "must be above 0");
  need_judge(o.tries >= 1 && o.max_tokens >= 1, "tries", "must be at least 1, and the most tokens too");
  need_judge(o.price_in >= 0 && o.price_out >= 0 && o.budget >= 0, "budget",
             "must not be negative, nor a price");
  need_judge(o.budget == 0 || o.price_in > 0 || o.price_out > 0, "budget",
             "means nothing without --judge-price-in or --judge-price-out");
}

// What the judge is told once, where its reply has no marks in it.
std::string repair_request(const std::string& problem) {
  return "Your reply cannot be read: " + problem +
         ". Give your marks again, in exactly the form that was asked for, and nothing else.";
}

}  // namespace

JudgeCase judge_case(const EvalItem& item, const std::string& output, std::optional<bool> right) {
  JudgeCase one;
  one.id = item.id;
  if (const auto group = item.groups.find("category"); group != item.groups.end())
    one.category = group->second;
  std::string question = item.question;
  if (!item.choices.empty()) {
    question += "\nOptions:";
    for (std::size_t i = 0; i < item.choices.size(); ++i) question += "\n- " + item.choices[i];
  }
  std::string answer = join(item.refs, "\n");
  if (answer.empty() && item.gold_index >= 0) answer = item.choices.at(item.gold_index);
  one.inputs = {{"question", question}, {"answer", answer}, {"response", trim(output)}};
  one.inputs["context"] = item.context;
  if (const auto rubric = item.fields.find("rubric"); rubric != item.fields.end())
    one.inputs["rubric"] = rubric->second;
  one.failed = trim(output).empty();
  one.right = right;
  return one;
}

// What one repeat came to.
struct Judge::Reading {
  double mark = 0;
  std::optional<double> reference;
  std::map<std::string, double> axes;
};

Judge::Judge(JudgeSpec spec, JudgeOptions options, std::string key, const std::filesystem::path& folder,
             LlmClock clock)
    : spec_(std::move(spec)),
      options_(std::move(options)),
      rubric_(judge_rubric(spec_.rubric, options_.rubrics)),
      form_(mark_form(spec_.parse, spec_.axes, spec_.low, spec_.high, "judge of the benchmark")),
      clock_(std::move(clock)) {
  check_judge_options(options_);
  // Compared as sorted tables: the order of keys says nothing.
  if (rubric_.low != spec_.low || rubric_.high != spec_.high ||
      nlohmann::json(rubric_.form) != nlohmann::json(spec_.parse))
    throw user_error("asks for another scale or form than the benchmark reads", "rubric " + rubric_.id,
                     "scale and form of the rubric are scale and parse of the benchmark's judge");
  need_judge(!options_.official_missing || spec_.official_missing.has_value(), "official",
             "means nothing here: the benchmark's published script fills in no mark");
  if (is_rule()) return;
  const auto mode = options_.backend == "http" ? JudgeLog::kAppend : JudgeLog::kReplay;
  log_ = std::make_unique<JudgeLog>(folder / "judge.jsonl", mode);
  if (mode == JudgeLog::kReplay) return;
  stats_.spent_before =
      cost_of(static_cast<double>(log_->tokens_in()), static_cast<double>(log_->tokens_out()));
  ChatEndpointOptions endpoint;
  endpoint.url = options_.url;
  endpoint.timeout_s = options_.timeout_s, endpoint.tries = options_.tries;
  endpoint.longest_wait_s = kLongestJudgeWait_s;
  endpoint.key_variable = "AF2_JUDGE_API_KEY";
  endpoint.flags = "--judge-url and --judge-model";
  endpoint_ = std::make_unique<ChatEndpoint>(endpoint, std::move(key), clock_);
}

int Judge::repeats() const {
  return options_.repeats > 0 ? options_.repeats : std::max(1, spec_.repeats);
}

std::string Judge::name() const {
  if (is_rule()) return "reference overlap (no judge)";
  if (options_.backend == "replay")
    return "replay of " + (options_.model.empty() ? join(log_->models(), ", ") : options_.model);
  return options_.model + " at " + judge_host(options_.url);
}

JudgeStats Judge::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

double Judge::cost_of(double tokens_in, double tokens_out) const {
  return (tokens_in * options_.price_in + tokens_out * options_.price_out) / 1e6;
}

std::string Judge::request_hash(const Json& messages, int repeat) const {
  Json all = {judge_host(options_.url), options_.model,         rubric_.sha256, messages,
              spec_.temperature,        spec_.seed.value_or(0), repeat};
  if (spec_.top_p) all.push_back(*spec_.top_p);
  return judge_hash(all);
}

JudgeMark Judge::lowest(const std::string& why) const {
  JudgeMark mark;
  mark.mark = spec_.low;
  for (const auto& axis : spec_.axes) mark.axes[axis] = spec_.low;
  mark.repeats = repeats();
  mark.problem = why;
  mark.without_call = true;
  return mark;
}

JudgeMark Judge::by_rule(const JudgeCase& one) const {
  JudgeMark mark;
  mark.mark = 0;
  const std::vector<std::string> response = word_runs(judge_input(one, "response"));
  // Of several references the nearest.
  for (const auto& reference : split(judge_input(one, "answer"), '\n'))
    mark.mark = std::max(*mark.mark, token_f1(word_runs(reference), response));
  mark.repeats = 1;
  mark.without_call = true;
  return mark;
}

Json Judge::messages_for(const JudgeCase& one, int seat) const {
  std::map<std::string, std::string> inputs;
  for (const auto& name : spec_.inputs) inputs[name] = judge_input(one, name);
  if (compares_pairs()) {
    inputs["answer_1"] = judge_input(one, seat == 0 ? "answer" : "response");
    inputs["answer_2"] = judge_input(one, seat == 0 ? "response" : "answer");
  }
  return rubric_.messages(inputs);
}

JudgeMark Judge::mark(const JudgeCase& one) {
  if (is_rule()) return by_rule(one);
  if (one.failed) return lowest("there is no answer");
  if (trim(judge_input(one, "response")).empty()) return lowest("the answer is empty");
  if (rubric_.lowest_when_wrong) {
    if (!one.right)
      throw user_error("the judge needs to know whether the final answer is right", "item " + one.id,
                       "match the answers first");
    if (!*one.right) return lowest("the final answer is wrong");
  }
  MarkForm form = form_;
  if (std::count(spec_.inputs.begin(), spec_.inputs.end(), "rubric") > 0) {
    form.criteria = read_criteria(judge_input(one, "rubric"), "item " + one.id);
  }
  std::vector<Reading> readings;
  std::string problem;
  for (int repeat = 0; repeat < repeats(); ++repeat) {
    const bool pair = compares_pairs();
    const int seats = pair && spec_.swap ? 2 : 1;
    Reading reading;
    bool whole = true;
    for (int seat = 0; seat < seats; ++seat) {
      const ReplyMarks marks = read(one, form, repeat, seat);
      if (!marks.problem.empty()) {
        whole = false, problem = marks.problem;
        break;
      }
      const double own = pair && seat == 0 ? *marks.second : marks.mark;
      reading.mark += own / seats;
      if (pair)
        reading.reference = reading.reference.value_or(0) + (seat == 0 ? marks.mark : *marks.second) / seats;
      reading.axes = marks.axes;
    }
    if (whole) readings.push_back(std::move(reading));
  }
  return joined(readings, problem);
}

JudgeMark Judge::joined(const std::vector<Reading>& readings, const std::string& problem) const {
  JudgeMark mark;
  mark.repeats = static_cast<int>(readings.size());
  mark.unread = repeats() - mark.repeats;
  mark.problem = problem;
  if (readings.empty()) {
    if (options_.official_missing) mark.mark = spec_.official_missing;
    return mark;
  }
  const double n = static_cast<double>(readings.size());
  std::vector<double> values;
  for (const Reading& reading : readings) {
    values.push_back(reading.mark);
    for (const auto& [axis, value] : reading.axes) mark.axes[axis] += value / n;
    if (reading.reference) mark.reference = mark.reference.value_or(0) + *reading.reference / n;
  }
  double mean = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) mark.spread += (value - mean) * (value - mean);
  mark.spread = values.size() > 1 ? std::sqrt(mark.spread / (n - 1)) : 0;
  std::sort(values.begin(), values.end());
  const auto cut = static_cast<std::size_t>(rubric_.trim);
  if (cut > 0 && values.size() > 2 * cut) {
    mean = 0;
    for (std::size_t i = cut; i < values.size() - cut; ++i)
      mean += values[i] / static_cast<double>(values.size() - 2 * cut);
  }
  mark.mark = mean;
  return mark;
}

ReplyMarks Judge::read(const JudgeCase& one, const MarkForm& form, int repeat, int seat) {
  Json messages = messages_for(one, seat);
  JudgeCall call;
  call.id = one.id, call.repeat = repeat, call.seat = seat;
  for (;; ++call.step) {
    const std::string reply = reply_to(messages, form, call);
    const ReplyMarks marks = read_marks(form, reply);
    if (marks.problem.empty() || call.step == 1) return marks;
    const std::string shown = reply.substr(0, kShownJudgeReply);
    // Some endpoints refuse an empty message.
    messages.push_back(chat_message("assistant", shown.empty() ? "(nothing)" : shown));
    messages.push_back(chat_message("user", repair_request(marks.problem)));
  }
}

// From the log, else from the endpoint.
std::string Judge::reply_to(const Json& messages, const MarkForm& form, JudgeCall call) {
  call.prompt = judge_hash({rubric_.sha256, messages});
  if (options_.backend == "replay") {
    const auto known = log_->by_prompt(call.prompt, call.repeat, options_.model);
    if (!known)
      throw data_error("no mark of this answer on disk (repeat " + std::to_string(call.repeat + 1) +
                           ", seat " + std::to_string(call.seat + 1) + ")",
                       "item " + call.id,
                       "run with --judge-backend http, or replay the run it was marked in");
    const std::lock_guard lock(mutex_);
    ++stats_.cached;
    return known->reply;
  }
  call.request = request_hash(messages, call.repeat);
  {
    std::unique_lock lock(mutex_);
    // Two items with the same texts are one request.
    finished_.wait(lock, [&] { return !asked_.contains(call.request); });
    if (const auto known = log_->by_request(call.request)) {
      ++stats_.cached;
      return known->reply;
    }
    asked_.insert(call.request);
  }
  const auto over = [&] {
    const std::lock_guard lock(mutex_);
    asked_.erase(call.request);
    finished_.notify_all();
  };
  try {
    ask(messages, form, call);
  } catch (...) {
    over();
    throw;
  }
  over();
  return call.reply;
}

void Judge::ask(const Json& messages, const MarkForm& form, JudgeCall& call) {
  call.model = options_.model;
  Json body = {{"model", options_.model},
               {"messages", messages},
               {"temperature", spec_.temperature},
               {"max_tokens", options_.max_tokens},
               {"seed", spec_.seed.value_or(0)}};
  if (spec_.top_p) body["top_p"] = *spec_.top_p;
  const double tokens = token_estimate(messages.dump(-1, ' ', false, Json::error_handler_t::replace));
  const double reserve = cost_of(tokens, options_.max_tokens);
  {
    const std::lock_guard lock(mutex_);
    if (stop_signal() != 0) throw Stopped{"a signal came"};
    if (options_.budget > 0 && stats_.spent_before + stats_.cost + reserved_ + reserve > options_.budget)
      throw Stopped{"the budget of the judge is used up"};
    reserved_ += reserve;
  }
  ChatUse use;
  const double began = clock_.now();
  const auto count = [&](bool answered) {
    const std::lock_guard lock(mutex_);
    reserved_ -= reserve;
    stats_.calls += use.tries, stats_.retries += use.retries;
    stats_.tokens_in += use.tokens_in, stats_.tokens_out += use.tokens_out;
    stats_.cost += cost_of(static_cast<double>(use.tokens_in), static_cast<double>(use.tokens_out));
    if (answered) ++stats_.replies, stats_.repairs += call.step;
  };
  try {
    call.reply = endpoint_->ask(body, use, tokens).text;
  } catch (...) {
    count(false);
    throw;
  }
  count(true);
  call.seconds = clock_.now() - began;
  call.tokens_in = use.tokens_in, call.tokens_out = use.tokens_out;
  call.tries = use.tries;
  const ReplyMarks marks = read_marks(form, call.reply);
  call.problem = marks.problem;
  if (marks.problem.empty()) call.score = marks.mark;
  log_->put(call);
}

std::vector<JudgeMark> Judge::marks(const std::vector<JudgeCase>& cases,
                                    const std::function<void(std::size_t)>& done) {
  std::vector<JudgeMark> marks(cases.size());
  std::atomic<std::size_t> ready = 0;
  for_each_by(options_.backend == "http" ? options_.parallel : 1, cases.size(), [&](std::size_t i) {
    marks[i] = mark(cases[i]);
    if (done) done(++ready);
  });
  return marks;
}

}  // namespace af2
