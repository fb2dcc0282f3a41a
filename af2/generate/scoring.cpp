// Engine: how likely given texts are, alone, as answers, and beside each other.
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "af2/core/error.h"
#include "af2/generate/engine_data.h"
#include "af2/model/decode_step.h"
#include "af2/model/precision.h"
#include "af2/text/prompt.h"

namespace af2 {
namespace {

constexpr std::size_t kLongestLead = 24;    // tokens before TextConfig::lead
constexpr std::int64_t kLogitsAtOnce = 64;  // positions whose logits are held at once

// What the language model holds after a prompt: its cache, and the hidden state of the last position [1, D].
struct AfterPrompt {
  KvCache cache;
  torch::Tensor last;
};

// Log-probability of `answer` and the end after it.
double log_probability(Af2ModelImpl& network, const ModelFolder& model, const AudioContext& audio,
                       const AfterPrompt& after, std::string_view answer) {
  std::vector<int> ids = model.tokenizer.encode(answer, /*parse_special=*/false);
  ids.push_back(model.stop_ids.front());
  torch::Tensor hidden = after.last;
  if (ids.size() > 1) {
    // A shallow copy: what is written past the prompt's positions is overwritten by the next answer.
    KvCache cache = after.cache;
    const std::vector<int> inputs(ids.begin(), ids.end() - 1);
    hidden = torch::cat({hidden, network.forward(id_tensor(inputs), audio, &cache)[0]});
  }
  const torch::Tensor log_p = network.logits(hidden).to(torch::kFloat32).log_softmax(-1);
  return log_p.gather(1, id_tensor(ids).transpose(0, 1)).sum().item<double>();
}

// What the model writes of its own accord up to TextConfig::lead: state after it and its log-probability.
// Nothing when it ends or goes on for long without one.
std::optional<std::pair<AfterPrompt, double>> run_lead(Af2ModelImpl& network, const ModelFolder& model,
                                                       const AudioContext& audio, const AfterPrompt& prompt) {
  const std::string& end = model.config.text.lead;
  if (end.empty()) return std::nullopt;
  // Its own storage: the answers without a lead are written over the prompt's.
  AfterPrompt after = prompt;
  for (auto* kept : {&after.cache.keys, &after.cache.values})
    for (torch::Tensor& tensor : *kept) tensor = tensor.clone();
  double log_p = 0;
  std::vector<int> written;
  while (written.size() < kLongestLead) {
    const torch::Tensor all = network.logits(after.last).to(torch::kFloat32).log_softmax(-1)[0];
    const int id = all.argmax().item<int>();
    if (std::find(model.stop_ids.begin(), model.stop_ids.end(), id) != model.stop_ids.end()) break;
    log_p += all[id].item<double>();
    written.push_back(id);
    after.last = network.forward(id_tensor({id}), audio, &after.cache)[0];
    if (model.tokenizer.decode(written).ends_with(end)) return std::pair(after, log_p);
  }
  return std::nullopt;
}

AfterPrompt run_prompt(Af2ModelImpl& network, const AudioContext& audio, const std::vector<int>& ids) {
  AfterPrompt after;
  after.last = network.forward(id_tensor(ids), audio, &after.cache)[0].slice(0, -1);
  return after;
}

}  // namespace

double Engine::score(const Memory& memory, std::string_view prompt, std::string_view continuation) const try {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  const AudioContext& audio = memory.data_->context;
  return log_probability(data_->network, data_->model, audio,
                         run_prompt(data_->network, audio, prompt_ids(prompt)),
                         clean_question(continuation, config().text.lowercase));
} catch (const c10::Error& error) {
  throw data_->device_failure(error);
}

namespace {

// The shares from the log-probabilities.
void share_out(std::vector<Choice>& choices) {
  const double most = likeliest(choices).log_probability;
  double sum = 0;
  for (Choice& choice : choices) sum += choice.share = std::exp(choice.log_probability - most);
  for (Choice& choice : choices) choice.share /= sum;
}

}  // namespace

const Choice& likeliest(const std::vector<Choice>& choices) {
  return *std::max_element(choices.begin(), choices.end(), [](const Choice& a, const Choice& b) {
    return a.log_probability < b.log_probability;
  });
}

std::vector<Choice> Engine::weigh(const Memory& memory, std::string_view prompt,
                                  const std::vector<std::string>& choices) const try {
  if (choices.empty()) throw user_error("names no answer", "--choices", "give them as \"a|b|c\"");
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  const AudioContext& audio = memory.data_->context;
  const AfterPrompt after = run_prompt(data_->network, audio, prompt_ids(prompt));
  const auto lead = run_lead(data_->network, data_->model, audio, after);
  std::vector<Choice> scored;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    std::vector<double> ways;
    for (const auto& answer : choice_answers(i, choices[i])) {
      ways.push_back(log_probability(data_->network, data_->model, audio, after, answer));
      if (lead)
        ways.push_back(lead->second +
                       log_probability(data_->network, data_->model, audio, lead->first, " " + answer));
    }
    const double high = *std::max_element(ways.begin(), ways.end());
    double sum = 0;
    for (const double way : ways) sum += std::exp(way - high);
    scored.push_back({choices[i], high + std::log(sum), 0});
  }
  share_out(scored);
  return scored;
} catch (const c10::Error& error) {
  throw data_->device_failure(error);
}

std::vector<Choice> Engine::choose(const Memory& memory, std::string_view question,
                                   const std::vector<std::string>& choices) const {
  std::vector<Choice> scored = weigh(memory, with_choices(question, choices), choices);
  if (!config().text.plain_choices) return scored;
  const std::vector<Choice> plain = weigh(memory, question, choices);
  for (std::size_t i = 0; i < scored.size(); ++i)
    scored[i].log_probability = (scored[i].log_probability + plain[i].log_probability) / 2;
  share_out(scored);
  return scored;
}

namespace {

// Sum of the negative log-probabilities of ids[1..] after those before them.
double surprise_read(Af2ModelImpl& network, const AudioContext& audio, const std::vector<int>& ids) {
  const torch::Tensor all = id_tensor(ids), hidden = network.forward(all, audio)[0];  // [T, D]
  const std::int64_t n = hidden.size(0) - 1;
  double sum = 0;
  for (std::int64_t first = 0; first < n; first += kLogitsAtOnce) {
    const std::int64_t some = std::min(kLogitsAtOnce, n - first);
    const torch::Tensor log_p =
        network.logits(hidden.narrow(0, first, some)).to(torch::kFloat32).log_softmax(-1);
    sum -= log_p.gather(1, all[0].narrow(0, first + 1, some).unsqueeze(1))
               .to(torch::kFloat64)
               .sum()
               .item<double>();
  }
  return sum;
}

// The same, token by token as an answer is written.
double surprise_written(Af2ModelImpl& network, const AudioContext& audio, const std::vector<int>& ids) {
  KvCache cache;
  DecodeStep step(network);
  const bool step_fits = DecodeStep::fits(network);
  double sum = 0;
  torch::Tensor hidden = network.forward(id_tensor({ids.front()}), audio, &cache);  // [1, 1, D]
  for (std::size_t i = 1; i < ids.size(); ++i) {
    const torch::Tensor logits = step_fits ? step.logits(hidden.contiguous()) : network.logits(hidden)[0];
    sum -= logits[0].log_softmax(-1)[ids[i]].item<double>();
    if (i + 1 < ids.size())
      hidden =
          step_fits ? step({{ids[i], &audio, &cache}}) : network.forward(id_tensor({ids[i]}), audio, &cache);
  }
  return sum;
}

}  // namespace

Perplexity Engine::perplexity(std::string_view text, int chunk, bool written) const try {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  if (chunk < 2) throw user_error("must be at least 2 tokens", "chunk");
  const std::vector<int> ids = data_->model.tokenizer.encode(text, /*parse_special=*/false);
  const Memory no_sound = nothing();
  const AudioContext& alone = no_sound.data_->context;
  Perplexity result;
  double sum = 0;
  for (std::size_t first = 0; first + 1 < ids.size(); first += static_cast<std::size_t>(chunk)) {
    const auto end = std::min(ids.size(), first + static_cast<std::size_t>(chunk));
    const std::vector<int> part(ids.begin() + static_cast<std::ptrdiff_t>(first),
                                ids.begin() + static_cast<std::ptrdiff_t>(end));
    if (part.size() < 2) break;
    sum +=
        written ? surprise_written(data_->network, alone, part) : surprise_read(data_->network, alone, part);
    result.n_tokens += static_cast<int>(part.size()) - 1;
  }
  if (result.n_tokens == 0) throw data_error("has fewer than two tokens", "the text of a perplexity");
  result.value = std::exp(sum / result.n_tokens);
  return result;
} catch (const c10::Error& error) {
  throw data_->device_failure(error);
}

}  // namespace af2
