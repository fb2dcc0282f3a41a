#include "af2/model/clap_names.h"

#include <string_view>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

// In the tower, in AF-CLAP. The first that fits counts.
constexpr std::pair<std::string_view, std::string_view> kPrefixes[] = {
    {"clap.nvclap.stem_tokens.norm.", "audio_statistics.norm."},
    {"clap.nvclap.stem_tokens.context.", "audio_projection.0."},
    {"clap.nvclap.", "audio_branch."},
};

}  // namespace

std::string name_in_clap(const std::string& of_tower) {
  for (const auto& [tower, clap] : kPrefixes)
    if (starts_with(of_tower, tower)) return std::string(clap) + of_tower.substr(tower.size());
  return "";
}

std::string name_in_tower(const std::string& of_clap) {
  for (const auto& [tower, clap] : kPrefixes)
    if (starts_with(of_clap, clap)) return std::string(tower) + of_clap.substr(clap.size());
  return "";
}

SafeTensors open_adapter(const std::filesystem::path& folder, const ClapConfig& clap) {
  SafeTensors file = SafeTensors::open(folder);
  if (clap.file.empty()) return file;
  const std::filesystem::path from = folder / clap.file;
  if (!std::filesystem::exists(from))
    throw model_error("is missing: key clap.file of config.json has the tower there", from.string(),
                      "copy the folder with its clap folder");
  const bool by_statistics = clap.cells.bands > 0;
  file.add_lacking(from, [&](const std::string& name) -> std::string {
    const std::string there = name_in_tower(name);
    if (starts_with(there, "clap.nvclap.stem_tokens.") || starts_with(there, "clap.nvclap.layers."))
      return starts_with(there, "clap.nvclap.stem_tokens.") == by_statistics ? there : "";
    return there;
  });
  return file;
}

}  // namespace af2
