#include "af2/generate/model_folder.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/generate/language_model.h"
#include "af2/generate/tokenizer_files.h"
#include "af2/generate/torch_threads.h"
#include "af2/model/checkpoint_config.h"
#include "af2/model/checkpoint_load.h"
#include "af2/model/clap_names.h"
#include "af2/model/lm_gguf.h"
#include "af2/model/low_rank.h"
#include "af2/model/weights.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr const char* kAddedEmbeddings = "lang_encoder.model.added_embeddings";
constexpr const char* kAddedHead = "lang_encoder.model.added_head";
constexpr const char* kLanguage = "lang_encoder.model.";

bool holds_weights(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") return true;
  return false;
}

// The added tokens get the ids after the vocabulary of `vocab` tokens.
void add_tokens(ByteBpe& tokenizer, const TextConfig& text, int vocab, const fs::path& where) {
  for (std::size_t i = 0; i < text.added.size(); ++i) {
    const int id = tokenizer.add_token(text.added[i]), wanted = vocab + static_cast<int>(i);
    if (id != wanted)
      throw model_error("the added token " + text.added[i] + " has id " + std::to_string(id) + ", not " +
                            std::to_string(wanted),
                        where.string(), "tokenizer and language model do not belong together");
  }
}

std::vector<int> stop_tokens(const ByteBpe& tokenizer, const TextConfig& text, const fs::path& where) {
  std::vector<int> stops;
  for (const auto& token : text.stop)
    if (const auto id = tokenizer.id_of(token)) stops.push_back(*id);
  if (stops.empty()) throw model_error("none of the stop tokens is in the vocabulary", where.string());
  return stops;
}

// The folder that a checkpoint lies in.
fs::path folder_of(const fs::path& checkpoint) {
  fs::path folder = fs::is_directory(checkpoint) ? checkpoint : fs::absolute(checkpoint).parent_path();
  if (folder.filename().empty()) folder = folder.parent_path();
  return folder.filename() == "safe_ckpt" ? folder.parent_path() : folder;
}

ModelFolder load_published(const fs::path& path, const LoadOptions& options) {
  auto files = std::make_shared<CheckpointFiles>(CheckpointFiles::open(path));
  const CheckpointLayout layout = files->layout();
  if (layout != CheckpointLayout::kPublished && layout != CheckpointLayout::kTrainingCode)
    throw user_error("is a " + std::string(layout_name(layout)) + ", not a whole model", path.string(),
                     "name the folder with safe_ckpt, or a .pt file of the training code");
  const fs::path folder = folder_of(path);
  CheckpointHints hints;
  hints.generation = options.generation;
  const std::optional<fs::path> base =
      options.base_lm.empty() ? find_base_lm(path) : std::optional(options.base_lm);
  if (base && checkpoint_layout(*base) == CheckpointLayout::kHuggingFace) {
    hints.base_lm = *base;
    if (holds_weights(*base)) files->fill_from(CheckpointFiles::open(*base));
  }
  // The tower as it was before stage 2, where the checkpoint has none of its own.
  for (const char* clap : {"epoch_16.pt", "epoch_15.pt"})
    if (!files->find("clap.nvclap.bn0.weight") && fs::exists(folder / "clap_ckpt" / clap))
      files->fill_from(CheckpointFiles::open(folder / "clap_ckpt" / clap));
  const fs::path words = base && holds_tokenizer(*base) ? *base : folder;
  if (!holds_tokenizer(words))
    throw user_error(
        "comes without its tokenizer", path.string(),
        "put tokenizer.json of the base language model (Qwen2.5) beside it, or name its folder with --lm");
  ByteBpe tokenizer = tokenizer_in(words);
  hints.vocab = tokenizer.size();
  Af2Config config = config_of_checkpoint(*files, hints);
  add_tokens(tokenizer, config.text, config.lm.vocab, words);
  std::vector<int> stops = stop_tokens(tokenizer, config.text, words);
  use_torch_threads();
  const NoDraws empty;
  Af2Model network(config);
  std::vector<std::string> surplus = load_checkpoint(*files, *network, options.bf16);
  network->eval();
  return {folder,
          config,
          {},
          files,
          network,
          std::move(tokenizer),
          std::move(stops),
          std::move(surplus),
          nullptr,
          nullptr,
          files->weight_files(),
          words};
}

// The id that ends a text, where the files of a language model tell it.
std::vector<int> ends_of(const LanguageModel& model) {
  if (const auto id = model.gguf.find_uint("tokenizer.ggml.eos_token_id")) return {static_cast<int>(*id)};
  return {};
}

ModelFolder load_alone(const fs::path& path) {
  const fs::path folder = path.filename() == "config.json" ? path.parent_path() : path;
  LanguageModel model = load_language_model(path, LanguageUse::kProducts);
  if (model.files && !holds_tokenizer(folder))
    throw user_error("comes without its tokenizer", folder.string(), "put tokenizer.json beside config.json");
  ByteBpe words = model.files ? tokenizer_in(folder) : tokenizer_of(model.gguf);
  const int rows = model.config.lm.vocab;
  if (words.size() > rows)
    throw model_error("has " + std::to_string(rows) + " rows of its embedding for " +
                          std::to_string(words.size()) + " tokens",
                      folder.string(), "tokenizer and weights do not belong together");
  for (int id = words.size(); id < rows; ++id)
    words.add_token("[PAD" + std::to_string(id) + "]");  // as in a GGUF
  std::vector<int> stops = ends_of(model);
  return {folder,
          model.config,
          std::move(model.gguf),
          std::move(model.files),
          model.network,
          std::move(words),
          std::move(stops),
          {},
          nullptr,
          nullptr,
          std::move(model.weight_files),
          fs::is_directory(folder) ? folder : folder.parent_path()};
}

}  // namespace

std::vector<std::pair<std::string, torch::Tensor>> adapter_tensors(Af2ModelImpl& network) {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (auto& [name, tensor] : stored_tensors(network)) {
    if (name == kAddedEmbeddings)
      tensors.emplace_back("added_embeddings", tensor);
    else if (name == kAddedHead)
      tensors.emplace_back("added_head", tensor);
    else if (!starts_with(name, kLanguage) || is_low_rank(name))
      tensors.emplace_back(name, tensor);
  }
  return tensors;
}

bool holds_adapter(const fs::path& path) {
  if (is_language_model(path)) return false;
  if (checkpoint_layout(path)) return true;
  const fs::path folder = path.filename() == "config.json" ? path.parent_path() : path;
  return fs::is_directory(folder) && holds_weights(folder);
}

std::optional<fs::path> find_base_lm(const fs::path& checkpoint) {
  const fs::path folder = folder_of(checkpoint);
  const auto is_base = [](const fs::path& place) {
    return holds_tokenizer(place) || checkpoint_layout(place) == CheckpointLayout::kHuggingFace;
  };
  const auto folders_in = [](const fs::path& place) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator it(place, error), end; !error && it != end; it.increment(error))
      if (it->is_directory()) found.push_back(it->path());
    std::sort(found.begin(), found.end());
    return found;
  };
  std::vector<fs::path> places = folders_in(folder);
  // .cache/models--Qwen--Qwen2.5-3B/snapshots/HASH
  for (const fs::path& cached : folders_in(folder / ".cache"))
    for (const fs::path& snapshot : folders_in(cached / "snapshots")) places.push_back(snapshot);
  for (const fs::path& place : places)
    if (place.filename() != "safe_ckpt" && place.filename() != "clap_ckpt" && is_base(place)) return place;
  return std::nullopt;
}

ModelFolder load_model_folder(const fs::path& path, const LoadOptions& options) {
  if (!options.architecture.empty() && options.adapters)
    throw user_error("is for fresh values: the weights of a folder belong to its own network", "architecture",
                     "leave it out");
  if (is_language_model(path)) {
    if (options.language_alone) return load_alone(path);
    throw user_error("is a language model alone and hears nothing", path.string(),
                     "name a whole model; `af2 convert`, `af2 info` and `af2 bench --text` take this one");
  }
  if (checkpoint_layout(path)) {
    if (!options.architecture.empty())
      throw user_error("is for model folders of af2", "architecture", "convert " + path.string() + " first");
    return load_published(path, options);
  }
  const fs::path folder = path.filename() == "config.json" ? path.parent_path() : path;
  if (!fs::exists(folder / "config.json"))
    throw user_error("holds no config.json", folder.string(), "name a model folder with -m");
  Af2Config config = read_af2_config(folder / "config.json", options.architecture);
  if (config.lm.file.empty())
    throw model_error("names no lm.file", (folder / "config.json").string(),
                      "put a GGUF language model beside it");
  if (!fs::exists(folder / config.lm.file))
    throw model_error("is missing", (folder / config.lm.file).string(), "run `make setup`, which places it");
  Gguf lm_file = Gguf::open(folder / config.lm.file);
  const LmConfig said = config.lm;
  config.lm = lm_config_from_gguf(lm_file);
  config.lm.file = said.file;
  config.lm.added_head = said.added_head;
  config.check((folder / config.lm.file).string());
  if (!config.has_prefix() && config.xattn.every > config.lm.n_layers)
    throw user_error("leaves none of the language model's " + std::to_string(config.lm.n_layers) +
                         " layers with a cross-attention before it: it would hear nothing",
                     (folder / "config.json").string() + " key xattn.every", "correct the value");

  // Files of a tokenizer say more about added tokens than the lists in a GGUF.
  ByteBpe tokenizer = holds_tokenizer(folder) ? tokenizer_in(folder) : tokenizer_of(lm_file);
  add_tokens(tokenizer, config.text, config.lm.vocab, folder);
  std::vector<int> stops = stop_tokens(tokenizer, config.text, folder);

  use_torch_threads();
  const MatrixForm form = !options.low_bit_lm ? MatrixForm::kFloat32
                          : options.as_stored ? MatrixForm::kAsStored
                                              : MatrixForm::kMapped;
  std::optional<NoDraws> empty;
  if (options.adapters) empty.emplace();
  Af2Model network(config);
  std::vector<std::string> surplus;
  std::vector<fs::path> weight_files = {folder / config.lm.file};
  std::shared_ptr<SafeTensors> adapter_file;
  std::shared_ptr<Gguf> xattn_file;
  // `af2 convert` looked for values that are not finite when it wrote the folder.
  const bool checked = fs::exists(folder / kChecksums);
  if (options.adapters && !holds_weights(folder))
    throw model_error("holds no .safetensors file", folder.string(),
                      "copy the model's weights beside its config.json");
  if (options.adapters) {
    adapter_file = std::make_shared<SafeTensors>(open_adapter(folder, config.clap));
    if (!config.clap.file.empty()) weight_files.push_back(folder / config.clap.file);
    add_low_rank_of(*network->lang_encoder->model, kLanguage, *adapter_file);
    auto wanted = adapter_tensors(*network);
    if (!config.xattn.file.empty()) {
      weight_files.push_back(folder / config.xattn.file);
      xattn_file = std::make_shared<Gguf>(Gguf::open(weight_files.back()));
      if (!checked) check_gguf(*xattn_file);
      for (auto& [name, layer] : cross_attention_matrices(*network)) {
        read_matrix(*xattn_file, name, *layer, form);
        std::erase_if(wanted, [&, matrix = name](const auto& item) { return item.first == matrix; });
      }
    }
    MapOptions map;
    map.bf16 = options.bf16;
    map.checked = checked;
    if (options.low_bit_lm) map.layers = linear_layers(*network);
    // A cross-attention without a file of its own stays float32, as the path of single tokens wants it.
    std::erase_if(map.layers, [](const auto& item) { return starts_with(item.first, "lang_encoder."); });
    surplus = load_strict(*adapter_file, wanted, map);
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().extension() == ".safetensors") weight_files.push_back(entry.path());
  }
  if (!checked) check_gguf(lm_file);
  load_decoder(lm_file, *network->lang_encoder->model, form);
  network->eval();
  return {folder,
          config,
          std::move(lm_file),
          nullptr,
          network,
          std::move(tokenizer),
          std::move(stops),
          std::move(surplus),
          std::move(adapter_file),
          std::move(xattn_file),
          std::move(weight_files),
          folder};
}

fs::path find_model(const std::string& name) {
  if (!name.empty() && fs::exists(name)) return name;
  const std::string model = name.empty() ? "mini" : name;
  std::vector<fs::path> places;
  if (const char* set = std::getenv("AF2_MODEL"); set && *set && name.empty()) {
    if (!fs::exists(set)) throw user_error("AF2_MODEL names no folder", set, "correct or unset it");
    return set;
  }
  const fs::path program = program_dir();
  for (fs::path above = program; above.has_relative_path(); above = above.parent_path())
    places.push_back(above / "models" / model);
  places.push_back(program.parent_path() / "share" / "af2" / "models" / model);
  for (const auto& place : places)
    if (fs::exists(place / "config.json")) return place;
  std::vector<std::string> names;
  for (const auto& place : places) names.push_back(place.string());
  throw user_error("no such model; looked in " + join(names, ", "), model,
                   "name a model folder with -m or AF2_MODEL");
}

}  // namespace af2
