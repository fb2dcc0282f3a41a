// Engine: how likely given texts are, alone, as answers, and beside each other.
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "af2/core/error.h"
#include "af2/generate/contrast.h"
#include "af2/generate/engine_data.h"
#include "af2/model/decode_step.h"
#include "af2/model/precision.h"
#include "af2/text/prompt.h"

namespace af2 {
namespace {

constexpr std::size_t kLongestLead = 64;    // tokens before TextConfig::lead
constexpr std::size_t kTokensAtOnce = 512;  // of answers that are weighed side by side
constexpr std::int64_t kLogitsAtOnce = 64;  // positions whose logits are held at once

// What the language model holds after a prompt: its cache, and the hidden state of the last position [1, D].
struct AfterPrompt {
  KvCache cache;
  torch::Tensor last;
};

// `cache` for `n` texts that go on from it, each in a row of its own; nothing is copied before they do.
KvCache for_rows(const KvCache& cache, int64_t n) {
  KvCache many;
  many.length = cache.length;
  for (auto [from, to] : {std::pair(&cache.keys, &many.keys), std::pair(&cache.values, &many.values)})
    for (const torch::Tensor& layer : *from)
      to->push_back(layer.narrow(2, 0, cache.length).expand({n, -1, -1, -1}));
  return many;
}

// Of the hidden states [N, D]: log-probability of `ids` [N], in pieces.
torch::Tensor log_p_of(Af2ModelImpl& network, const torch::Tensor& hidden, const torch::Tensor& ids) {
  std::vector<torch::Tensor> parts;
  for (int64_t first = 0; first < hidden.size(0); first += kLogitsAtOnce) {
    const int64_t some = std::min(kLogitsAtOnce, hidden.size(0) - first);
    const torch::Tensor log_p =
        network.logits(hidden.narrow(0, first, some)).to(torch::kFloat32).log_softmax(-1);
    parts.push_back(log_p.gather(1, ids.narrow(0, first, some).unsqueeze(1)).squeeze(1));
  }
  return torch::cat(parts).to(torch::kFloat64).cpu();
}

// Adds to sums[first..] the log-probabilities of the ids of `answers` [first, last) behind the first id of
// each: side by side, padded on the right, behind one prompt.
void add_further_ids(Af2ModelImpl& network, const AudioContext& audio, const AfterPrompt& after,
                     const std::vector<std::vector<int>>& answers, std::size_t first, std::size_t last,
                     std::vector<double>& sums) {
  std::size_t longest = 0;
  for (std::size_t i = first; i < last; ++i) longest = std::max(longest, answers[i].size() - 1);
  if (longest == 0) return;
  const auto n = static_cast<int64_t>(last - first);
  std::vector<int64_t> inputs, targets, places;
  for (std::size_t i = first; i < last; ++i) {
    for (std::size_t k = 0; k < longest; ++k) {
      const bool within = k + 1 < answers[i].size();
      inputs.push_back(within ? answers[i][k] : 0);
      if (!within) continue;
      targets.push_back(answers[i][k + 1]);
      places.push_back(static_cast<int64_t>((i - first) * longest + k));
    }
  }
  const torch::Device device = after.last.device();
  const auto tensor = [&](const std::vector<int64_t>& ids) {
    return torch::tensor(ids, torch::kInt64).to(device);
  };
  KvCache cache = for_rows(after.cache, n);
  const torch::Tensor hidden = network.forward(tensor(inputs).view({n, -1}), audio, &cache).flatten(0, 1);
  const torch::Tensor log_p = log_p_of(network, hidden.index_select(0, tensor(places)), tensor(targets));
  for (std::size_t j = 0; j < places.size(); ++j)
    sums[first + static_cast<std::size_t>(places[j]) / longest] +=
        log_p[static_cast<int64_t>(j)].item<double>();
}

// Log-probability of each of `answers` and the end after it.
std::vector<double> log_probabilities(Af2ModelImpl& network, const ModelFolder& model,
                                      const AudioContext& audio, const AfterPrompt& after,
                                      const std::vector<std::string>& answers) {
  std::vector<std::vector<int>> ids;
  std::vector<double> sums;
  const torch::Tensor first = network.logits(after.last).to(torch::kFloat32).log_softmax(-1)[0].cpu();
  for (const std::string& answer : answers) {
    ids.push_back(model.tokenizer.encode(answer, /*parse_special=*/false));
    ids.back().push_back(model.stop_ids.front());
    sums.push_back(first[ids.back().front()].item<double>());
  }
  // A clip that stands before the text is masked for one row alone.
  const bool together = !audio.prefix.defined() && !audio.key_mask.defined();
  for (std::size_t i = 0, end = 0; i < ids.size(); i = end) {
    std::size_t longest = 0;
    for (; end < ids.size() && (end == i || together); ++end) {
      longest = std::max(longest, ids[end].size());
      if (end > i && (end + 1 - i) * longest > kTokensAtOnce) break;
    }
    add_further_ids(network, audio, after, ids, i, end, sums);
  }
  return sums;
}

// What the model writes of its own accord up to TextConfig::lead: state after it and its log-probability.
// Nothing when it ends or goes on for long without one.
std::optional<std::pair<AfterPrompt, double>> run_lead(Af2ModelImpl& network, const ModelFolder& model,
                                                       const AudioContext& audio, const AfterPrompt& prompt) {
  const std::string& end = model.config.text.lead;
  if (end.empty()) return std::nullopt;
  AfterPrompt after = prompt;  // a shallow copy: the lead stands behind what the prompt's cache counts
  DecodeStep step(network);
  const bool step_fits = DecodeStep::fits(network);
  double log_p = 0;
  std::vector<int> written;
  torch::Tensor hidden = after.last.unsqueeze(0).contiguous();  // [1, 1, D]
  while (written.size() < kLongestLead) {
    const torch::Tensor logits = step_fits ? step.logits(hidden) : network.logits(hidden)[0];
    const torch::Tensor all = logits.to(torch::kFloat32).log_softmax(-1)[0];
    const int id = all.argmax().item<int>();
    if (std::find(model.stop_ids.begin(), model.stop_ids.end(), id) != model.stop_ids.end()) break;
    log_p += all[id].item<double>();
    written.push_back(id);
    hidden = step_fits ? step({{id, &audio, &after.cache}})
                       : network.forward(id_tensor({id}), audio, &after.cache);
    after.last = hidden[0];
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
  return log_probabilities(data_->network, data_->model, audio,
                           run_prompt(data_->network, audio, prompt_ids(prompt)),
                           {clean_question(continuation, config().text.lowercase)})
      .front();
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
  std::vector<std::string> ways, led;
  std::vector<std::size_t> choice_of;  // of a way
  for (std::size_t i = 0; i < choices.size(); ++i) {
    for (const std::string& answer : choice_answers(i, choices[i])) {
      ways.push_back(answer), led.push_back(" " + answer);
      choice_of.push_back(i);
    }
  }
  std::vector<double> log_p = log_probabilities(data_->network, data_->model, audio, after, ways);
  if (lead) {
    for (const double way : log_probabilities(data_->network, data_->model, audio, lead->first, led))
      log_p.push_back(lead->second + way);
    choice_of.insert(choice_of.end(), choice_of.begin(),
                     choice_of.begin() + static_cast<std::ptrdiff_t>(led.size()));
  }
  std::vector<Choice> scored;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    double high = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::size_t k = 0; k < log_p.size(); ++k)
      if (choice_of[k] == i) high = std::max(high, log_p[k]);
    for (std::size_t k = 0; k < log_p.size(); ++k)
      if (choice_of[k] == i) sum += std::exp(log_p[k] - high);
    scored.push_back({choices[i], high + std::log(sum), 0});
  }
  share_out(scored);
  return scored;
} catch (const c10::Error& error) {
  throw data_->device_failure(error);
}

namespace {

// With the list of choices and, where TextConfig::plain_choices, without: the mean of both.
std::vector<Choice> weigh_with_list(const Engine& engine, const Memory& memory, std::string_view prompt,
                                    const std::vector<std::string>& choices) {
  std::vector<Choice> scored = engine.weigh(memory, prompt, choices);
  if (!engine.config().text.plain_choices) return scored;
  const SplitPrompt split = split_choices(std::string(prompt));
  if (split.choices.size() != choices.size()) return scored;
  const std::vector<Choice> plain = engine.weigh(memory, split.question, choices);
  for (std::size_t i = 0; i < choices.size(); ++i)
    scored[i].log_probability = (scored[i].log_probability + plain[i].log_probability) / 2;
  return scored;
}

}  // namespace

std::vector<Choice> Engine::weigh_listed(const Memory& memory, std::string_view prompt,
                                         const std::vector<std::string>& choices) const {
  std::vector<Choice> scored = weigh_with_list(*this, memory, prompt, choices);
  const double contrast = config().text.contrast;
  const AudioContext& audio = memory.data_->context;
  if (contrast > 0 && !hears_nothing(audio)) {
    const std::vector<Choice> unheard = weigh_with_list(*this, nothing(), prompt, choices);
    for (std::size_t i = 0; i < choices.size(); ++i)
      scored[i].log_probability = contrasted(scored[i].log_probability, unheard[i].log_probability, contrast);
  }
  share_out(scored);
  return scored;
}

std::vector<Choice> Engine::choose(const Memory& memory, std::string_view question,
                                   const std::vector<std::string>& choices) const {
  return weigh_listed(memory, with_choices(question, choices), choices);
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
