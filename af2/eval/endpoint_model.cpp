#include "af2/eval/endpoint_model.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "af2/audio/decode.h"
#include "af2/audio/wav.h"
#include "af2/core/workers.h"

namespace af2 {
namespace {

constexpr double kLongestEndpointWait_s = 32;
constexpr double kHeardTokensPerSecond = 25;  // where the endpoint counts none

ChatEndpointOptions chat_options_of(const EndpointOptions& options) {
  ChatEndpointOptions endpoint;
  endpoint.url = options.url;
  endpoint.timeout_s = options.timeout_s, endpoint.tries = options.tries;
  endpoint.longest_wait_s = kLongestEndpointWait_s;
  endpoint.flags = "--endpoint and --endpoint-model";
  return endpoint;
}

// Of the item, not of the endpoint: another item may well be answered.
bool is_about_the_request(int status) {
  return status == 400 || status == 413 || status == 415 || status == 422;
}

}  // namespace

EndpointModel::EndpointModel(EndpointOptions options, std::string key, LlmClock clock)
    : options_(std::move(options)),
      clock_(std::move(clock)),
      endpoint_(chat_options_of(options_), std::move(key), clock_) {
  const auto need = [](bool ok, const char* flag, const char* what) {
    if (!ok) throw user_error(what, std::string("--endpoint") + flag, "correct the flag");
  };
  need(!options_.url.empty(), "", "names no endpoint");
  need(!options_.model.empty(), "-model", "names no model");
  need(options_.sound == "input_audio" || options_.sound == "none", "-sound", "must be input_audio or none");
  need(options_.parallel >= 1 && options_.parallel <= 256, "-parallel", "must be in 1..256");
  need(options_.timeout_s > 0, "-timeout", "must be above 0");
  need(options_.tries >= 1, "-tries", "must be at least 1");
  need(options_.max_seconds >= 0, "-max-seconds", "must not be negative");
}

// The user's message. A text alone is sent as a string: servers for text know no lists of parts.
Json EndpointModel::message_of(const EndpointQuestion& question, EndpointAnswer& answer) const {
  if (options_.sound == "none" || question.audio.empty()) return chat_message("user", question.prompt);
  Json parts = Json::array();
  for (const auto& path : question.audio) {
    const Clip clip = decode_file(path, {.start_s = question.start_s,
                                         .duration_s = question.duration_s,
                                         .max_seconds = options_.max_seconds});
    answer.seconds_used += clip.seconds;
    answer.seconds_cut += std::max(0.0, clip.wanted_seconds - clip.seconds);
    const std::string wav = wav_bytes(clip.samples, {.rate_hz = clip.rate_hz}, path.string());
    parts.push_back(sound_message("user", wav, "")["content"][0]);
  }
  parts.push_back({{"type", "text"}, {"text", question.prompt}});
  return {{"role", "user"}, {"content", parts}};
}

EndpointAnswer EndpointModel::ask(const EndpointQuestion& question) {
  EndpointAnswer answer;
  Json messages = Json::array();
  if (!options_.system.empty()) messages.push_back(chat_message("system", options_.system));
  try {
    messages.push_back(message_of(question, answer));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    answer.error = error.what();
    return answer;
  }
  Json body = {{"model", options_.model},
               {"messages", std::move(messages)},
               {"temperature", question.temperature},
               {"max_tokens", question.max_new_tokens},
               {"seed", options_.seed}};
  if (!question.stop.empty()) body["stop"] = question.stop;
  ChatUse use;
  const double began = clock_.now();
  const auto count = [&] {
    answer.seconds = clock_.now() - began;
    answer.tokens_in = use.tokens_in, answer.tokens = use.tokens_out;
    answer.tries = use.tries;
  };
  try {
    const double guess =
        token_estimate(question.prompt) + std::ceil(kHeardTokensPerSecond * answer.seconds_used);
    ChatReply reply = endpoint_.ask(body, use, guess);
    answer.text = std::move(reply.text), answer.finish = std::move(reply.finish);
  } catch (const ChatRefused& error) {
    if (!is_about_the_request(error.status())) throw;
    answer.error = error.what();
  }
  count();
  return answer;
}

void EndpointModel::ask_all(const std::vector<EndpointQuestion>& questions,
                            const std::function<void(std::size_t, const EndpointAnswer&)>& use) {
  std::mutex one_at_a_time;
  for_each_by(options_.parallel, questions.size(), [&](std::size_t i) {
    const EndpointAnswer answer = ask(questions[i]);
    const std::lock_guard lock(one_at_a_time);
    use(i, answer);
  });
}

}  // namespace af2
