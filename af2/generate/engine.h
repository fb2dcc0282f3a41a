// Engine and Session: a loaded model, and one conversation with a clip.
//
// The engine is constant after loading and shared; a session holds what changes. The audio's cross-attention
// keys and values are computed once per clip (Memory, a value) and used for every token. Hides torch. Thread
// rule: Engine and Memory are constant and may be shared; a Session belongs to one thread.
//
//   Engine engine = Engine::load(find_model_folder(""), {});
//   Memory memory = engine.listen(decode_file("dog.wav"));
//   Answer answer = engine.answer(memory, "what do you hear?", {}, [](std::string_view text) { print(text);
//   });
#pragma once

#include <climits>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "af2/audio/decode.h"
#include "af2/audio/windows.h"
#include "af2/generate/sampling.h"
#include "af2/model/af2_config.h"
#include "af2/text/grammar.h"

namespace af2 {

struct EngineOptions {
  int threads = 0;      // of the tensor library; 0: all cores
  int max_windows = 0;  // 0: the model's own cap
  // Of a published checkpoint only: folder of its base language model (else looked for beside it), and its
  // generation where the files do not tell (2025-03, 2025-06).
  std::filesystem::path base_lm = {};
  std::string generation = {};
  // Matrix products: "f32", "bf16", or "auto" (bf16 where the device has it); "" is "f32" on the CPU and
  // "auto" on a GPU. In bf16 the tower's and the audio transformer's weights are kept in bfloat16; the
  // language model's stay as they are stored, but for the layers on a GPU.
  std::string dtype = {};
  std::string device = "cpu";           // as find_device (model/device.h)
  int gpu_layers = kLayersFit;          // of the language model, the first ones; kAllLayers or more: all
  bool language_alone = false;          // a GGUF file or Hugging Face folder will do: for Engine::nothing()
  std::optional<double> contrast = {};  // in place of the model's TextConfig::contrast
  // The CPU is treated as if it were a GPU (model/placement.h): for tests.
  bool cpu_as_gpu = false;

  static constexpr int kLayersFit = -1;  // as many as the memory takes
  static constexpr int kAllLayers = INT_MAX;
};

// Where a model runs.
struct EngineDevice {
  std::string name = "cpu";
  int n_layers = 0;           // of the language model there, if it is no CPU
  std::string dtype = "f32";  // of the products there: f32, bf16
};

// What a clip became: its memory's cross-attention keys and values (or what stands before the text), and what
// was heard of it.
class Memory {
 public:
  const WindowReport& report() const;
  double encode_ms() const;

 private:
  friend class Engine;
  struct Data;
  std::shared_ptr<const Data> data_;
};

struct AnswerOptions {
  int max_new_tokens = 256;
  SamplingOptions sampling;
  int beams = 1;  // more: beam search (generate/beams.h), which draws nothing and streams at its end
  bool ignore_eos = false;               // write all max_new_tokens, for exact replays
  std::vector<std::string> stop = {};    // texts that end the answer; not part of it
  bool log_probabilities = false;        // of every token
  std::function<bool()> cancelled = {};  // asked before every token; true ends the answer ("cancelled")
  // What the whole answer obeys, unless it is cut ("unfinished"). Not with beams or ignore_eos.
  std::shared_ptr<const Grammar> grammar = {};
};

struct Answer {
  std::string text;
  std::string finish_reason;  // stop, length, cancelled
  std::vector<int> tokens;    // without the stop token
  std::vector<double>
      log_probabilities;  // of the tokens, where asked for: of the model, before temperature and cuts
  std::vector<std::string> warnings;  // prompt_cut, length, loop, unfinished (of a grammar)
  int prompt_tokens = 0, prompt_tokens_cut = 0;
  double prefill_ms = 0, decode_ms = 0;  // decode_ms: from the first token's end to the last's
};

// What answer_all is asked: Engine::question makes it of words.
struct Question {
  Memory memory;
  std::vector<int> ids;
  int prompt_tokens_cut = 0;
  AnswerOptions options = {};
  std::function<void(std::string_view)> on_text = {};
};

// How likely a given answer is: of all answers that could be written, and among the given ones.
struct Choice {
  std::string text;
  double log_probability = 0;
  double share = 0;
};

// Of the language model alone: exp of the mean negative log-probability of a token after those before it.
struct Perplexity {
  double value = 0;
  int n_tokens = 0;  // that were predicted
};

// The one with the greatest log-probability; `choices` must not be empty.
const Choice& likeliest(const std::vector<Choice>& choices);

// Stages of `af2 features`.
enum class FeatureLayer { kWaveform, kLogmel, kTower, kMemory, kLogits };
FeatureLayer feature_layer(const std::string& name);  // throws kUser

struct Feature {
  std::vector<std::int64_t> shape;
  std::vector<float> values;  // row-major
};

// The folder of a model by path or installed name; "" is AF2_MODEL or the bundled one. Throws kUser.
std::filesystem::path find_model_folder(const std::string& name);

// "libtorch 2.13.0, cpu": for --version.
std::string tensor_library();

class Engine {
 public:
  // Throws kUser, kData, kModel, kResource: see model_folder.h, find_device. All functions below throw
  // kResource when a GPU's memory does not suffice.
  static Engine load(const std::filesystem::path& folder, const EngineOptions& options);

  const Af2Config& config() const;
  const EngineDevice& device() const;
  const std::filesystem::path& folder() const;
  // Tensors of the files that the model does not use.
  const std::vector<std::string>& surplus() const;
  // Parameters of the language model, and of tower, audio transformer and cross-attention together.
  std::pair<std::int64_t, std::int64_t> n_parameters() const;
  // How to decode files for this model: rate, channels, and no more than the window cap needs.
  DecodeOptions decode_options() const;

  // Window by window through the tower, then the audio transformer over all of them. Throws kData.
  Memory listen(const Clip& clip) const;
  // No clip at all: the language model alone, without its cross-attention.
  Memory nothing() const;
  // Bytes of weights that one further token reads, as they are stored: `with_audio` or by the language model
  // alone.
  std::int64_t token_bytes(bool with_audio) const;
  // Answers `prompt` about the clip. `on_text` gets whole characters as they are decided.
  Answer answer(const Memory& memory, std::string_view prompt, const AnswerOptions& options,
                const std::function<void(std::string_view)>& on_text = {}) const;
  // The same after given token ids instead of a prompt.
  Answer answer_tokens(const Memory& memory, const std::vector<int>& ids, const AnswerOptions& options,
                       const std::function<void(std::string_view)>& on_text = {}) const;
  Question question(const Memory& memory, std::string_view prompt, const AnswerOptions& options,
                    const std::function<void(std::string_view)>& on_text = {}) const;
  // Several answers at once, about any clips, in the order of the questions: each token of all of them reads
  // the weights once. Each answer is what it is alone, bit for bit. Throws as answer(); nothing is
  // returned then.
  std::vector<Answer> answer_all(const std::vector<Question>& questions) const;
  // Sum of log-probabilities of `continuation` (and the end of the answer) after `prompt`.
  double score(const Memory& memory, std::string_view prompt, std::string_view continuation) const;
  // Of `text` in pieces of `chunk` tokens, each predicted from its second token on, without any sound: read
  // at once as a prompt is, or token by token as answers are written. Throws kUser, kData for too short a
  // text.
  Perplexity perplexity(std::string_view text, int chunk = 512, bool written = false) const;
  // The answers `choices` to a question, in their order, after the prompt that lists them (text/prompt.h
  // with_choices). Throws kUser as with_choices.
  std::vector<Choice> choose(const Memory& memory, std::string_view question,
                             const std::vector<std::string>& choices) const;
  // After a prompt that ends in their list; where TextConfig::plain_choices, the mean of that and of the
  // question alone. A prompt that ends in no such list is weighed as it is. With TextConfig::contrast what
  // the answers would be worth unheard counts against them.
  std::vector<Choice> weigh_listed(const Memory& memory, std::string_view prompt,
                                   const std::vector<std::string>& choices) const;
  // The same after a prompt as it is. Each answer counts in all ways it may be written (choice_answers), at
  // once or after the lead that the model writes (TextConfig::lead). The prompt runs once, the answers side
  // by side. Throws kUser without choices.
  std::vector<Choice> weigh(const Memory& memory, std::string_view prompt,
                            const std::vector<std::string>& choices) const;

  // [W, samples], [W, F, M], [W, S, D], [W*S, D], [T, vocab]. `ids` only for kLogits: all positions of them.
  Feature feature(const Clip& clip, FeatureLayer layer, const std::vector<int>& ids) const;
  std::vector<int> prompt_ids(std::string_view prompt) const;
  // The text of one token, "\ufffd" for half a character.
  std::string token_text(int id) const;
  // Of `--logit-bias`, for SamplingOptions: see parse_logit_bias (generate/constraint.h). Throws kUser.
  std::pair<int, double> logit_bias(const std::string& text) const;

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

}  // namespace af2
