#include "af2/generate/convert.h"

#include <algorithm>
#include <optional>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"
#include "af2/generate/clap_folder.h"
#include "af2/generate/convert_detail.h"
#include "af2/generate/language_model.h"
#include "af2/generate/tokenizer_files.h"
#include "af2/model/low_rank.h"
#include "af2/model/weights.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

enum class Layout { kAf2, kPublished, kHuggingFace, kGguf };

Layout layout_of(const std::string& name, bool alone, const fs::path& source, const fs::path& target) {
  const bool to_gguf = target.extension() == ".gguf";
  const std::pair<const char*, Layout> known[] = {{"af2", Layout::kAf2},
                                                  {"published", Layout::kPublished},
                                                  {"huggingface", Layout::kHuggingFace},
                                                  {"gguf", Layout::kGguf}};
  std::optional<Layout> layout;
  if (name.empty()) layout = !alone ? Layout::kAf2 : to_gguf ? Layout::kGguf : Layout::kHuggingFace;
  for (const auto& [text, value] : known)
    if (name == text) layout = value;
  if (!layout) throw user_error("is none of af2, published, huggingface, gguf: " + name, "--layout");
  if (alone && (*layout == Layout::kAf2 || *layout == Layout::kPublished))
    throw user_error("is a language model alone; this layout needs tower and cross-attention too",
                     source.string(), "give --layout huggingface or gguf");
  if (to_gguf && *layout != Layout::kGguf)
    throw user_error("ends in .gguf, which this layout is not", target.string(),
                     "name a folder; --layout gguf writes the language model alone");
  return *layout;
}

fs::path without_slash(const fs::path& path) {
  return path.filename().empty() ? path.parent_path() : path;
}

std::uint64_t size_of(const fs::path& path) {
  if (!fs::is_directory(path)) return fs::file_size(path);
  std::uint64_t sum = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path))
    if (entry.path().extension() == ".safetensors") sum += entry.file_size();
  return sum;
}

LanguageSource language_of(ModelFolder& model) {
  const Gguf* gguf = model.lm_file.metadata().empty() ? nullptr : &model.lm_file;
  return {*model.network->lang_encoder->model, model.config.name, gguf, model.tokenizer_folder, false};
}

LanguageSource language_of(LanguageModel& model) {
  const bool folder = fs::is_directory(model.path);
  return {*model.network->lang_encoder->model, model.config.name, folder ? nullptr : &model.gguf,
          folder ? model.path : fs::path(), folder};
}

void write_sums(const fs::path& folder, const std::vector<std::string>& files) {
  std::string text;
  for (const auto& name : files) text += sha256_file(folder / name) + "  " + name + "\n";
  write_file_atomic(folder / kChecksums, text);
}

}  // namespace

void refuse_existing(const fs::path& target) {
  if (fs::exists(target) && !(fs::is_directory(target) && fs::is_empty(target)))
    throw user_error("is there already", target.string(), "name a folder that does not exist or is empty");
}

void make_target_folder(const fs::path& target) {
  std::error_code code;
  fs::create_directories(target, code);
  if (code) throw resource_error("cannot create: " + code.message(), target.string());
}

namespace {

void tell_clap_stays(const fs::path& clap, const std::string& why = "") {
  notice("{}: the AF-CLAP stays behind{}; name this folder for it", clap.string(), why);
}

// A model's own AF-CLAP goes along as it is: its text tower takes token rows from the language model's file,
// which lies beside it again. Returns what was copied.
std::vector<std::string> copy_clap(const fs::path& source, const fs::path& target) {
  const fs::path own = source / "clap";
  std::vector<std::string> files;
  if (is_clap_folder(own)) {
    const std::string lm = open_clap_folder(own).config.text.lm;
    if (lm.empty() || lm == "../lm.gguf") {
      fs::copy(own, target / "clap");
      for (const auto& entry : fs::directory_iterator(target / "clap"))
        files.push_back("clap/" + entry.path().filename().string());
      std::sort(files.begin(), files.end());
      return files;
    }
    tell_clap_stays(own, " (its language model is " + lm + ")");
  } else if (fs::is_directory(source / "clap_ckpt")) {
    tell_clap_stays(source / "clap_ckpt");
  }
  return files;
}

// The streams of a model folder: types are checked before the model is loaded.
struct FolderStreams {
  FolderStreams(const ConvertOptions& options, ConvertReport& report)
      : lm(options, report, TensorStream::Target::kGguf),
        xattn(options, report, TensorStream::Target::kGguf) {
    adapter_type = options.adapter_type;
    if (adapter_type.empty()) adapter_type = options.type == "f32" || options.type == "keep" ? "f32" : "bf16";
    save_as = save_type_from_name(adapter_type, "--adapter-type");
  }
  TensorStream lm, xattn;
  std::string adapter_type;
  SaveType save_as = SaveType::kF32;
};

void write_folder(ModelFolder& model, const ConvertOptions& options, FolderStreams& streams,
                  const fs::path& target, ConvertReport& report) {
  make_target_folder(target);
  write_language_gguf(language_of(model), options, streams.lm, target / "lm.gguf");
  std::vector<std::string> files = {"lm.gguf", "adapter.safetensors"};
  const auto matrices = cross_attention_matrices(*model.network);  // none with conditioning prefix
  if (!matrices.empty()) {
    for (const auto& [name, layer] : matrices) streams.xattn.add_matrix(name, layer, {});
    streams.xattn.write_gguf(target / "xattn.gguf", {{"general.architecture", std::string("af2-xattn")}});
    files.insert(files.begin() + 1, "xattn.gguf");
  }
  std::vector<std::pair<std::string, torch::Tensor>> rest;
  for (auto& [name, tensor] : adapter_tensors(*model.network)) {
    const bool in_gguf = std::any_of(matrices.begin(), matrices.end(),
                                     [&, wanted = name](const auto& m) { return m.first == wanted; });
    if (!in_gguf) rest.emplace_back(name, tensor);
  }
  save_tensors(target / "adapter.safetensors", rest, streams.save_as,
               {{"format", "af2"}, {"dtype", streams.adapter_type}});
  Af2Config config = model.config;
  config.lm.file = "lm.gguf";
  config.clap.file = "";
  config.xattn.file = matrices.empty() ? "" : "xattn.gguf";
  for (const auto& name : files) report.bytes_after += fs::file_size(target / name);
  for (const auto& name : copy_tokenizer(model.tokenizer_folder, target)) files.push_back(name);
  write_file_atomic(target / "config.json", to_json(config).dump(2) + "\n");
  files.insert(files.begin(), "config.json");
  for (const auto& name : copy_clap(model.path, target)) files.push_back(name);
  write_sums(target, files);
}

void write_language(const LanguageSource& source, Layout layout, const ConvertOptions& options,
                    TensorStream& stream, const fs::path& target) {
  if (layout == Layout::kGguf)
    write_language_gguf(source, options, stream, target);
  else
    write_huggingface(source, options, stream, target);
}

std::uint64_t size_of_all(const std::vector<fs::path>& files) {
  std::uint64_t sum = 0;
  for (const auto& file : files) sum += fs::file_size(file);
  return sum;
}

}  // namespace

ConvertReport convert_model(const fs::path& source, const fs::path& to, const ConvertOptions& given) {
  const bool alone = is_language_model(source);
  const fs::path target = without_slash(to);
  const Layout layout = layout_of(given.layout, alone, source, target);
  ConvertOptions options = given;
  if (options.type.empty()) options.type = layout == Layout::kAf2 || layout == Layout::kGguf ? "bf16" : "f32";
  if (!options.adapter_type.empty() && layout != Layout::kAf2)
    throw user_error("is for model folders of af2", "--adapter-type", "leave it out");
  ConvertReport report;
  FolderStreams folder(options, report);
  TensorStream stream(options, report,
                      layout == Layout::kGguf || layout == Layout::kAf2 ? TensorStream::Target::kGguf
                                                                        : TensorStream::Target::kSafeTensors);
  if (layout == Layout::kGguf && fs::exists(target))
    throw user_error("is there already", target.string(), "name a new file");
  refuse_existing(target);

  if (alone) {
    if (!options.base_lm.empty() || !options.generation.empty())
      throw user_error("are for published checkpoints", "--lm and --generation", "leave them out");
    LanguageModel model = load_language_model(source, LanguageUse::kConversion);
    report.bytes_before = size_of_all(model.weight_files);
    write_language(language_of(model), layout, options, stream, target);
    report.bytes_after = size_of(target);
    return report;
  }
  LoadOptions load;
  load.base_lm = options.base_lm;
  load.generation = options.generation;
  load.as_stored = true;
  ModelFolder model = load_model_folder(source, load);
  report.bytes_before = size_of_all(model.weight_files);
  if (layout != Layout::kAf2 && has_low_rank(*model.network->lang_encoder->model))
    throw user_error("has low-rank pairs beside its language model, for which this layout has no place",
                     source.string(),
                     "export its training run without --keep-pairs, which adds them to the weights");
  switch (layout) {
    case Layout::kAf2:
      write_folder(model, options, folder, target, report);
      return report;
    case Layout::kPublished:
      write_published(model, options, stream, target);
      for (const char* name : {"clap", "clap_ckpt"})
        if (fs::is_directory(model.path / name)) tell_clap_stays(model.path / name);
      break;
    case Layout::kHuggingFace:
    case Layout::kGguf:
      notice("{}: the language model alone goes into {}, without its added tokens", source.string(),
             target.string());
      write_language(language_of(model), layout, options, stream, target);
      break;
  }
  report.bytes_after = size_of(target);
  return report;
}

int verify_converted(const fs::path& target) {
  if (is_language_model(target)) {
    load_language_model(target, LanguageUse::kConversion);
    return 0;
  }
  const int sums = fs::exists(target / kChecksums) ? verify_model_folder(target) : 0;
  load_model_folder(target, {});
  return sums;
}

int verify_model_folder(const fs::path& folder) {
  if (!fs::exists(folder / kChecksums))
    throw user_error(std::string("holds no ") + kChecksums, folder.string(), "`af2 convert` writes one");
  int n = 0;
  for (const auto& line : split(read_file(folder / kChecksums), '\n')) {
    if (trim(line).empty()) continue;
    const std::size_t gap = line.find("  ");
    if (gap != 64) throw model_error("line \"" + line + "\" is no sum", (folder / kChecksums).string());
    const fs::path file = folder / line.substr(gap + 2);
    if (!fs::exists(file)) throw model_error("is missing", file.string(), "copy the folder again");
    if (sha256_file(file) != line.substr(0, gap))
      throw model_error("is not what was written (SHA-256 differs)", file.string(), "copy the folder again");
    ++n;
  }
  return n;
}

}  // namespace af2
