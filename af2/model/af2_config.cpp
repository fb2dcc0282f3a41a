#include "af2/model/af2_config.h"

#include <fmt/format.h>

#include <numeric>

#include "af2/core/error.h"
#include "af2/core/options.h"

namespace af2 {
namespace {

void require(bool ok, const std::string& what, const std::string& where, const std::string& key) {
  if (!ok) throw user_error(what, where + " key " + key, "correct the value");
}

// Bounds far beyond any real model: what lies outside is a damaged file, and would be a division by zero or
// a request for all memory.
struct Bounds {
  const std::string& where;

  void in(double value, double least, double most, const std::string& key) const {
    require(value >= least && value <= most, fmt::format("{:g} is not from {:g} to {:g}", value, least, most),
            where, key);
  }
};

void check_bounds(const Af2Config& c, const std::string& where) {
  const Bounds check{where};
  constexpr double kWidth = 1 << 16, kDepth = 1024;
  check.in(c.audio.sample_rate, 1000, 1e6, "audio.sample_rate");
  check.in(c.audio.window_seconds, 0.01, 3600, "audio.window_seconds");
  check.in(c.audio.window_seconds * c.audio.sample_rate, 1, 1e8, "audio.window_seconds");
  check.in(c.audio.max_windows, 1, 1e6, "audio.max_windows");
  check.in(c.audio.n_fft, 2, kWidth, "audio.n_fft");
  check.in(c.audio.hop, 1, kWidth, "audio.hop");
  check.in(c.audio.n_mels, 1, 4096, "audio.n_mels");
  check.in(c.audio.f_min, 0, c.audio.sample_rate, "audio.f_min");
  check.in(c.audio.f_max, c.audio.f_min, c.audio.sample_rate, "audio.f_max");
  check.in(c.audio.mel_rate, 0, 1e6, "audio.mel_rate");
  check.in(static_cast<double>(c.clap.depths.size()), 1, 8, "clap.depths (stages)");
  for (const int depth : c.clap.depths) check.in(depth, 0, kDepth, "clap.depths");
  for (const int heads : c.clap.heads) check.in(heads, 1, kWidth, "clap.heads");
  check.in(c.clap.embed_dim, 1, 8192, "clap.embed_dim");
  check.in(c.clap.spec_size, 1, 8192, "clap.spec_size");
  check.in(c.clap.patch, 1, c.clap.spec_size, "clap.patch");
  check.in(c.clap.window, 1, 256, "clap.window");
  check.in(c.clap.mlp_ratio, 0.001, 64, "clap.mlp_ratio");
  check.in(c.clap.drop_path, 0, 1, "clap.drop_path");
  check.in(c.clap.stem_frames, 0, 1e6, "clap.stem_frames");
  check.in(static_cast<double>(c.clap.stem.size()), 0, 64, "clap.stem (layers)");
  for (const StemLayer& layer : c.clap.stem) {
    check.in(layer.channels, 1, kWidth, "clap.stem.channels");
    check.in(layer.stride, 1, 16, "clap.stem.stride");
    check.in(layer.pool_mel, 1, 64, "clap.stem.pool_mel");
    check.in(layer.pool_time, 1, 64, "clap.stem.pool_time");
  }
  check.in(c.audio_transformer.layers, 0, kDepth, "audio_transformer.layers");
  check.in(c.audio_transformer.heads, 1, kWidth, "audio_transformer.heads");
  check.in(c.audio_transformer.dropout, 0, 1, "audio_transformer.dropout");
  check.in(c.xattn.every, 1, kDepth, "xattn.every");
  check.in(c.xattn.ff_mult, 0.001, 64, "xattn.ff_mult");
  check.in(c.xattn.heads, 1, 1024, "xattn.heads");
  check.in(c.xattn.dim_head, 1, 4096, "xattn.dim_head");
  check.in(c.text.contrast, 0, 1000, "text.contrast");
  check.in(c.lm.n_layers, 1, kDepth, "lm.n_layers");
  check.in(c.lm.dim, 1, kWidth, "lm.dim");
  check.in(c.lm.n_heads, 1, 1024, "lm.n_heads");
  check.in(c.lm.n_kv_heads, 1, c.lm.n_heads, "lm.n_kv_heads");
  check.in(c.lm.head_dim, 1, 4096, "lm.head_dim");
  check.in(c.lm.ffn_dim, 1, 1 << 20, "lm.ffn_dim");
  check.in(c.lm.vocab, 1, 1 << 23, "lm.vocab");
  check.in(c.lm.context, 1, 1 << 26, "lm.context");
  check.in(c.lm.rope_theta, 1, 1e12, "lm.rope_theta");
  check.in(c.lm.rms_eps, 0, 1, "lm.rms_eps");
}

// The patch goes over the config file.
void apply_architecture(const Json& patch, Json& file) {
  if (!patch.is_object()) throw user_error("must be a table of keys of config.json", "architecture");
  const auto names = [&](const char* part, const char* key) {
    return patch.contains(part) && patch[part].is_object() && patch[part].contains(key);
  };
  const char* own = patch.contains("lm") ? "lm" : names("text", "added") ? "text.added" : nullptr;
  if (own)
    throw user_error("belongs to the language model, which stays as it is",
                     std::string("architecture key ") + own, "leave it out, or train another model folder");
  file.merge_patch(patch);
  if (!names("xattn", "file") && file.contains("xattn") && file["xattn"].is_object())
    file["xattn"].erase("file");
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
  require(audio.mel_scale == "htk" || audio.mel_scale == "slaney", "must be htk or slaney", where,
          "audio.mel_scale");
  check_bounds(*this, where);
  require(audio.window_samples() > audio.n_fft / 2, "is not longer than half of n_fft", where,
          "audio.window_seconds");
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
  require(!clap.fusion || clap.stem.empty(), "the fusion path belongs to the patch projection, not to a stem",
          where, "clap.fusion");
  if (!clap.stem.empty()) {
    require(clap.stem_mel_stride() == clap.patch, "strides and pools along mel do not multiply to the patch",
            where, "clap.stem");
    require(clap.grid() * (clap.spec_size / audio.n_mels) * clap.stem_time_stride() == clap.frames(audio),
            "strides and pools along time do not turn the frames into the grid's steps", where,
            "clap.stem_frames");
  }
  if (clap.cells.bands > 0) {
    const StemTokensConfig& cells = clap.cells;
    const int t = clap.stem.empty() ? 0 : clap.frames(audio) / clap.stem_time_stride();
    require(!clap.stem.empty(), "statistics are of a stem", where, "clap.stem");
    require(clap.stem.empty() || (audio.n_mels / clap.stem_mel_stride()) % cells.bands == 0,
            "the stem's rows do not divide into these bands", where, "clap.cells.bands");
    require(cells.steps > 0 && t % cells.steps == 0, "the stem's columns do not divide into these steps",
            where, "clap.cells.steps");
    require(cells.span > 0 && cells.span % 2 == 1, "must be an odd number", where, "clap.cells.span");
    require(cells.context > 0 && cells.moment > 0, "must be above 0", where, "clap.cells.context or moment");
  }
  require(audio_transformer.layers == 0 || clap.out_dim() % audio_transformer.heads == 0,
          "tower width is not a multiple of the heads", where, "audio_transformer.heads");
  require(audio_transformer.rotary == "on" || audio_transformer.rotary == "off" ||
              audio_transformer.rotary == "heads_noop",
          "must be on, heads_noop or off", where, "audio_transformer.rotary");
  require(conditioning == "xattn" || conditioning == "prefix", "must be xattn or prefix", where,
          "conditioning");
  require(audio_feature == "tokens" || audio_feature == "head", "must be tokens or head", where,
          "audio_feature");
  require(!has_prefix() || xattn.file.empty(), "a model with conditioning prefix has no cross-attention",
          where, "xattn.file");
  require(!has_prefix() || audio_tokens_per_window() < lm.context,
          fmt::format("one window's {} audio tokens leave no room in the language model's context of {} "
                      "(lm.context)",
                      audio_tokens_per_window(), lm.context),
          where, "conditioning");
  require(lm.arch == "llama" || lm.arch == "qwen2", "must be llama or qwen2", where, "lm.arch");
  require(lm.n_heads % lm.n_kv_heads == 0, "n_heads is not a multiple of n_kv_heads", where, "lm.n_heads");
}

Af2Config read_af2_config(const std::filesystem::path& path, const Json& architecture) {
  Json file = read_config_file(path);
  if (!architecture.empty()) apply_architecture(architecture, file);
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
