#include "af2/eval/item_audio.h"

#include "af2/audio/decode.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/eval/benchmark_rows.h"
#include "af2/eval/data_files.h"
#include "af2/eval/item_fields.h"
#include "af2/eval/row_list.h"
#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

// decode_file() takes a file that lacks less than a twentieth of what it states.
constexpr double kLeastOfDeclared = 0.95;

// One form for names that systems and archives write differently.
std::string plain_clip_name(const std::string& name) {
  std::string plain;
  for (const char c : to_nfc(replace_invalid_utf8(name)))
    if (c != ' ' || (!plain.empty() && plain.back() != ' ')) plain += c;
  return plain;
}

}  // namespace

ClipFinder::ClipFinder(const Benchmark& benchmark, const fs::path& root)
    : root_(root), ext_rule_(Json::object()) {
  const Json& audio = benchmark.audio;
  const std::string where = benchmark.path.string() + " key audio";
  folder_ = audio.at("root").get<std::string>();
  templates_.push_back(TextTemplate::parse(audio.at("path").get<std::string>(), where));
  if (audio.contains("alt_paths"))
    for (const Json& path : audio.at("alt_paths"))
      templates_.push_back(TextTemplate::parse(path.get<std::string>(), where));
  if (audio.contains("ext_rule")) ext_rule_ = audio.at("ext_rule");
}

std::vector<std::string> ClipFinder::paths(const TextTemplate& path, const Json& row,
                                           const std::string& where) const {
  std::size_t n = 1;
  for (const std::string& hole : path.holes())
    if (const Json value = value_at(row, hole); value.is_array()) n = value.size();
  std::vector<std::string> all;
  for (std::size_t i = 0; i < n; ++i) {
    bool whole = true;
    const std::string text = path.fill([&](const std::string& hole) {
      const Json value = value_at(row, hole);
      const std::string own = value_text(value.is_array() ? (i < value.size() ? value[i] : Json()) : value);
      whole = whole && !own.empty();
      return own;
    });
    if (!whole) continue;
    if (!text.empty() && text[0] == '/') path_below_root(text, where);  // refuses it, whatever the folder is
    fs::path below = path_below_root(folder_ + "/" + text, where);
    bool other_ending = !ext_rule_.empty();
    for (const auto& [column, wanted] : ext_rule_.items())
      if (column != "ext") other_ending = other_ending && same_value(value_at(row, column), wanted);
    if (other_ending) below.replace_extension(ext_rule_.at("ext").get<std::string>());
    all.push_back(below.generic_string());
  }
  return all;
}

std::vector<std::vector<std::string>> ClipFinder::names(const Json& row, const std::string& where) const {
  std::vector<std::vector<std::string>> clips;
  for (std::size_t t = 0; t < templates_.size(); ++t) {
    const std::vector<std::string> all = paths(templates_[t], row, where);
    if (t == 0) clips.resize(all.size());
    for (std::size_t i = 0; i < all.size() && i < clips.size(); ++i) clips[i].push_back(all[i]);
  }
  return clips;
}

std::optional<std::string> ClipFinder::find(const std::vector<std::string>& names) {
  std::error_code code;
  for (const std::string& name : names)
    if (fs::is_regular_file(root_ / name, code)) return name;
  for (const std::string& name : names) {
    const fs::path path = name;
    const auto [folder, first] = folders_.try_emplace(path.parent_path().generic_string());
    if (first)
      for (fs::directory_iterator it(root_ / path.parent_path(), code), end; !code && it != end;
           it.increment(code))
        folder->second[plain_clip_name(it->path().filename().string())] = it->path().filename().string();
    const auto found = folder->second.find(plain_clip_name(path.filename().string()));
    if (found == folder->second.end()) continue;
    const fs::path own = path.parent_path() / found->second;
    if (fs::is_regular_file(root_ / own, code)) return own.generic_string();
  }
  return std::nullopt;
}

std::string ClipFinder::problem(const std::string& path) const {
  try {
    const fs::path file = root_ / path;
    DecodeOptions beginning;
    beginning.max_seconds = 0.1;
    decode_file(file, beginning);
    const MappedFile map(file);
    if (!is_wav(map.bytes())) return "";
    const WavInfo info = wav_info(map.bytes(), file.string());
    if (info.declared_bytes &&
        static_cast<double>(info.data_bytes) < kLeastOfDeclared * static_cast<double>(*info.declared_bytes))
      return "cut short: " + std::to_string(info.data_bytes) + " of " + std::to_string(*info.declared_bytes) +
             " bytes of sound are there";
    return "";
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    return error.problem();
  }
}

}  // namespace af2
