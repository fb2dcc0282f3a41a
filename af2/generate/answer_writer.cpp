#include "af2/generate/answer_writer.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "af2/core/error.h"
#include "af2/core/progress.h"

namespace af2 {
namespace {

constexpr std::size_t kLoopTokens = 20;

// The last kLoopTokens tokens stand three times in a row.
bool loops(const std::vector<int>& tokens) {
  if (tokens.size() < 3 * kLoopTokens) return false;
  const auto end = tokens.end();
  return std::equal(end - kLoopTokens, end, end - 2 * kLoopTokens) &&
         std::equal(end - kLoopTokens, end, end - 3 * kLoopTokens);
}

// The longest answer that `options` and the model's context allow.
int longest(const AnswerOptions& options, const ModelFolder& model, int n_prompt_tokens) {
  if (options.max_new_tokens < 1) throw user_error("must be at least 1", "-n");
  if (options.grammar && options.ignore_eos)
    throw user_error("does not go with --grammar-file and --json-schema", "--ignore-eos");
  return std::min(options.max_new_tokens, std::max(model.config.lm.context - n_prompt_tokens, 1));
}

}  // namespace

AnswerWriter::AnswerWriter(const ModelFolder& model, GrammarCache& grammars, int n_prompt_tokens,
                           const AnswerOptions& options, OnText on_text)
    : model_(model),
      options_(options),
      on_text_(std::move(on_text)),
      sampler_(options.sampling),
      constraint_(options.grammar, model.tokenizer, model.stop_ids, grammars),
      stream_(model.tokenizer),
      stop_text_(options.stop),
      most_(longest(options, model, n_prompt_tokens)),
      // A grammar says itself what an answer ends with.
      conclusion_(options.grammar || options.ignore_eos ? "" : model.config.text.conclusion, model.tokenizer,
                  model.stop_ids, most_),
      start_(steady_seconds()) {
  answer_.prompt_tokens = n_prompt_tokens;
  answer_.finish_reason = "length";
}

void AnswerWriter::emit(const std::string& text) {
  if (!text.empty() && on_text_) on_text_(text);
  answer_.text += text;
}

void AnswerWriter::end(const char* reason) {
  answer_.finish_reason = reason;
  open_ = false;
}

void AnswerWriter::take(const torch::Tensor& logits) {
  if (options_.cancelled && options_.cancelled()) {
    if (first_done_ == 0) first_done_ = steady_seconds();
    end("cancelled");
    return;
  }
  // Own values: a grammar and biases write over them.
  torch::Tensor own = logits.to(torch::kFloat32).flatten().clone();
  if (!std::isfinite(own.max().item<float>()))
    throw model_error("gives values that are no numbers", model_.path.string(),
                      "a weight is damaged, or too large for its type: try --dtype f32");
  torch::Tensor log_p;
  if (options_.log_probabilities) log_p = own.log_softmax(-1);
  const std::span<float> scores(own.data_ptr<float>(), static_cast<std::size_t>(own.numel()));
  constraint_.mask(scores);
  const int id = conclusion_.next(sampler_.pick(scores, answer_.tokens), answer_.tokens);
  if (first_done_ == 0) first_done_ = steady_seconds();
  const auto& stops = model_.stop_ids;
  if (!options_.ignore_eos && std::find(stops.begin(), stops.end(), id) != stops.end()) {
    end("stop");
    return;
  }
  answer_.tokens.push_back(id);
  if (log_p.defined()) answer_.log_probabilities.push_back(log_p[id].item<double>());
  emit(stop_text_.push(stream_.push(id)));
  constraint_.accept(id);
  if (stop_text_.stopped() || constraint_.complete()) {
    end("stop");
  } else if (!options_.ignore_eos && loops(answer_.tokens)) {
    answer_.warnings.push_back("loop");
    open_ = false;
  } else if (static_cast<int>(answer_.tokens.size()) >= most_) {
    open_ = false;
  }
}

Answer AnswerWriter::finish() {
  emit(stop_text_.push(stream_.flush()));
  emit(stop_text_.flush());
  if (answer_.finish_reason == "length" && answer_.warnings.empty() && !options_.ignore_eos)
    answer_.warnings.push_back("length");
  if (constraint_.unfinished()) answer_.warnings.push_back("unfinished");
  answer_.prefill_ms = (first_done_ - start_) * 1e3;
  answer_.decode_ms = (steady_seconds() - first_done_) * 1e3;
  return std::move(answer_);
}

}  // namespace af2
