// Every size of an Audio Flamingo 2 model, from the shipped mini to the published 3B.
//
// One struct a module, each with a `visit` that names its keys in config.json (docs/spec/interfaces.md
// section 2). Defaults are the published 3B's where model.md gives a number.
// Thread rule: plain values.
//
//   Af2Config config = read_af2_config("models/mini/config.json");
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

// Waveform front end and log-mel (model.md sections 1, 2).
struct AudioConfig {
  int sample_rate = 16000;
  double window_seconds = 10;
  int max_windows = 12;
  std::string channels = "mean";
  int n_fft = 1024;
  int hop = 160;
  int n_mels = 64;
  double f_min = 50;
  double f_max = 8000;
  std::string mel_scale = "htk";
  int mel_rate = 0;

  int window_samples() const { return static_cast<int>(window_seconds * sample_rate); }
  int n_frames() const { return window_samples() / hop + 1; }

  template <class V>
  void visit(V& v) {
    v.field("sample_rate", sample_rate, "Hz");
    v.field("window_seconds", window_seconds, "length of a window");
    v.field("max_windows", max_windows, "windows used from the start of a clip");
    v.field("channels", channels, "mean or first");
    v.field("n_fft", n_fft, "FFT and Hann window, samples");
    v.field("hop", hop, "samples between frames");
    v.field("n_mels", n_mels, "mel bands");
    v.field("f_min", f_min, "lowest mel edge, Hz");
    v.field("f_max", f_max, "highest mel edge, Hz");
    v.field("mel_scale", mel_scale, "htk, or slaney: that scale, and filters of equal area");
    v.field("mel_rate", mel_rate, "Hz for which the filters are laid out; 0: sample_rate");
  }
};

// One convolution of the stem: 3x3, padding 1, BatchNorm, ReLU; then, where asked for, the maximum over
// `pool_mel` bands and `pool_time` frames.
struct StemLayer {
  int channels = 64;
  int stride = 2;
  int pool_mel = 1, pool_time = 1;
  template <class V>
  void visit(V& v) {
    v.field("channels", channels, "output channels");
    v.field("stride", stride, "1 or 2");
    v.field("pool_mel", pool_mel, "bands of which the greatest value stays");
    v.field("pool_time", pool_time, "frames of which the greatest value stays");
  }
};

// Tokens of a tower whose stem is all that it has of blocks (af2/model/stem_tokens.h).
struct StemTokensConfig {
  int bands = 0;
  int steps = 64;
  int span = 7;
  int context = 256;
  int moment = 128;

  int width() const { return context + moment; }

  template <class V>
  void visit(V& v) {
    v.field("bands", bands,
            "of frequency that the stem's means are taken in; 0: the Swin stages make the tokens");
    v.field("steps", steps, "of time in a window, each a token");
    v.field("span", span, "steps around each whose statistics AF-CLAP's map sees, an odd number");
    v.field("context", context, "width of what that map tells: of AF-CLAP's joint space");
    v.field("moment", moment, "width of what is told of the step alone");
  }
};

// HTSAT (model.md section 3). `stem` empty: the published patch projection; else convolutions over the
// unfolded spectrogram before the same fold: strides and pools multiply to `patch` along mel, and along time
// they make grid() * folds steps of `stem_frames` frames. Channels other than embed_dim get a projection
// after the fold.
struct ClapConfig {
  int embed_dim = 256;
  std::vector<int> depths = {2, 2, 12, 2};
  std::vector<int> heads = {4, 8, 16, 32};
  int spec_size = 256;
  int patch = 4;
  int window = 8;
  double mlp_ratio = 4;
  double drop_path = 0.1;
  std::vector<StemLayer> stem;
  int stem_frames = 0;
  std::string stem_input = "db";
  bool fusion = false;
  StemTokensConfig cells;
  std::string file;

  int out_dim() const { return cells.bands > 0 ? cells.width() : embed_dim << (depths.size() - 1); }
  int grid() const { return spec_size / patch; }
  int out_grid() const { return grid() >> (depths.size() - 1); }
  int tokens_per_window() const { return cells.bands > 0 ? cells.steps : out_grid() * out_grid(); }
  // Time steps and frequency bins of the output tokens of a window.
  int time_steps(const AudioConfig& audio) const {
    return cells.bands > 0 ? cells.steps : out_grid() * (spec_size / audio.n_mels);
  }
  // Frames that the log-mel is resized to, and what the stem divides them and the bands by.
  int frames(const AudioConfig& audio) const {
    return stem_frames > 0 ? stem_frames : spec_size * (spec_size / audio.n_mels);
  }
  int stem_time_stride() const;
  int stem_mel_stride() const;

  template <class V>
  void visit(V& v) {
    v.field("embed_dim", embed_dim, "width of the first stage");
    v.field("depths", depths, "blocks of each stage");
    v.field("heads", heads, "attention heads of each stage");
    v.field("spec_size", spec_size, "side of the folded spectrogram");
    v.field("patch", patch, "side of a patch");
    v.field("window", window, "side of an attention window");
    v.field("mlp_ratio", mlp_ratio, "hidden over width");
    v.field("drop_path", drop_path, "stochastic depth of the last block, in training");
    v.field("stem", stem, "convolutions instead of the patch projection");
    v.field("stem_frames", stem_frames, "frames of a window that the stem sees; 0: as the patch projection");
    v.field("stem_input", stem_input, "db, or log1p: log(1 + power) of the normalised bands");
    v.field("fusion", fusion, "with the path for clips longer than a window (AF-CLAP alone)");
    v.field("cells", cells, "tokens as statistics of the stem in time, in place of the Swin stages");
    v.field(
        "file", file,
        "weights of AF-CLAP (clap/model.safetensors), which the tower has its tensors of that the model's "
        "own file lacks");
  }
};

// Audio transformer (model.md section 5). Without layers there is none: the tower's tokens are the memory.
struct AudioTransformerConfig {
  int layers = 3;
  int heads = 8;
  std::string rotary = "on";  // on, heads_noop (first generation, section 12), off
  double dropout = 0.1;

  template <class V>
  void visit(V& v) {
    v.field("layers", layers, "transformation layers; 0: no audio transformer");
    v.field("heads", heads, "attention heads");
    v.field("rotary", rotary, "on, heads_noop (March 2025 weights) or off");
    v.field("dropout", dropout, "attention dropout, in training");
  }
};

// Gated cross-attention (model.md section 6).
struct XattnConfig {
  int every = 1;
  double ff_mult = 4;
  int heads = 8;
  int dim_head = 64;
  std::string file;  // GGUF beside config.json that holds the matrices; "": they are in the safetensors

  template <class V>
  void visit(V& v) {
    v.field("file", file, "GGUF file beside the config that holds the matrices, instead of the safetensors");
    v.field("every", every, "a block before each n-th decoder layer");
    v.field("ff_mult", ff_mult, "feed-forward width over LM width");
    v.field("heads", heads, "attention heads");
    v.field("dim_head", dim_head, "width of a head");
  }
};

// The language model (model.md section 7): arch "qwen2" has q/k/v biases, "llama" has not.
struct LmConfig {
  std::string arch = "qwen2";
  std::string file;  // GGUF beside config.json, "" when the weights are in safetensors
  int n_layers = 36;
  int dim = 2048;
  int n_heads = 16;
  int n_kv_heads = 2;
  int head_dim = 128;
  int ffn_dim = 11008;
  int vocab = 151669;
  int context = 32768;
  double rope_theta = 1e6;
  double rms_eps = 1e-6;
  bool tied = true;
  bool added_head = false;

  template <class V>
  void visit(V& v) {
    v.field("arch", arch, "qwen2 or llama");
    v.field("file", file, "GGUF file beside the config, which then gives the sizes below");
    v.field("n_layers", n_layers, "decoder layers");
    v.field("dim", dim, "width");
    v.field("n_heads", n_heads, "query heads");
    v.field("n_kv_heads", n_kv_heads, "key and value heads");
    v.field("head_dim", head_dim, "width of a head");
    v.field("ffn_dim", ffn_dim, "feed-forward width");
    v.field("vocab", vocab, "rows of the embedding");
    v.field("context", context, "longest sequence, tokens");
    v.field("rope_theta", rope_theta, "rotary base");
    v.field("rms_eps", rms_eps, "RMSNorm epsilon");
    v.field("tied", tied, "output projection is the embedding");
    v.field("added_head", added_head, "not tied: the added tokens have output rows of their own");
  }
};

// Prompting (model.md section 8).
struct TextConfig {
  bool lowercase = true;
  int max_prompt_tokens = 512;
  std::string sep = "<SEP>";
  std::vector<std::string> added = {"<audio>", "<|endofchunk|>", "<|PAD_TOKEN|>", "<SEP>"};
  std::vector<std::string> stop = {"<|endofchunk|>", "<|endoftext|>"};
  std::string lead, conclusion;
  bool plain_choices = false;
  double contrast = 0;

  template <class V>
  void visit(V& v) {
    v.field("lowercase", lowercase, "questions are lower-cased");
    v.field("max_prompt_tokens", max_prompt_tokens, "longer prompts are cut, and reported");
    v.field("sep", sep, "token between question and answer");
    v.field("added", added, "tokens appended to the LM's vocabulary, in order");
    v.field("stop", stop, "tokens that end an answer");
    v.field(
        "lead", lead,
        "ends what the model writes before a verdict, as in \"a dog barking: yes\"; \"\": it writes none");
    v.field("conclusion", conclusion,
            "of a chain-of-thought model: an answer that stops without these words is continued behind them");
    v.field("plain_choices", plain_choices,
            "given answers are weighed after the question without their list too");
    v.field("contrast", contrast,
            "how much what would be said without the clip counts against it (generate/contrast.h); 0: not");
  }
};

struct GenerationConfig {
  int max_new_tokens = 256;
  double temperature = 0;

  template <class V>
  void visit(V& v) {
    v.field("max_new_tokens", max_new_tokens, "longest answer");
    v.field("temperature", temperature, "0 is greedy");
  }
};

struct Af2Config {
  std::string format = "af2";
  int version = 1;
  std::string name = "af2";
  LmConfig lm;
  ClapConfig clap;
  AudioTransformerConfig audio_transformer;
  XattnConfig xattn;
  std::string conditioning = "xattn";
  std::string audio_feature = "tokens";
  AudioConfig audio;
  TextConfig text;
  GenerationConfig generation;
  std::string licence;

  // Whether the audio tokens stand before the text, instead of being attended to by blocks between the
  // layers.
  bool has_prefix() const { return conditioning == "prefix"; }
  // What a window gives to the language model (ClapConfig::tokens_per_window is what the tower gives), and
  // the steps of time among it.
  int audio_tokens_per_window() const { return audio_feature == "head" ? 1 : clap.tokens_per_window(); }
  int audio_time_steps() const { return audio_feature == "head" ? 1 : clap.time_steps(audio); }

  // Throws kUser, naming the key, when sizes do not fit together.
  void check(const std::string& where) const;

  template <class V>
  void visit(V& v) {
    v.field("format", format, "af2");
    v.field("version", version, "of this file's form");
    v.field("name", name, "what the model is called in replies");
    v.field("lm", lm, "language model");
    v.field("clap", clap, "AF-CLAP audio tower");
    v.field("audio_transformer", audio_transformer, "layers over the audio tokens of a clip");
    v.field("xattn", xattn, "gated cross-attention");
    v.field("conditioning", conditioning,
            "xattn, or prefix: the audio tokens stand before the text, and there is no cross-attention");
    v.field("audio_feature", audio_feature,
            "tokens of the tower, or head: the mean of a window's tokens as its only one");
    v.field("audio", audio, "waveform and log-mel");
    v.field("text", text, "prompt form");
    v.field("generation", generation, "decoding defaults");
    v.field("licence", licence, "of the weights");
  }
};

// Reads and checks a config.json (or .yaml). `architecture` is a JSON merge patch over the file (empty: none;
// a null takes a key back to its default): another network around the same language model. Throws kUser for a
// patch that names `lm` or `text.added`; one that leaves out `xattn.file` drops it, as that file holds the
// matrices of the unchanged network.
Af2Config read_af2_config(const std::filesystem::path& path, const Json& architecture = {});

}  // namespace af2
