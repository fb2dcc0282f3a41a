#include "af2/generate/engine.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "af2/core/error.h"
#include "af2/core/progress.h"
#include "af2/generate/answer_writer.h"
#include "af2/generate/beams.h"
#include "af2/generate/model_folder.h"
#include "af2/model/decode_step.h"
#include "af2/model/precision.h"
#include "af2/text/prompt.h"

namespace af2 {
namespace {

constexpr int64_t kWindowsAtOnce = 4;     // through the tower
constexpr std::size_t kLongestLead = 24;  // tokens before TextConfig::lead

Feature to_feature(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.to(torch::kFloat32).contiguous();
  const float* data = flat.data_ptr<float>();
  return {flat.sizes().vec(), std::vector<float>(data, data + flat.numel())};
}

}  // namespace

struct Memory::Data {
  AudioContext context;
  WindowReport report;
  double encode_ms = 0;
};

const WindowReport& Memory::report() const {
  return data_->report;
}
double Memory::encode_ms() const {
  return data_->encode_ms;
}

struct Engine::Data {
  explicit Data(ModelFolder loaded, const EngineOptions& engine_options)
      : model(std::move(loaded)),
        network(*model.network),
        options(engine_options),
        bf16(wants_bf16(options.dtype)) {
    if (!bf16) return;
    narrow_weights(*network.clap);
    narrow_weights(*network.audio_transformer_clap);
  }

  WindowOptions window_options(const Clip& clip) const {
    WindowOptions windows;
    windows.rate_hz = model.config.audio.sample_rate;
    windows.window_s = model.config.audio.window_seconds;
    windows.max_windows = options.max_windows > 0 ? options.max_windows : model.config.audio.max_windows;
    windows.clip_seconds = clip.wanted_seconds;
    return windows;
  }

  Prompt prompt(std::string_view question) const {
    PromptOptions prompt_options;
    prompt_options.lowercase = model.config.text.lowercase;
    prompt_options.max_prompt_tokens = model.config.text.max_prompt_tokens;
    prompt_options.sep_token = model.config.text.sep;
    return build_prompt(model.tokenizer, question, prompt_options);
  }

  // Throws kUser for ids that the model does not have, and for none.
  void check(const Question& question) const {
    const int vocab = model.tokenizer.size();
    for (const int id : question.ids)
      if (id < 0 || id >= vocab)
        throw user_error("token id " + std::to_string(id) + " is not in 0.." + std::to_string(vocab - 1),
                         "--tokens");
    if (question.ids.empty()) throw user_error("no tokens", "--tokens", "give at least one id");
    if (question.options.beams < 1 || question.options.beams > 64)
      throw user_error("must be from 1 to 64", "--beams");
  }

  // Each group of windows is made, heard and dropped. [W, S, D]
  torch::Tensor tower(const Clip& clip, const WindowPlan& plan) const {
    std::vector<torch::Tensor> parts;
    for (int64_t first = 0; first < plan.report.n_windows; first += kWindowsAtOnce) {
      const int64_t n = std::min<int64_t>(kWindowsAtOnce, plan.report.n_windows - first);
      const torch::Tensor windows = torch::empty({n, static_cast<int64_t>(plan.window_samples)});
      for (int64_t i = 0; i < n; ++i)
        fill_window(clip.samples, plan, static_cast<std::size_t>(first + i),
                    {windows[i].data_ptr<float>(), plan.window_samples});
      // One window at a time, so that a clip's tokens do not depend on its neighbours in a batch.
      for (int64_t i = 0; i < n; ++i) parts.push_back(network.encode(windows.narrow(0, i, 1)));
    }
    return torch::cat(parts);
  }

  ModelFolder model;
  Af2ModelImpl& network;  // modules are not const, their forward in eval mode changes nothing
  EngineOptions options;
  bool bf16;
  mutable GrammarCache grammars;
};

std::string tensor_library() {
  return std::string("libtorch ") + TORCH_VERSION +
         (torch::cuda::is_available() ? ", cuda and cpu" : ", cpu");
}

std::filesystem::path find_model_folder(const std::string& name) {
  return find_model(name);
}

Engine Engine::load(const std::filesystem::path& folder, const EngineOptions& options) {
  try {
    if (options.threads > 0) at::set_num_threads(options.threads);
    LoadOptions load;
    load.base_lm = options.base_lm;
    load.generation = options.generation;
    load.bf16 = wants_bf16(options.dtype);
    Engine engine;
    engine.data_ = std::make_shared<Data>(load_model_folder(folder, load), options);
    return engine;
  } catch (const c10::Error& error) {
    throw internal_error(error.what_without_backtrace(), folder.string());
  }
}

const Af2Config& Engine::config() const {
  return data_->model.config;
}
const std::filesystem::path& Engine::folder() const {
  return data_->model.path;
}
const std::vector<std::string>& Engine::surplus() const {
  return data_->model.surplus;
}

std::pair<std::int64_t, std::int64_t> Engine::n_parameters() const {
  const LmConfig& lm = data_->model.config.lm;
  const std::int64_t heads = std::int64_t{lm.n_heads + lm.n_kv_heads} * 2 * lm.head_dim;
  const std::int64_t layer = lm.dim * heads + std::int64_t{3} * lm.dim * lm.ffn_dim + 2 * lm.dim;
  const std::int64_t language =
      lm.n_layers * layer + std::int64_t{lm.vocab} * lm.dim * (lm.tied ? 1 : 2) + lm.dim;
  std::int64_t adapter = 0;
  for (const auto& [name, tensor] : adapter_tensors(data_->network)) adapter += tensor.numel();
  for (const auto& [name, matrix] : cross_attention_matrices(data_->network))
    if (matrix->is_low_bit()) adapter += matrix->in * matrix->out;  // in no tensor
  return {language, adapter};
}

std::int64_t Engine::token_bytes(bool with_audio) const {
  const auto& decoder = *data_->network.lang_encoder->model;
  std::int64_t bytes = 0;
  for (const auto& [name, layer] : linear_layers(*data_->network.lang_encoder)) {
    const bool xattn = name.find("gated_cross_attn") != std::string::npos;
    const bool one_row = layer.get() == decoder.embed_tokens.get() && decoder.lm_head;
    // Keys and values of the clip are made once.
    if ((xattn && (!with_audio || name.ends_with("to_kv.weight"))) || one_row) continue;
    bytes += layer->stored_bytes();
  }
  return bytes;
}

Memory Engine::nothing() const {
  Memory memory;
  memory.data_ = std::make_shared<Memory::Data>();
  return memory;
}

DecodeOptions Engine::decode_options() const {
  DecodeOptions options;
  const AudioConfig& audio = config().audio;
  options.rate_hz = audio.sample_rate;
  options.channels = audio.channels == "first" ? Channels::kFirst : Channels::kMean;
  options.max_seconds = audio.window_seconds *
                        (data_->options.max_windows > 0 ? data_->options.max_windows : audio.max_windows);
  return options;
}

Memory Engine::listen(const Clip& clip) const {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  const double start = steady_seconds();
  const WindowPlan plan = plan_windows(clip.samples, data_->window_options(clip));
  const torch::Tensor tokens = data_->tower(clip, plan).flatten(0, 1).unsqueeze(0);  // [1, W*S, D]
  auto data = std::make_shared<Memory::Data>();
  data->context = data_->network.listen(data_->network.remember(tokens, {}), {});
  data->report = plan.report;
  data->encode_ms = (steady_seconds() - start) * 1e3;
  Memory memory;
  memory.data_ = std::move(data);
  return memory;
}

std::vector<int> Engine::prompt_ids(std::string_view prompt) const {
  return data_->prompt(prompt).ids;
}

std::string Engine::token_text(int id) const {
  return data_->model.tokenizer.decode(std::vector{id});
}

std::pair<int, double> Engine::logit_bias(const std::string& text) const {
  return parse_logit_bias(text, data_->model.tokenizer);
}

Question Engine::question(const Memory& memory, std::string_view prompt, const AnswerOptions& options,
                          const std::function<void(std::string_view)>& on_text) const {
  const Prompt built = data_->prompt(prompt);
  return {memory, built.ids, built.tokens_cut, options, on_text};
}

Answer Engine::answer(const Memory& memory, std::string_view prompt, const AnswerOptions& options,
                      const std::function<void(std::string_view)>& on_text) const {
  return std::move(answer_all({question(memory, prompt, options, on_text)}).front());
}

namespace {

Answer beams_answer(const ModelFolder& model, Af2ModelImpl& network, const AudioContext& audio,
                    const std::vector<int>& ids, const AnswerOptions& options,
                    const std::function<void(std::string_view)>& on_text) {
  if (options.sampling.temperature > 0 || options.sampling.repeat_penalty != 1 || !options.stop.empty() ||
      options.log_probabilities)
    throw user_error("goes with none of --temp, --repeat-penalty, --stop and --logprobs", "--beams");
  if (options.grammar || !options.sampling.logit_bias.empty())
    throw user_error("goes with none of --grammar-file, --json-schema and --logit-bias", "--beams");
  const double start = steady_seconds();
  Conclusion conclusion(model.config.text.conclusion, model.tokenizer, model.stop_ids,
                        options.max_new_tokens);
  const BeamAnswer found =
      beam_search(network, audio, ids, model.stop_ids,
                  {options.beams, options.max_new_tokens, options.ignore_eos}, conclusion);
  Answer answer;
  answer.prompt_tokens = static_cast<int>(ids.size());
  answer.finish_reason = found.stopped ? "stop" : "length";
  if (!found.stopped && !options.ignore_eos) answer.warnings.push_back("length");
  answer.tokens = found.tokens;
  answer.text = model.tokenizer.decode(found.tokens);
  if (on_text && !answer.text.empty()) on_text(answer.text);
  answer.prefill_ms = found.first_ms;
  answer.decode_ms = (steady_seconds() - start) * 1e3 - found.first_ms;
  return answer;
}

}  // namespace

Answer Engine::answer_tokens(const Memory& memory, const std::vector<int>& ids, const AnswerOptions& options,
                             const std::function<void(std::string_view)>& on_text) const {
  return std::move(answer_all({Question{memory, ids, 0, options, on_text}}).front());
}

std::vector<Answer> Engine::answer_all(const std::vector<Question>& questions) const {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  for (const Question& question : questions) data_->check(question);
  Af2ModelImpl& network = data_->network;
  std::vector<Answer> answers(questions.size());
  std::vector<std::unique_ptr<AnswerWriter>> writers(questions.size());
  std::vector<KvCache> caches(questions.size());
  const auto last_logits = [&](const torch::Tensor& hidden) {
    return network.logits(hidden.select(1, hidden.size(1) - 1));
  };
  // Gives the logits of its next token to a writer, and takes its answer when that was the last one.
  const auto take = [&](std::size_t i, const torch::Tensor& logits) {
    writers[i]->take(logits);
    if (!writers[i]->open()) answers[i] = writers[i]->finish();
  };
  // Prompts one by one: their products are bound by arithmetic, and their kernels depend on the length.
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Question& question = questions[i];
    const AudioContext& audio = question.memory.data_->context;
    if (question.options.beams > 1) {
      answers[i] =
          beams_answer(data_->model, network, audio, question.ids, question.options, question.on_text);
      continue;
    }
    writers[i] =
        std::make_unique<AnswerWriter>(data_->model, data_->grammars, static_cast<int>(question.ids.size()),
                                       question.options, question.on_text);
    take(i, last_logits(network.forward(id_tensor(question.ids), audio, &caches[i])));
  }
  DecodeStep step(network);
  const bool step_fits = DecodeStep::fits(network);
  while (true) {
    // Those with a clip and those without (Engine::nothing) do not share a step.
    std::vector<std::size_t> with, without;
    for (std::size_t i = 0; i < questions.size(); ++i)
      if (writers[i] && writers[i]->open())
        (questions[i].memory.data_->context.blocks.empty() ? without : with).push_back(i);
    if (with.empty() && without.empty()) break;
    for (const auto& group : {with, without}) {
      std::vector<NextToken> next;
      for (const std::size_t i : group)
        next.push_back({writers[i]->tokens().back(), &questions[i].memory.data_->context, &caches[i]});
      torch::Tensor logits;  // [B, vocab]
      if (step_fits && !next.empty()) logits = step.logits(step(next));
      for (std::size_t k = 0; k < group.size(); ++k)
        take(group[k], step_fits ? logits[static_cast<int64_t>(k)]
                                 : last_logits(network.forward(id_tensor({static_cast<int>(next[k].id)}),
                                                               *next[k].audio, next[k].cache)));
    }
  }
  for (std::size_t i = 0; i < questions.size(); ++i) {
    answers[i].prompt_tokens_cut = questions[i].prompt_tokens_cut;
    if (questions[i].prompt_tokens_cut > 0)
      answers[i].warnings.insert(answers[i].warnings.begin(), "prompt_cut");
  }
  return answers;
}

namespace {

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

double Engine::score(const Memory& memory, std::string_view prompt, std::string_view continuation) const {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  const AudioContext& audio = memory.data_->context;
  return log_probability(data_->network, data_->model, audio,
                         run_prompt(data_->network, audio, prompt_ids(prompt)),
                         clean_question(continuation, config().text.lowercase));
}

const Choice& likeliest(const std::vector<Choice>& choices) {
  return *std::max_element(choices.begin(), choices.end(), [](const Choice& a, const Choice& b) {
    return a.log_probability < b.log_probability;
  });
}

std::vector<Choice> Engine::choose(const Memory& memory, std::string_view prompt,
                                   const std::vector<std::string>& choices) const {
  if (choices.empty()) throw user_error("names no answer", "--choices", "give them as \"a|b|c\"");
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  const AudioContext& audio = memory.data_->context;
  const AfterPrompt after = run_prompt(data_->network, audio, prompt_ids(prompt));
  const auto lead = run_lead(data_->network, data_->model, audio, after);
  std::vector<Choice> scored;
  double most = -std::numeric_limits<double>::infinity();
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
    most = std::max(most, scored.back().log_probability);
  }
  double sum = 0;
  for (Choice& choice : scored) sum += choice.share = std::exp(choice.log_probability - most);
  for (Choice& choice : scored) choice.share /= sum;
  return scored;
}

FeatureLayer feature_layer(const std::string& name) {
  const std::vector<std::string> names = {"waveform", "logmel", "tower", "memory", "logits"};
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end())
    throw user_error("is none of waveform, logmel, tower, memory, logits: " + name, "--layer");
  return static_cast<FeatureLayer>(at - names.begin());
}

Feature Engine::feature(const Clip& clip, FeatureLayer layer, const std::vector<int>& ids) const {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  if (layer == FeatureLayer::kLogits) {
    if (ids.empty())
      throw user_error("logits need a prompt", "--layer logits", "give -p TEXT or --tokens id,id,…");
    const Memory memory = listen(clip);
    return to_feature(
        data_->network.logits(data_->network.forward(id_tensor(ids), memory.data_->context))[0]);
  }
  const WindowOptions options = data_->window_options(clip);
  if (layer == FeatureLayer::kWaveform || layer == FeatureLayer::kLogmel) {
    Windows windows = make_windows(clip.samples, options);
    const torch::Tensor samples = torch::from_blob(
        windows.samples.data(), {windows.report.n_windows, static_cast<int64_t>(windows.window_samples)});
    return to_feature(layer == FeatureLayer::kWaveform ? samples : data_->network.logmel(samples));
  }
  const torch::Tensor tokens = data_->tower(clip, plan_windows(clip.samples, options));  // [W, S, D]
  if (layer == FeatureLayer::kTower) return to_feature(tokens);
  return to_feature(data_->network.remember(tokens.flatten(0, 1).unsqueeze(0), {})[0]);
}

}  // namespace af2
