#include "af2/model/af2_config.h"

#include <numeric>

#include "af2/core/error.h"
#include "af2/core/options.h"

namespace af2 {
namespace {

void require(bool ok, const std::string& what, const std::string& where, const std::string& key) {
  if (!ok) throw user_error(what, where + " key " + key, "correct the value");
}

}  // namespace

int ClapConfig::stem_time_stride() const {
  return std::accumulate(stem.begin(), stem.end(), 1, [](int product, const StemLayer& layer) {
    return product * layer.stride * layer.pool_time;
  });
}

int ClapConfig::stem_mel_stride() const {
  return std::accumulate(stem.begin(), stem.end(), 1, [](int product, const StemLayer& layer) {
    return product * layer.stride * layer.pool_mel;
  });
}

void Af2Config::check(const std::string& where) const {
  require(format == "af2" && version == 1, "only format af2, version 1 is known", where, "format");
  require(audio.channels == "mean" || audio.channels == "first", "must be mean or first", where,
          "audio.channels");
  require(audio.sample_rate > 0 && audio.hop > 0 && audio.window_seconds > 0, "must be positive", where,
          "audio");
  require(audio.max_windows > 0, "must be at least 1", where, "audio.max_windows");
  require(!clap.depths.empty() && clap.depths.size() == clap.heads.size(),
          "depths and heads differ in length", where, "clap.depths");
  require(clap.spec_size % clap.patch == 0 && clap.spec_size % audio.n_mels == 0,
          "must be a multiple of the patch and of the mel bands", where, "clap.spec_size");
  const int halvings = static_cast<int>(clap.depths.size()) - 1;
  require(clap.out_grid() << halvings == clap.grid(), "grid does not halve evenly", where, "clap.depths");
  require(clap.out_grid() % (clap.spec_size / audio.n_mels) == 0, "too few rows for the folded quarters",
          where, "clap.spec_size");
  for (std::size_t i = 0; i < clap.heads.size(); ++i)
    require(clap.heads[i] > 0 && (clap.embed_dim << i) % clap.heads[i] == 0,
            "width is not a multiple of the heads", where, "clap.heads");
  require(clap.stem_input == "db" || clap.stem_input == "log1p", "must be db or log1p", where,
          "clap.stem_input");
  if (!clap.stem.empty()) {
    for (const StemLayer& layer : clap.stem)
      require(layer.channels > 0 && layer.stride > 0 && layer.pool_mel > 0 && layer.pool_time > 0,
              "must be positive", where, "clap.stem");
    require(clap.stem_mel_stride() == clap.patch, "strides and pools along mel do not multiply to the patch",
            where, "clap.stem");
    require(clap.grid() * (clap.spec_size / audio.n_mels) * clap.stem_time_stride() == clap.frames(audio),
            "strides and pools along time do not turn the frames into the grid's steps", where,
            "clap.stem_frames");
  }
  require(audio_transformer.layers >= 0 && clap.out_dim() % audio_transformer.heads == 0,
          "tower width is not a multiple of the heads", where, "audio_transformer.heads");
  require(audio_transformer.rotary == "on" || audio_transformer.rotary == "off" ||
              audio_transformer.rotary == "heads_noop",
          "must be on, heads_noop or off", where, "audio_transformer.rotary");
  require(xattn.every > 0 && xattn.heads > 0 && xattn.dim_head > 0, "must be positive", where, "xattn");
  require(lm.arch == "llama" || lm.arch == "qwen2", "must be llama or qwen2", where, "lm.arch");
  require(lm.n_kv_heads > 0 && lm.n_heads % lm.n_kv_heads == 0, "n_heads is not a multiple of n_kv_heads",
          where, "lm.n_heads");
}

Af2Config read_af2_config(const std::filesystem::path& path) {
  const Json file = read_config_file(path);
  Af2Config config;
  from_json(file, config, path.string());
  if (!config.text.conclusion.empty()) {
    // Longer limits where the file gives none (docs/spec/model.md section 8).
    Af2Config longer;
    longer.text.max_prompt_tokens = longer.generation.max_new_tokens = 1024;
    from_json(file, longer, path.string());
    config = longer;
  }
  config.check(path.string());
  return config;
}

}  // namespace af2
