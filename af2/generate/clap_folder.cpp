#include "af2/generate/clap_folder.h"

#include <system_error>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/generate/model_folder.h"
#include "af2/generate/tokenizer_files.h"
#include "af2/generate/torch_threads.h"
#include "af2/model/checkpoint_clap.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kSentencePiece = "spiece.model";  // as T5's is called

// The tokenizer of a checkpoint's text tower: in the folder that was named, beside the checkpoint or one
// folder further, as downloaded or in the cache layout of Hugging Face.
fs::path find_sentencepiece(const fs::path& checkpoint, const fs::path& named) {
  if (!named.empty()) {
    const fs::path file = fs::is_directory(named) ? named / kSentencePiece : named;
    if (fs::is_regular_file(file)) return file;
    throw user_error(std::string("holds no ") + kSentencePiece, named.string(), "name the folder of Flan-T5");
  }
  const fs::path here = fs::absolute(checkpoint).parent_path();
  for (const fs::path& above : {here, here.parent_path()}) {
    if (fs::is_regular_file(above / kSentencePiece)) return above / kSentencePiece;
    std::error_code error;
    for (fs::directory_iterator it(above, error), end; !error && it != end; it.increment(error)) {
      if (fs::is_regular_file(it->path() / kSentencePiece)) return it->path() / kSentencePiece;
      std::error_code inner;
      for (fs::directory_iterator at(it->path() / "snapshots", inner), last; !inner && at != last;
           at.increment(inner))
        if (fs::is_regular_file(at->path() / kSentencePiece)) return at->path() / kSentencePiece;
    }
  }
  throw user_error("comes without the tokenizer of its text tower", checkpoint.string(),
                   "put spiece.model of Flan-T5 beside it, or name its folder with --text-model");
}

void open_tokenizer(ClapFolder& clap) {
  const fs::path& file = clap.tokenizer_file;
  if (!fs::is_regular_file(file))
    throw user_error("is missing", file.string(), "copy the whole folder again");
  int size = 0;
  if (file.extension() == ".gguf") {
    clap.bpe = tokenizer_of(Gguf::open(file));
    size = clap.bpe->size();
  } else if (file.extension() == ".json") {
    clap.bpe = ByteBpe::from_tokenizer_json(file);
    size = clap.bpe->size();
  } else {
    clap.unigram = Unigram::open(file);
    size = clap.unigram->size();
  }
  if (size > clap.config.text.vocab)
    throw model_error("has " + std::to_string(size) + " tokens, the text tower " +
                          std::to_string(clap.config.text.vocab) + " rows",
                      file.string(), "tokenizer and weights do not belong together");
}

ClapFolder load_checkpoint_file(const fs::path& path, const ClapLoadOptions& options) {
  ClapFolder clap;
  clap.path = path;
  clap.files = std::make_shared<CheckpointFiles>(CheckpointFiles::open(path));
  if (clap.files->layout() != CheckpointLayout::kClap)
    throw user_error("is a " + std::string(layout_name(clap.files->layout())) + ", not an AF-CLAP",
                     path.string(), "name clap_ckpt/epoch_NN.pt");
  clap.config = clap_config_of_checkpoint(*clap.files, options.generation);
  clap.tokenizer_file = find_sentencepiece(path, options.text_folder);
  open_tokenizer(clap);
  const NoDraws empty;
  clap.network = ClapModel(clap.config);
  clap.surplus = load_clap_checkpoint(*clap.files, *clap.network, options.bf16);
  return clap;
}

// The language model's file, or the tokenizer's own.
fs::path tokenizer_of_config(const fs::path& folder, const ClapModelConfig& config) {
  return (folder / (config.text.lm.empty() ? config.text.tokenizer : config.text.lm)).lexically_normal();
}

}  // namespace

bool is_clap_folder(const fs::path& folder) {
  const fs::path config = folder / "config.json";
  if (!fs::is_regular_file(config)) return false;
  const Json json = parse_json(read_file(config), config.string());
  return json.is_object() && json.value("format", "") == "af2-clap";
}

fs::path clap_weights_file(const fs::path& folder) {
  return folder / kWeights;
}

void take_token_rows(const fs::path& lm_file, ClapModelImpl& network) {
  if (network.config.text.lm.empty()) return;
  struct Embedding {  // the rows with the file that backs them
    explicit Embedding(Gguf lm) : file(std::move(lm)), rows(file.get("token_embd.weight")) {}
    Gguf file;
    QMatrix rows;
  };
  const auto both = std::make_shared<Embedding>(Gguf::open(lm_file));
  network.text_branch->set_token_rows(std::shared_ptr<const QMatrix>(both, &both->rows));
}

ClapFolder open_clap_folder(const fs::path& folder) {
  ClapFolder clap;
  clap.path = folder;
  clap.config = read_clap_config(folder / "config.json");
  clap.tokenizer_file = tokenizer_of_config(folder, clap.config);
  open_tokenizer(clap);
  return clap;
}

std::vector<int> ClapFolder::tokens(std::string_view text) const {
  return unigram ? unigram->encode(text) : bpe->encode(text, false);
}

fs::path find_clap(const std::string& name) {
  const fs::path path = find_model(name);
  if (fs::is_regular_file(path) && path.filename() != "config.json") return path;
  const fs::path folder = path.filename() == "config.json" ? path.parent_path() : path;
  for (const fs::path& place : {folder, folder / "clap"})
    if (is_clap_folder(place)) return place;
  for (const char* checkpoint : {"epoch_16.pt", "epoch_15.pt"})
    for (const fs::path& place : {folder, folder / "clap_ckpt"})
      if (fs::is_regular_file(place / checkpoint)) return place / checkpoint;
  throw user_error("holds no AF-CLAP", folder.string(),
                   "name a folder with clap/config.json or clap_ckpt/epoch_NN.pt, or a .pt file of AF-CLAP");
}

ClapFolder load_clap_folder(const fs::path& path, const ClapLoadOptions& options) {
  use_torch_threads();
  ClapFolder clap;
  if (fs::is_directory(path)) {
    clap = open_clap_folder(path);
    clap.weights_file = std::make_shared<SafeTensors>(SafeTensors::open(path / kWeights));
    const NoDraws empty;
    clap.network = ClapModel(clap.config);
    take_token_rows(clap.tokenizer_file, *clap.network);
    MapOptions map;
    map.bf16 = options.bf16;
    map.layers = linear_layers(*clap.network);
    clap.surplus = load_strict(*clap.weights_file, stored_tensors(*clap.network), map);
  } else {
    clap = load_checkpoint_file(path, options);
  }
  clap.network->eval();
  return clap;
}

void save_clap_folder(const fs::path& folder, ClapModelConfig config, ClapModelImpl& network,
                      const fs::path& tokenizer_file, SaveType type) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) throw resource_error("cannot create: " + code.message(), folder.string());
  save_tensors(folder / kWeights, stored_tensors(network), type, {{"format", "af2-clap"}});
  if (config.text.lm.empty()) {
    config.text.tokenizer = tokenizer_file.extension() == ".json" ? "tokenizer.json" : kSentencePiece;
    write_file_atomic(folder / config.text.tokenizer, read_file(tokenizer_file));
  }
  write_file_atomic(folder / "config.json", to_json(config).dump(2) + "\n");
}

}  // namespace af2
