#include "af2/eval/judge_stub.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/data/chat_endpoint.h"
#include "af2/eval/answer_text.h"
#include "af2/eval/caption_metrics.h"
#include "af2/eval/judge_parse.h"

namespace af2 {
namespace {

constexpr std::string_view kAlways = "always=";

// N of "always=N"; nothing for another mode or what is no number.
std::optional<double> always_mark(const std::string& mode) {
  if (!starts_with(mode, kAlways)) return std::nullopt;
  const char *begin = mode.data() + kAlways.size(), *end = mode.data() + mode.size();
  double mark = 0;
  const auto [at, code] = std::from_chars(begin, end, mark);
  if (code != std::errc() || at != end) return std::nullopt;
  return mark;
}

JudgeStubOptions checked_stub_options(JudgeStubOptions options) {
  const std::string& mode = options.mode;
  const std::vector<std::string> known = {"overlap", "seat1", "badjson", "refuse", "429", "slow"};
  if (std::find(known.begin(), known.end(), mode) != known.end() || always_mark(mode)) return options;
  throw user_error("no mode of this name", mode, "give " + join(known, ", ") + " or always=N");
}

// The share 0..1 that a response gets, in steps of a ninth.
double stub_share(const std::string& references, const std::string& response) {
  double overlap = 0;
  for (const auto& reference : split(references, '\n'))
    overlap = std::max(overlap, token_f1(word_runs(reference), word_runs(response)));
  return std::round(9 * overlap) / 9;
}

Json stub_number(double value) {
  const double rounded = std::round(value * 100) / 100;
  if (rounded == std::floor(rounded)) return static_cast<std::int64_t>(rounded);
  return rounded;
}

// The word of a table whose mark is nearest.
std::string stub_word(const Json& words, double mark) {
  std::string best;
  double distance = 0;
  for (const auto& [word, value] : words.items()) {
    const double d = std::abs(value.get<double>() - mark);
    if (best.empty() || d < distance) best = word, distance = d;
  }
  return best;
}

// A criterion's allowed score that is nearest to the share of its highest.
Json stub_criteria(const std::string& criteria, double share) {
  Json items = Json::array();
  for (const JudgeCriterion& one : read_criteria(criteria, "<criteria>")) {
    const double wanted = share * one.choices.back();
    const double score = *std::min_element(one.choices.begin(), one.choices.end(), [&](double a, double b) {
      return std::abs(a - wanted) < std::abs(b - wanted);
    });
    items.push_back({{"name", one.name}, {"score", stub_number(score)}});
  }
  return items;
}

HttpServerReply stub_error(int status, const std::string& text) {
  return {.status = status, .body = Json{{"error", {{"message", text}}}}.dump()};
}

// The labels of a form with labels, which only the prompt says: its last lines that end in ": n".
std::vector<std::string> stub_labels(const std::string& prompt) {
  std::vector<std::string> labels;
  for (const auto& line : split(prompt, '\n'))
    if (line.ends_with(": n")) labels.push_back(line.substr(0, line.size() - 3));
  return labels;
}

}  // namespace

std::string judge_stub_reply(const Rubric& rubric, const std::string& prompt, const std::string& mode) {
  if (mode == "badjson") return "{\"score\": ";
  if (mode == "refuse") return "I am sorry, but I cannot mark this.";
  const auto on_scale = [&](double share) { return rubric.low + share * (rubric.high - rubric.low); };
  const auto always = always_mark(mode);
  const auto mark_of = [&](double share) { return always ? *always : on_scale(share); };
  const std::string format = rubric.form.at("format").get<std::string>();
  if (format == "two_numbers") {
    const std::string context = fenced_text(prompt, "context");
    double first = stub_share(context, fenced_text(prompt, "answer_1"));
    double second = stub_share(context, fenced_text(prompt, "answer_2"));
    if (mode == "seat1") first = 1, second = 0;
    return stub_number(mark_of(first)).dump() + " " + stub_number(mark_of(second)).dump();
  }
  const double share =
      mode == "seat1" ? 1 : stub_share(fenced_text(prompt, "reference"), fenced_text(prompt, "response"));
  const Json mark = stub_number(mark_of(share));
  if (format == "first_word") return stub_word(rubric.form.at("map"), mark.get<double>());
  if (format == "line")
    return "Explanation: by the words that both have.\n" + rubric.form.at("after").get<std::string>() + " " +
           stub_word(rubric.form.at("map"), mark.get<double>());
  if (format == "labelled_numbers") {
    std::string lines;
    for (const auto& label : stub_labels(prompt)) lines += label + ": " + mark.dump() + "\n";
    return lines;
  }
  Json reply = Json::object();
  for (const Json& key : rubric.form.value("keys", Json::array())) reply[key.get<std::string>()] = mark;
  if (rubric.form.contains("key")) reply[rubric.form["key"].get<std::string>()] = mark;
  if (const std::string criteria = fenced_text(prompt, "criteria"); !criteria.empty())
    reply[rubric.form.at("key").get<std::string>()] =
        stub_criteria(criteria, always ? (*always - rubric.low) / (rubric.high - rubric.low) : share);
  return reply.dump();
}

JudgeStub::JudgeStub(JudgeStubOptions options)
    : options_(checked_stub_options(std::move(options))), server_(options_.port) {
  for (const auto& [id, text] : embedded_rubrics()) rubrics_.push_back(judge_rubric(id, options_.rubrics));
  server_.route("POST", "/v1/chat/completions",
                [this](const HttpRequest& request) { return answer(request); });
  server_.start();
}

JudgeStub::~JudgeStub() {
  stop();
}

void JudgeStub::stop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ended_.notify_all();
  server_.stop();
}

int JudgeStub::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

HttpServerReply JudgeStub::answer(const HttpRequest& request) {
  {
    std::unique_lock lock(mutex_);
    ++requests_;
    if (options_.mode == "429" && refused_once_.insert(request.body).second) {
      HttpServerReply reply = stub_error(429, "too many requests");
      reply.headers = {{"Retry-After", "2"}};
      return reply;
    }
    if (options_.mode == "slow")
      ended_.wait_for(lock, std::chrono::duration<double>(options_.delay_s), [&] { return ending_; });
  }
  const Json body = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  std::string system, prompt;
  if (body.is_object() && body.contains("messages") && body["messages"].is_array())
    for (const Json& message : body["messages"]) {
      if (!message.is_object() || !message.contains("content") || !message["content"].is_string()) continue;
      const std::string role = message.value("role", ""), text = message["content"].get<std::string>();
      // The rubric's own messages come first; what follows are replies and repair requests.
      if (role == "system" && system.empty()) system = text;
      if (role == "user" && prompt.empty()) prompt = text;
    }
  if (prompt.empty()) return stub_error(400, "no messages with a text");
  const auto of_prompt = [&](const Rubric& rubric) { return rubric.texts.system == system; };
  const auto rubric = std::find_if(rubrics_.begin(), rubrics_.end(), of_prompt);
  if (rubric == rubrics_.end()) return stub_error(400, "this stand-in knows the program's rubrics alone");
  const std::string text = judge_stub_reply(*rubric, prompt, options_.mode);
  const auto tokens = [](const std::string& of) { return static_cast<std::int64_t>(token_estimate(of)); };
  const Json reply = {
      {"object", "chat.completion"},
      {"model", "judge-stub"},
      {"choices",
       {{{"index", 0}, {"message", {{"role", "assistant"}, {"content", text}}}, {"finish_reason", "stop"}}}},
      {"usage", {{"prompt_tokens", tokens(system + prompt)}, {"completion_tokens", tokens(text)}}}};
  return {.body = reply.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace af2
