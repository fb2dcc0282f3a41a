// AF-CLAP as users meet it: vectors of clips and texts in one space, compared by their cosine.
//
// The same samples give the same vector, bit for bit, at any thread count and whatever else is asked for.
// Constant after loading and shared; hides torch. Not for answers (af2/generate/engine.h) nor for collections
// on disk. Thread rule: constant, may be shared.
//
//   ClapEngine clap = ClapEngine::load("", {});
//   Vector dog = clap.text("a dog barks"), clip = clap.audio(decode_file("a.wav", clap.decode_options()));
//   float near = cosine(dog, clip);
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "af2/audio/decode.h"
#include "af2/model/clap_config.h"

namespace af2 {

struct ClapEngineOptions {
  int threads = 0;            // of the tensor library; 0: all cores
  std::string dtype = "f32";  // of matrix products: f32, bf16, auto
  std::optional<std::uint64_t> crop_seed =
      {};                                 // crops of long clips drawn, not in the middle of their thirds
  std::filesystem::path text_model = {};  // folder with spiece.model, for a published checkpoint
  std::string generation = {};            // of a published checkpoint whose files do not tell
};

using Vector = std::vector<float>;  // [joint], of length 1

// Product of two vectors of length 1, summed in double in the order of their elements.
float cosine(std::span<const float> a, std::span<const float> b);

class ClapEngine {
 public:
  // `model` as find_clap (af2/generate/clap_folder.h). Throws kUser, kData, kModel, kResource.
  static ClapEngine load(const std::string& model, const ClapEngineOptions& options);
  // Where the AF-CLAP of a model lies, if it has one: `model` itself, a folder in it, or a .pt file.
  static std::optional<std::filesystem::path> find(const std::filesystem::path& model);

  const ClapModelConfig& config() const;
  const std::filesystem::path& folder() const;
  const std::vector<std::string>& surplus() const;
  // The file of its weights.
  std::filesystem::path weights_file() const;
  // Type of matrix products, f32 or bf16: what auto came to.
  const char* dtype() const;
  int size() const { return config().joint_dim; }  // of a vector
  // Weights of the audio and of the text tower with their projections, without a language model's token rows.
  std::pair<std::int64_t, std::int64_t> n_parameters() const;
  // How to decode files for this model: rate, channels mixed before resampling, no limit of length.
  DecodeOptions decode_options() const;

  // A clip of any length: short ones repeated to a window, long ones by the fusion path, or, where the tower
  // has none, the mean of what its windows pool to. Throws kData without samples.
  Vector audio(std::span<const float> samples) const;
  // One vector for each stretch of `window_s` every `hop_s` seconds; the last one ends where the clip ends.
  // window_s is at most the model's window. Throws kUser, kData.
  struct Stretch {
    double start_s = 0, end_s = 0;
    Vector vector;
  };
  std::vector<Stretch> stretches(std::span<const float> samples, double window_s, double hop_s) const;
  // Throws kUser for windows and hops that stretches() cannot take.
  void check_stretches(double window_s, double hop_s) const;
  // One vector for each of `parts`, none longer than the model's window: the same as of each alone. Throws
  // kData.
  std::vector<Vector> windows(const std::vector<std::span<const float>>& parts) const;
  // As many windows, or texts, as go through the tower at once.
  static constexpr std::size_t kAtOnce = 4;
  // A text; one longer than the tower's 77 tokens is cut (text_is_cut tells).
  Vector text(std::string_view text) const;
  // The same of each of many, sooner where texts are padded to one length.
  std::vector<Vector> texts(const std::vector<std::string>& all) const;
  bool text_is_cut(std::string_view text) const;
  std::vector<int> tokens(std::string_view text) const;  // without the end token
  // exp of the learned scale: cosines times this are logits.
  double logit_scale() const;

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

}  // namespace af2
