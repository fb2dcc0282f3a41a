#include "af2/generate/model_folder.h"

#include <cstdlib>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/generate/torch_threads.h"
#include "af2/io/safetensors.h"
#include "af2/model/weights.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr const char* kAddedEmbeddings = "lang_encoder.model.added_embeddings";

bool holds_weights(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") return true;
  return false;
}

ByteBpe tokenizer_from(const Gguf& file) {
  std::vector<int> types;
  if (file.has("tokenizer.ggml.token_type"))
    for (const std::int64_t type : file.get_ints("tokenizer.ggml.token_type"))
      types.push_back(static_cast<int>(type));
  return ByteBpe::from_lists(file.get_strings("tokenizer.ggml.tokens"),
                             file.get_strings("tokenizer.ggml.merges"), types,
                             file.get_string("tokenizer.ggml.pre"), file.where());
}

}  // namespace

std::vector<std::pair<std::string, torch::Tensor>> adapter_tensors(Af2ModelImpl& network) {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (auto& [name, tensor] : stored_tensors(network)) {
    if (name == kAddedEmbeddings)
      tensors.emplace_back("added_embeddings", tensor);
    else if (!starts_with(name, "lang_encoder.model."))
      tensors.emplace_back(name, tensor);
  }
  return tensors;
}

ModelFolder load_model_folder(const fs::path& path, const LoadOptions& options) {
  const fs::path folder = path.filename() == "config.json" ? path.parent_path() : path;
  if (!fs::exists(folder / "config.json"))
    throw user_error("holds no config.json", folder.string(), "name a model folder with -m");
  Af2Config config = read_af2_config(folder / "config.json");
  if (config.lm.file.empty())
    throw model_error("names no lm.file", (folder / "config.json").string(),
                      "put a GGUF language model beside it");
  if (!fs::exists(folder / config.lm.file))
    throw model_error("is missing", (folder / config.lm.file).string(), "run `make setup`, which places it");
  Gguf lm_file = Gguf::open(folder / config.lm.file);
  const std::string file = config.lm.file;
  config.lm = lm_config_from_gguf(lm_file);
  config.lm.file = file;

  ByteBpe tokenizer = tokenizer_from(lm_file);
  for (std::size_t i = 0; i < config.text.added.size(); ++i) {
    const int id = tokenizer.add_token(config.text.added[i]);
    if (id != config.lm.vocab + static_cast<int>(i))
      throw model_error("the added token " + config.text.added[i] + " has id " + std::to_string(id) +
                            ", not " + std::to_string(config.lm.vocab + static_cast<int>(i)),
                        folder.string(), "tokenizer and language model do not belong together");
  }
  std::vector<int> stops;
  for (const auto& token : config.text.stop)
    if (const auto id = tokenizer.id_of(token)) stops.push_back(*id);
  if (stops.empty()) throw model_error("none of the stop tokens is in the vocabulary", folder.string());

  use_torch_threads();
  Af2Model network(config);
  std::vector<std::string> surplus;
  if (options.adapters && !holds_weights(folder))
    throw model_error("holds no .safetensors file", folder.string(),
                      "copy the model's weights beside its config.json");
  if (options.adapters) surplus = load_strict(SafeTensors::open(folder), adapter_tensors(*network));
  load_decoder(lm_file, *network->lang_encoder->model, options.low_bit_lm);
  network->eval();
  return {folder,
          config,
          std::move(lm_file),
          network,
          std::move(tokenizer),
          std::move(stops),
          std::move(surplus)};
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
