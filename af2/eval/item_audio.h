// The clips that an item names, looked for below the root under the names they may have.
//
// Only for benchmark_items.cpp. Thread rule: one owner.
//
//   ClipFinder clips(benchmark, "/data/audiocaps");
//   const auto names = clips.names(row.values, row.where);   // of each clip, the first one first
//   clips.find(names.at(0));                                 // "test/Yabc.wav", or nothing
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/eval/benchmark.h"
#include "af2/eval/template_text.h"

namespace af2 {

class ClipFinder {
 public:
  ClipFinder(const Benchmark& benchmark, const std::filesystem::path& root);

  // The paths below the root that each clip may have; several clips where the path names a list. None: the
  // row names no clip. Throws kData naming `where`: a path out of the root.
  std::vector<std::vector<std::string>> names(const Json& row, const std::string& where) const;
  // The first that is there; names are also compared in Unicode NFC with runs of blanks as one.
  std::optional<std::string> find(const std::vector<std::string>& names);
  // Why a clip that is there cannot be heard; empty: it can. Decodes its beginning, and looks whether a WAV
  // has the length that it states.
  std::string problem(const std::string& path) const;

 private:
  std::vector<std::string> paths(const TextTemplate& path, const Json& row, const std::string& where) const;

  std::filesystem::path root_;
  std::string folder_;
  std::vector<TextTemplate> templates_;
  Json ext_rule_;
  std::map<std::string, std::map<std::string, std::string>> folders_;  // plain name -> name, of each folder
};

}  // namespace af2
