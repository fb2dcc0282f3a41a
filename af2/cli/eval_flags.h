// Flags that the verbs of `eval` share: which benchmark, where its data lies, which model answers.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "af2/cli/clap_flags.h"
#include "af2/cli/clip_flags.h"
#include "af2/eval/benchmark_items.h"
#include "af2/eval/endpoint_model.h"
#include "af2/eval/match.h"
#include "af2/eval/model.h"
#include "af2/eval/vector_run.h"

namespace af2 {

struct BenchmarkFlags {
  std::string id, root, folder;  // id: of a benchmark, or its file; root: where its data lies
  bool allow_partial = false;
};

void add_benchmark_flags(CLI::App& verb, BenchmarkFlags& flags);
// The folder of benchmark files: --benchmarks, else beside the program or in the working folder. Throws
// kUser.
std::filesystem::path benchmark_folder(const std::string& flag);
// A benchmark by its id, also one of the project's own (own/ID.yaml), or by its file. Throws kUser with the
// nearest ids.
Benchmark named_benchmark(const BenchmarkFlags& flags);
// --root, else the folder that the benchmark's file names (own sets), else the working folder.
std::filesystem::path root_of(const BenchmarkFlags& flags, const Benchmark& benchmark);
BenchmarkItems items_of(const BenchmarkFlags& flags, const Benchmark& benchmark);

// The text tower that rules like text_nearest and clap_sim need: AF-CLAP of `model`; without one they stay
// open.
MatchTools text_tower(const std::string& model, int threads);
VectorModel vector_model(const ClapFlags& flags);
// A model behind an OpenAI-compatible endpoint; the key is AF2_API_KEY.
EvalModel endpoint_eval_model(const EndpointOptions& options);

}  // namespace af2
