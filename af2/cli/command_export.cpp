// `af2 export`: a trained run becomes the weights of a model folder.
#include <memory>

#include "af2/cli/command.h"
#include "af2/train/export.h"

namespace af2 {

void add_export(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  struct Flags {
    std::vector<std::string> in;
    std::string out;
    ExportOptions options;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand("export", "write a trained run's weights into a model folder");
  verb->add_option("-i,--in", flags->in,
                   "run folder, or one of its step-N checkpoints; several: the mean of their weights")
      ->required()
      ->allow_extra_args(false);
  verb->add_option("-o,--out", flags->out, "model folder that holds config.json; gets adapter.safetensors")
      ->required();
  verb->add_option("--dtype", flags->options.dtype, "of matrices")
      ->check(CLI::IsMember({"f32", "bf16", "i8"}));
  verb->add_option("--levels", flags->options.levels,
                   "of i8: the largest whole number; with fewer, git and zip pack the file smaller")
      ->check(CLI::Range(1, 127));
  verb->add_flag(
      "--keep-pairs", flags->options.keep_pairs,
      "of LoRA stay in adapter.safetensors, beside the language model as it is; else they are added to "
      "its weights, in a file lm-tuned.gguf");
  verb->footer("example: af2 export -i runs/mini-adapter -o models/mini --dtype i8");
  verb->callback([flags, &runner] {
    runner = [flags] {
      export_model({flags->in.begin(), flags->in.end()}, flags->out, flags->options);
      return 0;
    };
  });
}

}  // namespace af2
