#include "af2/model/clap_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/options.h"

namespace af2 {
namespace {

constexpr double kWidth = 1 << 16;

}  // namespace

int ClapModelConfig::map_rows() const {
  return statistics.bands > 0 ? 1 : audio.n_mels / tower.stem_mel_stride();
}

int ClapModelConfig::map_columns() const {
  const int heard = tower.frames(audio) / tower.stem_time_stride();
  return statistics.bands > 0 ? std::min(heard, StemStatisticsConfig::kSteps) : heard;
}

void ClapModelConfig::check(const std::string& where) const {
  const auto require = [&](bool ok, const std::string& what, const std::string& key) {
    if (!ok) throw user_error(what, where + " key " + key, "correct the value");
  };
  const auto in = [&](double value, double least, double most, const std::string& key) {
    require(value >= least && value <= most, fmt::format("{:g} is not from {:g} to {:g}", value, least, most),
            key);
  };
  require(format == "af2-clap" && version == 1, "only format af2-clap, version 1 is known", "format");
  // Sound and tower obey the rules of a whole model: the rest of one fits by its defaults.
  Af2Config whole;
  whole.audio = audio;
  whole.clap = tower;
  whole.audio_transformer.heads = 1;
  whole.check(where);
  require(tower.file.empty(), "belongs to whole models: AF-CLAP's weights lie beside its config",
          "tower.file");
  in(statistics.bands, 0, 64, "statistics.bands");
  in(statistics.turns, 0, 8, "statistics.turns");
  require(statistics.dropout >= 0 && statistics.dropout < 1, "must be from 0 to below 1",
          "statistics.dropout");
  require(statistics.bands > 0 || statistics.turns == 0, "belongs to statistics.bands", "statistics.turns");
  if (statistics.bands > 0) {
    require(!tower.stem.empty() && !tower.fusion, "needs a tower with a stem and without the fusion path",
            "statistics.bands");
    const int rows = audio.n_mels / tower.stem_mel_stride();
    const std::int64_t columns = tower.frames(audio) / tower.stem_time_stride();
    require(rows % statistics.bands == 0,
            fmt::format("the stem's {} rows cannot be parted into {} bands", rows, statistics.bands),
            "statistics.bands");
    require(columns % StemStatisticsConfig::kSteps == 0 || StemStatisticsConfig::kSteps % columns == 0,
            fmt::format("the stem's {} columns neither divide {} nor are a multiple of it", columns,
                        StemStatisticsConfig::kSteps),
            "statistics.bands");
  }
  in(text.vocab, 1, 1 << 23, "text.vocab");
  in(text.layers, 0, 1024, "text.layers");
  in(text.dim, 1, kWidth, "text.dim");
  in(text.heads, 1, 1024, "text.heads");
  in(text.dim_head, 1, 4096, "text.dim_head");
  in(text.ffn_dim, 1, 1 << 20, "text.ffn_dim");
  in(text.buckets, 4, 4096, "text.buckets");
  require(text.buckets % 4 == 0, "must be a multiple of 4", "text.buckets");
  in(text.max_distance, text.buckets / 4.0 + 1, 1 << 20, "text.max_distance");
  in(text.max_tokens, 2, 4096, "text.max_tokens");
  in(text.pad_id, 0, text.vocab - 1, "text.pad_id");
  in(text.end_id, 0, text.vocab - 1, "text.end_id");
  in(text.lm_dim, 0, kWidth, "text.lm_dim");
  require(text.lm.empty() == (text.lm_dim == 0), "belongs to text.lm, and text.lm to it", "text.lm_dim");
  in(text.turns, 0, 8, "text.turns");
  require(text.turns == 0 || text.pooling == "text", "needs text.pooling text", "text.turns");
  require(text.pooling == "all" || text.pooling == "text", "must be all or text", "text.pooling");
  in(joint_dim, 1, kWidth, "joint_dim");
}

ClapModelConfig read_clap_config(const std::filesystem::path& path) {
  ClapModelConfig config;
  from_json(read_config_file(path), config, path.string());
  config.check(path.string());
  return config;
}

}  // namespace af2
