// `af2 data convert`: manifests from one form to another (af2/data/manifest_formats.h).
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "af2/cli/clip_flags.h"
#include "af2/cli/command.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/data/manifest_formats.h"
#include "af2/factory/set_files.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

struct DataConvertFlags {
  std::string from, to, out;
  bool verify = false;
  ManifestRead read;
  ManifestWrite write;
};

// A set of items as a manifest has it.
std::vector<ManifestItem> items_of_set(const std::string& path) {
  const ItemSet set = read_item_set(path);
  std::vector<ManifestItem> items;
  for (const Item& item : set.items) {
    ManifestItem one = manifest_item(item);
    one.audio = (set.folder / item.audio).generic_string();
    one.meta = nullptr;  // few forms have a place for it
    items.push_back(std::move(one));
  }
  return items;
}

int run_data_convert(const DataConvertFlags& flags) {
  RecordCounts counts;
  std::vector<ManifestItem> items =
      is_item_set(flags.from) ? items_of_set(flags.from) : read_any_manifest(flags.from, flags.read, counts);
  const std::size_t read = items.size();
  if (flags.verify) verify_sounds(items, true, counts);
  std::size_t written = 0;
  std::string failure;
  try {
    written = write_any_manifest(flags.out, flags.to, items, flags.write, counts);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    failure = error.what();  // told behind the counts, which say why
  }
  std::int64_t left_out = 0;
  for (const auto& [reason, n] : counts.dropped) {
    const bool lost = starts_with(reason, "lost_") || reason == "duration_differs";
    notice("{}, {}: {}, first at {}", lost ? "kept" : "left out", reason, n, counts.first.at(reason));
    if (!lost) left_out += n;
  }
  if (!failure.empty()) throw data_error("no item is left", flags.from, "the notices above say why");
  notice("{} items read, {} written", read, written);
  print_line(flags.out);
  return left_out > 0 ? 4 : 0;
}

}  // namespace

void add_data_convert(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<DataConvertFlags>();
  CLI::App* verb = data.add_subcommand("convert", "manifests of questions from one form to another");
  verb->add_option("from", flags->from, "manifest, tar shard, or folder of a set of items")->required();
  verb->add_option("--to", flags->to, "jsonl, af2, af3 (conversations) or ltu (LTU, GAMA)")->required();
  verb->add_option("--from-format", flags->read.format,
                   "auto, jsonl, af2, af3, ltu, tar or table (csv, tsv)");
  verb->add_option("--audio", flags->read.audio,
                   "folder that sounds are relative to; else the manifest's, or the one above");
  verb->add_option("--turns", flags->read.turns,
                   "conversations with several questions: reject, first or each");
  verb->add_option("--outputs", flags->write.outputs, "items with several answers: reject, first or each");
  verb->add_option("--prompt", flags->read.prompt,
                   "question of items that are a sound and a text or labels alone (tar, table)");
  verb->add_option("--sounds", flags->read.sounds, "folder that a tar's sounds are written to");
  verb->add_option("--split", flags->write.split, "name of the split, of af2");
  verb->add_option("--task", flags->write.task, "flamingo_task, of af2");
  verb->add_flag("--verify", flags->verify, "open every sound; what cannot be read is left out");
  verb->add_option("-o,--out", flags->out, "file to write; sounds become relative to its folder")->required();
  take_flags_from_environment(*verb);
  verb->footer(
      "What is left out is counted by reason (exit code 4).\n"
      "examples:\n"
      "  af2 data convert af3/train.json --to jsonl --audio sounds --turns each -o train.jsonl\n"
      "  af2 data convert Clotho-AQA/train.json --to af3 --verify -o conversations.json\n"
      "  af2 data convert clips-000.tar --to jsonl --sounds sounds --prompt \"Describe the sound.\" -o "
      "c.jsonl");
  verb->callback([flags, &runner] { runner = [flags] { return run_data_convert(*flags); }; });
}

}  // namespace af2
