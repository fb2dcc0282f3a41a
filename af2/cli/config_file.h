// Flags from a configuration file: `--config`, else $AF2_CONFIG, else ./af2.yaml, else
// ~/.config/af2/config.yaml (docs/spec/interfaces.md section 1).
//
// Keys are long flag names (`max-tokens: 64`), sections are verbs (`caption: {style: long}`). Order of what
// counts: flag, environment, file. `af2 train --config` names a recipe and not this file.
#pragma once

#include <CLI/CLI.hpp>

namespace af2 {

// Hands the file's values to the flags of the verb in `argv`, as if the environment had them, where it has
// not. A key at the top is for every verb that has such a flag; one in a verb's section must be a flag of it.
// Call before `app.parse`. Throws kUser naming file and key: unknown (with the nearest known one), or no
// single value; kData when a file that was named cannot be read.
void apply_config_file(CLI::App& app, int argc, const char* const* argv);

// AF2_ARG_TOP_K of a flag's `--top-k`.
std::string environment_name(const std::string& long_name);

}  // namespace af2
