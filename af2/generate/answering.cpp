// Engine: answers written token by token, one or several at once.
#include <torch/torch.h>

#include "af2/core/error.h"
#include "af2/core/progress.h"
#include "af2/generate/answer_writer.h"
#include "af2/generate/beams.h"
#include "af2/generate/contrast.h"
#include "af2/generate/engine_data.h"
#include "af2/model/decode_step.h"
#include "af2/model/placed_step.h"
#include "af2/model/precision.h"

namespace af2 {

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

constexpr std::size_t kPlacedSteps = 16;  // answers at once: what each records takes memory of the GPU

Answer beams_answer(const ModelFolder& model, Af2ModelImpl& network, const AudioContext& audio,
                    const std::vector<int>& ids, const AnswerOptions& options,
                    const std::function<void(std::string_view)>& on_text) {
  if (options.sampling.temperature > 0 || options.sampling.repeat_penalty != 1 || !options.stop.empty() ||
      options.log_probabilities)
    throw user_error("goes with none of --temp, --repeat-penalty, --stop and --logprobs", "--beams");
  if (model.config.text.contrast > 0)
    throw user_error("does not go with a contrast", "--beams", "give --contrast 0");
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

// One text that is written: an answer, or what its words would be worth without the clip.
struct Row {
  std::size_t question = 0;
  const AudioContext* audio = nullptr;
  KvCache cache = {};
  std::unique_ptr<PlacedStep> placed = {};
  torch::Tensor logits = {};  // of its next token
};

}  // namespace

Answer Engine::answer_tokens(const Memory& memory, const std::vector<int>& ids, const AnswerOptions& options,
                             const std::function<void(std::string_view)>& on_text) const {
  return std::move(answer_all({Question{memory, ids, 0, options, on_text}}).front());
}

std::vector<Answer> Engine::answer_all(const std::vector<Question>& questions) const try {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  for (const Question& question : questions) {
    data_->check(question.ids);
    if (question.options.beams < 1 || question.options.beams > 64)
      throw user_error("must be from 1 to 64", "--beams");
  }
  Af2ModelImpl& network = data_->network;
  std::vector<Answer> answers(questions.size());
  std::vector<std::unique_ptr<AnswerWriter>> writers(questions.size());
  // A row for each answer, then one for each that is written beside what it would be without its clip.
  std::vector<Row> rows(questions.size());
  std::vector<std::vector<std::size_t>> rows_of(questions.size());
  const AudioContext no_audio;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    rows[i] = {i, &questions[i].memory.data_->context};
    rows_of[i] = {i};
  }
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (config().text.contrast <= 0 || hears_nothing(*rows[i].audio)) continue;
    rows_of[i].push_back(rows.size());
    rows.push_back({i, &no_audio});
  }
  const auto last_logits = [&](const torch::Tensor& hidden) {
    return network.logits(hidden.select(1, hidden.size(1) - 1));
  };
  // Gives the logits of its next token to a writer, and takes its answer when that was the last one.
  const auto take = [&](std::size_t i) {
    writers[i]->take(rows_of[i].size() == 1
                         ? rows[i].logits
                         : contrasted(rows[i].logits, rows[rows_of[i][1]].logits, config().text.contrast));
    if (!writers[i]->open()) answers[i] = writers[i]->finish();
  };
  // Prompts one by one: their products are bound by arithmetic, and their kernels depend on the length.
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Question& question = questions[i];
    const AudioContext& audio = *rows[i].audio;
    AnswerOptions options = question.options;
    options.max_new_tokens = data_->longest_behind(audio, question.ids.size(), options.max_new_tokens);
    if (options.beams > 1) {
      answers[i] = beams_answer(data_->model, network, audio, question.ids, options, question.on_text);
      continue;
    }
    writers[i] = std::make_unique<AnswerWriter>(
        data_->model, data_->grammars, static_cast<int>(question.ids.size()), options, question.on_text);
    for (const std::size_t row : rows_of[i]) {
      rows[row].cache.reserve =
          data_->cache_room(question.ids.size(), *rows[row].audio, options.max_new_tokens);
      rows[row].logits =
          last_logits(network.forward(id_tensor(question.ids), *rows[row].audio, &rows[row].cache));
    }
    take(i);
  }
  DecodeStep step(network);
  const bool step_fits = DecodeStep::fits(network);
  const bool placed_fits = PlacedStep::fits(network) && rows.size() <= kPlacedSteps;
  // The next token of one row, where not all of the language model is on the CPU.
  const auto one_by_one = [&](Row& row, const NextToken& next) {
    if (placed_fits && !row.placed)
      row.placed = std::make_unique<PlacedStep>(network, *next.audio, *next.cache);
    if (row.placed && row.placed->has_room()) return (*row.placed)(next.id);
    return last_logits(network.forward(id_tensor({static_cast<int>(next.id)}), *next.audio, next.cache));
  };
  while (true) {
    // Those with cross-attention and those without (Engine::nothing, prefixes) do not share a step.
    std::vector<std::size_t> with, without;
    for (std::size_t k = 0; k < rows.size(); ++k)
      if (writers[rows[k].question] && writers[rows[k].question]->open())
        (rows[k].audio->blocks.empty() ? without : with).push_back(k);
    if (with.empty() && without.empty()) break;
    for (const auto& group : {with, without}) {
      std::vector<NextToken> next;
      for (const std::size_t k : group)
        next.push_back({writers[rows[k].question]->tokens().back(), rows[k].audio, &rows[k].cache});
      torch::Tensor logits;  // [B, vocab]
      if (step_fits && !next.empty()) logits = step.logits(step(next));
      for (std::size_t n = 0; n < group.size(); ++n)
        rows[group[n]].logits =
            step_fits ? logits[static_cast<int64_t>(n)] : one_by_one(rows[group[n]], next[n]);
    }
    for (std::size_t i = 0; i < questions.size(); ++i)
      if (writers[i] && writers[i]->open()) take(i);
  }
  for (std::size_t i = 0; i < questions.size(); ++i) {
    answers[i].prompt_tokens_cut = questions[i].prompt_tokens_cut;
    if (questions[i].prompt_tokens_cut > 0)
      answers[i].warnings.insert(answers[i].warnings.begin(), "prompt_cut");
  }
  return answers;
} catch (const c10::Error& error) {
  throw data_->device_failure(error);
}

}  // namespace af2
