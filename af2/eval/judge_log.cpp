#include "af2/eval/judge_log.h"

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

std::string prompt_key(const std::string& prompt, int repeat) {
  return prompt + "/" + std::to_string(repeat);
}

std::string judge_line(const JudgeCall& call) {
  Json line = {{"id", call.id},
               {"repeat", call.repeat},
               {"seat", call.seat},
               {"step", call.step},
               {"model", call.model},
               {"request", call.request},
               {"prompt", call.prompt},
               {"reply", call.reply},
               {"score", nullptr},
               {"tokens_in", call.tokens_in},
               {"tokens_out", call.tokens_out},
               {"seconds", std::round(call.seconds * 1000) / 1000},
               {"tries", call.tries}};
  if (call.score) line["score"] = *call.score;
  if (!call.problem.empty()) line["problem"] = call.problem;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

JudgeLog::JudgeLog(const std::filesystem::path& path, Mode mode) : path_(path) {
  if (mode == kAppend) {
    file_ = std::make_unique<LineFile>(path, [this](const std::string& line) { take(line); });
    return;
  }
  if (!std::filesystem::exists(path))
    throw data_error("no marks of a judge on disk", path.string(), "run with --judge-backend http first");
  int broken = 0;
  for (const auto& line : split(read_file(path), '\n')) {
    if (line.empty()) continue;
    try {
      take(line);
    } catch (const Json::exception&) {
      ++broken;
    }
  }
  if (broken > 0) warning("{}: {} lines are damaged and do not count", path.string(), broken);
}

void JudgeLog::take(const std::string& line) {
  const Json json = Json::parse(line);
  JudgeCall call;
  json.at("id").get_to(call.id);
  json.at("repeat").get_to(call.repeat);
  json.at("model").get_to(call.model);
  json.at("request").get_to(call.request);
  json.at("prompt").get_to(call.prompt);
  json.at("reply").get_to(call.reply);
  json.at("tokens_in").get_to(call.tokens_in);
  json.at("tokens_out").get_to(call.tokens_out);
  call.seat = json.value("seat", 0), call.step = json.value("step", 0);
  call.tries = json.value("tries", 0), call.seconds = json.value("seconds", 0.0);
  call.problem = json.value("problem", "");
  if (json.contains("score") && json["score"].is_number()) call.score = json["score"].get<double>();
  tokens_in_ += call.tokens_in, tokens_out_ += call.tokens_out;
  if (std::find(models_.begin(), models_.end(), call.model) == models_.end()) models_.push_back(call.model);
  // The first reply to a request counts.
  if (!by_request_.emplace(call.request, calls_.size()).second) return;
  by_prompt_.emplace(prompt_key(call.prompt, call.repeat), calls_.size());
  calls_.push_back(std::move(call));
}

std::optional<JudgeCall> JudgeLog::by_request(const std::string& request) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_request_.find(request);
  if (found == by_request_.end()) return std::nullopt;
  return calls_[found->second];
}

std::optional<JudgeCall> JudgeLog::by_prompt(const std::string& prompt, int repeat,
                                             const std::string& model) const {
  const std::lock_guard lock(mutex_);
  if (model.empty() && models_.size() > 1)
    throw user_error("has marks of " + join(models_, ", "), path_.string(), "name one by --judge-model");
  std::optional<std::size_t> first;
  const auto [begin, end] = by_prompt_.equal_range(prompt_key(prompt, repeat));
  for (auto it = begin; it != end; ++it) {
    if (!model.empty() && calls_[it->second].model != model) continue;
    if (!first || it->second < *first) first = it->second;
  }
  if (!first) return std::nullopt;
  return calls_[*first];
}

void JudgeLog::put(const JudgeCall& call) {
  const std::string line = judge_line(call);
  const std::lock_guard lock(mutex_);
  if (!file_) throw internal_error("a log that is replayed is not written", path_.string());
  file_->append(line);
  take(line);
}

std::int64_t JudgeLog::tokens_in() const {
  const std::lock_guard lock(mutex_);
  return tokens_in_;
}

std::int64_t JudgeLog::tokens_out() const {
  const std::lock_guard lock(mutex_);
  return tokens_out_;
}

std::vector<std::string> JudgeLog::models() const {
  const std::lock_guard lock(mutex_);
  return models_;
}

}  // namespace af2
