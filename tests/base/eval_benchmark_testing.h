// Benchmarks of the repository with look-alikes of their data: texts of tests/data/benchmarks, sounds made
// here, a short tone for every path that an item names.
#pragma once

#include <filesystem>
#include <string>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "af2/core/file.h"
#include "af2/eval/benchmark.h"
#include "af2/eval/benchmark_items.h"
#include "audio_testing.h"

namespace af2::test {

inline std::filesystem::path benchmark_folder() {
  return std::filesystem::path(AF2_SOURCE_DIR) / "benchmarks";
}

inline Benchmark repository_benchmark(const std::string& id) {
  return read_benchmark(benchmark_folder() / (id + ".yaml"));
}

// The look-alike of a benchmark's data: texts only. Benchmarks of one data set share a folder.
inline std::filesystem::path benchmark_texts_of(const std::string& id) {
  return std::filesystem::path(AF2_SOURCE_DIR) / "tests" / "data" / "benchmarks" / id;
}

inline void write_tone(const std::filesystem::path& file, double hz = 440) {
  std::filesystem::create_directories(file.parent_path());
  write_wav(file, audio_testing::sine(3200, hz));
}

// A copy of the texts, with a tone at every path that an item names.
inline void lay_out_benchmark(const Benchmark& benchmark, const std::string& folder,
                              const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  fs::create_directories(root);
  if (fs::exists(benchmark_texts_of(folder)))
    fs::copy(benchmark_texts_of(folder), root, fs::copy_options::recursive);
  if (fs::exists(root / "names.txt")) {  // a layout whose data are the names of its files
    std::string name;
    for (const char c : read_file(root / "names.txt")) {
      if (c != '\n') {
        name += c;
        continue;
      }
      write_tone(root / name);
      name.clear();
    }
    fs::remove(root / "names.txt");
    return;
  }
  ReadItemsOptions options;
  options.allow_partial = true, options.look_for_audio = false;
  double hz = 300;
  for (const EvalItem& item : read_items(benchmark, root, options).items)
    for (const std::string& path : item.audio) write_tone(root / path, hz += 20);
}

}  // namespace af2::test
