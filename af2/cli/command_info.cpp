// `af2 info`: what a model, a clip or an index of sounds is.  `af2 features`: any stage of a clip as .npy.
#include <memory>
#include <optional>

#include "af2/cli/clip_flags.h"
#include "af2/cli/index_flags.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"
#include "af2/generate/clap_engine.h"
#include "af2/generate/convert.h"
#include "af2/generate/language_facts.h"
#include "af2/io/npy.h"

namespace af2 {
namespace {

struct InfoFlags {
  ClipFlags clips;
  bool config = false, verify = false;
  std::string perplexity;  // a file of text
};

Json clip_info(const std::string& path, const DecodeOptions& options) {
#ifdef AF2_WITH_SQLITE
  if (is_sound_index(path)) {
    SoundIndex index(path, SoundIndex::Access::kRead);
    return index_facts(index);
  }
#endif
  const Clip clip = decode_file(path, options);
  return {{"path", path},
          {"container", clip.container},
          {"codec", clip.codec},
          {"seconds", clip.file_seconds},
          {"sample_rate", clip.source_rate_hz},
          {"channels", clip.source_channels},
          {"warnings", clip.warnings}};
}

Json model_info(const Engine& engine) {
  const Af2Config& config = engine.config();
  const auto [language, adapter] = engine.n_parameters();
  const std::optional<std::filesystem::path> clap = ClapEngine::find(engine.folder());
  return {{"model", config.name},
          {"folder", engine.folder().string()},
          {"licence", config.licence},
          {"language_model", config.lm.arch + ", " + std::to_string(config.lm.n_layers) + " layers of " +
                                 std::to_string(config.lm.dim)},
          {"parameters_language_model", language},
          {"parameters_tower_and_adapter", adapter},
          {"audio_tokens_per_window", config.audio_tokens_per_window()},
          {"conditioning", config.conditioning},
          {"device", engine.device().name},
          {"layers_on_gpu", engine.device().n_layers},
          {"af_clap", clap ? Json(clap->string()) : Json(nullptr)},
          {"window_seconds", config.audio.window_seconds},
          {"max_audio_seconds", config.audio.window_seconds * config.audio.max_windows}};
}

// A GGUF file or Hugging Face folder: it hears nothing.
Json language_info(const std::filesystem::path& path) {
  const LanguageFacts facts = language_facts(path);
  Json types = Json::object();
  for (const auto& [name, share] : facts.types)
    types[name] = {{"tensors", share.tensors}, {"bytes", share.bytes}};
  const LmConfig& lm = facts.lm;
  return {{"model", facts.name},
          {"kind", "language model alone"},
          {"form", facts.form},
          {"language_model",
           lm.arch + ", " + std::to_string(lm.n_layers) + " layers of " + std::to_string(lm.dim)},
          {"heads", std::to_string(lm.n_heads) + " of " + std::to_string(lm.head_dim) + ", " +
                        std::to_string(lm.n_kv_heads) + " for keys and values"},
          {"feed_forward", lm.ffn_dim},
          {"vocabulary", lm.vocab},
          {"context", lm.context},
          {"tied_output", lm.tied},
          {"parameters", facts.parameters},
          {"types", std::move(types)},
          {"tokenizer", facts.tokenizer}};
}

// An AF-CLAP alone: a folder of af2's own, or a .pt file.
Json clap_info(const std::filesystem::path& path, const ClipFlags& flags) {
  ClapEngineOptions options;
  options.generation = flags.generation;
  const ClapEngine clap = ClapEngine::load(path.string(), options);
  const auto [audio, text] = clap.n_parameters();
  const ClapModelConfig& config = clap.config();
  return {{"model", config.name},
          {"kind", "AF-CLAP"},
          {"folder", clap.folder().string()},
          {"licence", config.licence},
          {"vector", clap.size()},
          {"parameters_audio", audio},
          {"parameters_text", text},
          {"text_tokens", config.text.max_tokens},
          {"window_seconds", config.audio.window_seconds},
          {"long_clips", config.tower.fusion ? "fusion of three crops" : "mean of their windows"}};
}

// Of the language model alone over a text: read as a prompt is, and token by token as answers are written.
Json perplexity_info(const Engine& engine, const std::string& path) {
  const std::string text = read_file(path);
  const Perplexity read = engine.perplexity(text), written = engine.perplexity(text, 512, true);
  return {{"text", path},
          {"tokens", read.n_tokens},
          {"perplexity", read.value},
          {"perplexity_written", written.value}};
}

void print_table(const Json& facts) {
  for (const auto& [key, value] : facts.items())
    print_line(key + "\t" + (value.is_string() ? value.get<std::string>() : value.dump()));
}

int run_info(const InfoFlags& flags) {
  if (!flags.clips.files.empty() || !flags.clips.more_files.empty() || !flags.clips.manifest.empty())
    return for_each_clip(flags.clips, [&](int, const ClipItem& item) {
      if (item.paths.size() > 1) throw user_error("is not for facts about clips", "--join");
      const Json facts = clip_info(item.paths[0], {});
      flags.clips.json ? print_line(facts.dump()) : print_table(facts);
    });
  const std::filesystem::path folder = find_model_folder(flags.clips.model);
  if (is_language_model(folder) && flags.perplexity.empty()) {
    if (flags.config || flags.verify)
      throw user_error("is for whole models", flags.config ? "--config" : "--verify",
                       "without it: the facts about this language model");
    const Json facts = language_info(folder);
    flags.clips.json ? print_line(facts.dump()) : print_table(facts);
    return 0;
  }
  if (flags.verify) {
    const int files = verify_model_folder(folder);
    notice("{}: {} files are what was written", folder.string(), files);
  }
  if (ClapEngine::find(folder) == folder) {
    if (flags.config || !flags.perplexity.empty())
      throw user_error("is not for an AF-CLAP", flags.config ? "--config" : "--perplexity",
                       "without it: the facts about it");
    const Json facts = clap_info(folder, flags.clips);
    flags.clips.json ? print_line(facts.dump()) : print_table(facts);
    return 0;
  }
  const Engine engine = load_engine(flags.clips, !flags.perplexity.empty());
  if (flags.config) {
    Af2Config config = engine.config();
    print_line(to_json(config).dump(flags.clips.json ? -1 : 2));
    return 0;
  }
  const Json facts =
      flags.perplexity.empty() ? model_info(engine) : perplexity_info(engine, flags.perplexity);
  flags.clips.json ? print_line(facts.dump()) : print_table(facts);
  return 0;
}

struct FeatureFlags {
  ClipFlags clips;
  std::string layer, prompt, tokens, out;
};

int run_features(const FeatureFlags& flags) {
  const FeatureLayer layer = feature_layer(flags.layer);
  const std::vector<ClipItem> clips = list_clips(flags.clips);
  if (clips.size() != 1) throw user_error("takes one clip at a time", "af2 features");
  if (flags.clips.long_mode == "scan") throw user_error("is for ask and caption", "--long scan");
  const Engine engine = load_engine(flags.clips);
  const HeardClip heard = read_clip(engine, flags.clips, clips[0]);
  std::vector<int> ids;
  if (!flags.tokens.empty())
    ids = parse_token_list(flags.tokens);
  else if (!flags.prompt.empty())
    ids = engine.prompt_ids(flags.prompt);
  const Feature feature = engine.feature(heard.clip, layer, ids);
  write_npy(flags.out, std::span<const float>(feature.values), feature.shape);
  return 0;
}

}  // namespace

void add_info(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<InfoFlags>();
  CLI::App* verb = app.add_subcommand("info", "facts about a model, clips, or an index of sounds");
  add_clip_flags(*verb, flags->clips);
  verb->add_flag("--config", flags->config, "every setting of the model");
  verb->add_option("--perplexity", flags->perplexity,
                   "a file of text: perplexity of the language model over it, in pieces of 512 tokens");
  verb->add_flag("--verify", flags->verify, "check the files of a converted model against their SHA256SUMS");
  take_flags_from_environment(*verb);
  verb->footer("examples: af2 info | af2 info --json song.mp3 | af2 info sounds.af2");
  verb->callback([flags, &runner] { runner = [flags] { return run_info(*flags); }; });
}

void add_features(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<FeatureFlags>();
  CLI::App* verb = app.add_subcommand("features", "any stage of a clip as a float32 .npy file");
  add_clip_flags(*verb, flags->clips);
  verb->add_option("--layer", flags->layer,
                   "waveform (W, samples), logmel (W, frames, mels), tower (W, tokens, D), "
                   "memory (W*tokens, D) or logits (T, vocabulary)")
      ->required();
  verb->add_option("-p,--prompt", flags->prompt, "for logits: the question");
  verb->add_option("--tokens", flags->tokens, "for logits: prompt as token ids, id,id,…");
  verb->add_option("-o,--out", flags->out, "the .npy file")->required();
  take_flags_from_environment(*verb);
  verb->footer("example: af2 features --layer logmel -o mel.npy dog.wav");
  verb->callback([flags, &runner] { runner = [flags] { return run_features(*flags); }; });
}

}  // namespace af2
