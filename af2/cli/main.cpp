// The program: a table of verbs, and the one place where errors become exit codes.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <new>
#include <string>

#include "af2/cli/clip_flags.h"
#include "af2/cli/command.h"
#include "af2/cli/config_file.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/pages.h"
#include "af2/generate/engine.h"
#include "af2/model/device.h"

namespace af2 {
namespace {

void print_devices() {
  const auto gib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 30); };
  for (const DeviceFacts& device : list_devices())
    print_line(fmt::format("{}\t{:.1f} GiB free of {:.1f}\t{}\tproducts in f32{}", device.name,
                           gib(device.free_bytes), gib(device.total_bytes), device.description,
                           device.fast_bf16 ? ", bf16"
                           : device.bf16    ? ", bf16 (slower)"
                                            : ""));
  if (!built_with_cuda()) notice("this af2 was built without CUDA");
}

int main_of(int argc, char** argv) {
  CLI::App app("af2: listens to any audio file and answers questions about it");
  app.require_subcommand(1);
  app.set_version_flag("--version",
                       [] { return std::string("af2 ") + AF2_VERSION + ", " + tensor_library(); });
  app.fallthrough();
  CommonFlags common;
  app.add_flag("-v,--verbose", common.verbose, "say more on stderr");
  app.add_flag("-q,--quiet", common.quiet, "no notices on stderr");
  app.add_option("--log-file", common.log_file, "also write notices and errors here");
  app.add_flag_callback(
      "--list-devices",
      [] {
        print_devices();
        throw CLI::Success();
      },
      "name, memory, kind and types of products of every device that --device can name");
  std::string config;
  app.add_option("--config", config,
                 "flags from this file; else AF2_CONFIG, ./af2.yaml, ~/.config/af2/config.yaml");
  take_flags_from_environment(app);
  app.get_option("--config")->envname("AF2_CONFIG");
  CommandRunner runner;
  add_ask(app, common, runner);
  add_caption(app, common, runner);
  add_chat(app, common, runner);
  add_embed(app, common, runner);
  add_similar(app, common, runner);
  add_classify(app, common, runner);
  add_events(app, common, runner);
#ifdef AF2_WITH_SQLITE
  add_index(app, common, runner);
  add_search(app, common, runner);
#endif
  add_info(app, common, runner);
  add_selftest(app, common, runner);
  add_bench(app, common, runner);
  add_features(app, common, runner);
  add_convert(app, common, runner);
  add_quantize(app, common, runner);
  add_data(app, common, runner);
  add_eval(app, common, runner);
  add_train(app, common, runner);
  add_ablate(app, common, runner);
  add_export(app, common, runner);
  try {
    apply_config_file(app, argc, argv);
    app.parse(argc, argv);
    if (common.verbose) set_log_level(LogLevel::kVerbose);
    if (common.quiet) set_log_level(LogLevel::kError);
    if (!common.log_file.empty()) set_log_file(common.log_file);
    return runner();
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);  // prints help to stdout, complaints to stderr
    return code == 0 ? 0 : static_cast<int>(ErrorKind::kUser);
  } catch (const Error& error) {
    log_line(LogLevel::kError, error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    log_line(LogLevel::kError, "out of memory; close other programs or give a shorter clip");
    return static_cast<int>(ErrorKind::kResource);
  } catch (const std::exception& error) {
    log_line(LogLevel::kError, std::string("internal: ") + error.what());
    return static_cast<int>(ErrorKind::kInternal);
  }
}

}  // namespace
}  // namespace af2

int main(int argc, char** argv) {
  af2::keep_freed_memory();
  std::signal(SIGPIPE, SIG_IGN);
  return af2::main_of(argc, argv);
}
