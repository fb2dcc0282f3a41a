#include "af2/generate/language_model.h"

#include <fstream>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/generate/tokenizer_files.h"
#include "af2/generate/torch_threads.h"
#include "af2/io/finite.h"
#include "af2/model/checkpoint_config.h"
#include "af2/model/checkpoint_load.h"
#include "af2/model/lm_gguf.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

bool is_gguf(const fs::path& path) {
  if (!fs::is_regular_file(path)) return false;
  if (path.extension() == ".gguf") return true;
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  return std::string_view(magic, sizeof magic) == "GGUF";
}

// The folder, where its config.json was named.
fs::path folder_around(const fs::path& path) {
  return path.filename() == "config.json" ? path.parent_path() : path;
}

// "Qwen2.5-0.5B/" and "." have names too.
std::string name_of(const fs::path& path) {
  fs::path whole = fs::absolute(path).lexically_normal();
  if (whole.filename().empty()) whole = whole.parent_path();
  return whole.extension() == ".gguf" ? whole.stem().string() : whole.filename().string();
}

LmConfig sizes_of(const CheckpointFiles& files) {
  LmConfig lm = lm_config_from_huggingface(files.path() / "config.json");
  const std::int64_t shape[] = {-1, lm.dim};
  const std::int64_t rows = files.get("lang_encoder.model.embed_tokens.weight", shape).shape[0];
  if (rows != lm.vocab)
    throw model_error("has " + std::to_string(rows) + " rows of embed_tokens.weight where config.json says " +
                          std::to_string(lm.vocab),
                      files.path().string(), "get the whole folder again");
  return lm;
}

// A network of which only the language model will be used.
Af2Config around(const LmConfig& lm, const std::string& name) {
  Af2Config config;
  config.name = name;
  config.lm = lm;
  config.lm.file.clear();
  config.lm.added_head = false;
  config.text.added.clear();
  config.clap.embed_dim = config.clap.window = 1;
  config.clap.depths = config.clap.heads = {1};
  config.audio_transformer.layers = 0;
  config.audio_transformer.heads = 1;
  config.xattn.every = lm.n_layers + 1;
  return config;
}

// What the decoder has no place for would be lost, and change what the model says.
void refuse_surplus(const std::vector<std::string>& surplus, const std::string& where) {
  if (surplus.empty()) return;
  throw model_error("holds " + surplus.front() +
                        (surplus.size() > 1 ? " and " + std::to_string(surplus.size() - 1) + " more" : "") +
                        ", which the decoder has no place for",
                    where, "Qwen2, Qwen2.5 and Llama models without scaled rotary positions are built in");
}

std::vector<std::string> surplus_of(const Gguf& file, const std::vector<LmGgufTensor>& used) {
  std::vector<std::string> surplus;
  for (const TensorView& tensor : file.tensors())
    if (std::none_of(used.begin(), used.end(), [&](const auto& item) { return item.name == tensor.name; }))
      surplus.push_back(tensor.name);
  return surplus;
}

fs::path checked_path(const fs::path& path) {
  if (!fs::exists(path)) throw user_error("does not exist", path.string(), "check the path");
  if (!is_language_model(path))
    throw user_error("is no language model alone", path.string(),
                     "give a GGUF file, or the folder of a Qwen2 or Llama model");
  return folder_around(path);
}

}  // namespace

bool is_language_model(const fs::path& path) {
  if (is_gguf(path)) return true;
  const fs::path folder = folder_around(path);
  return fs::is_directory(folder) && checkpoint_layout(folder) == CheckpointLayout::kHuggingFace;
}

void check_gguf(const Gguf& file) {
  for (const TensorView& tensor : file.tensors()) check_finite(tensor, file.where());
}

LanguageModel load_language_model(const fs::path& path, LanguageUse use) {
  LanguageModel model;
  model.path = checked_path(path);
  const bool gguf = !fs::is_directory(model.path);
  LmConfig lm;
  if (gguf) {
    model.gguf = Gguf::open(model.path);
    lm = lm_config_from_gguf(model.gguf);
    model.weight_files = {model.path};
  } else {
    model.files = std::make_shared<CheckpointFiles>(CheckpointFiles::open(model.path));
    lm = sizes_of(*model.files);
    model.weight_files = model.files->weight_files();
  }
  model.config = around(lm, name_of(model.path));
  model.config.check(model.path.string());
  use_torch_threads();
  const NoDraws empty;
  model.network = Af2Model(model.config);
  DecoderImpl& decoder = *model.network->lang_encoder->model;
  if (gguf) {
    refuse_surplus(surplus_of(model.gguf, lm_gguf_tensors(decoder)), model.path.string());
    check_gguf(model.gguf);
    load_decoder(model.gguf, decoder,
                 use == LanguageUse::kConversion ? MatrixForm::kAsStored : MatrixForm::kMapped);
  } else {
    refuse_surplus(load_huggingface(*model.files, decoder), model.path.string());
  }
  model.network->eval();
  return model;
}

LanguageFacts language_facts(const fs::path& path) {
  const fs::path place = checked_path(path);
  LanguageFacts facts;
  facts.name = name_of(place);
  const auto count = [&](const TensorView& tensor) {
    facts.parameters += tensor.n_elements();
    LanguageFacts::Share& share = facts.types[std::string(dtype_name(tensor.dtype))];
    ++share.tensors;
    share.bytes += static_cast<std::int64_t>(tensor.bytes.size());
  };
  const auto in_words = [](const std::string& kind, const ByteBpe& words) {
    return kind + ", " + std::to_string(words.size()) + " tokens";
  };
  // A tokenizer of another kind is a fact too.
  const auto tell_tokenizer = [&](const std::function<std::string()>& read) {
    try {
      facts.tokenizer = read();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kModel) throw;
      facts.tokenizer = "not usable here: " + error.problem();
    }
  };
  if (fs::is_directory(place)) {
    facts.form = "Hugging Face folder";
    const CheckpointFiles files = CheckpointFiles::open(place);
    facts.lm = sizes_of(files);
    for (const auto& [name, tensor] : files.tensors()) count(tensor);
    facts.tokenizer = "none";
    if (holds_tokenizer(place)) tell_tokenizer([&] { return in_words("files", tokenizer_in(place)); });
    return facts;
  }
  facts.form = "GGUF file";
  const Gguf file = Gguf::open(place);
  facts.lm = lm_config_from_gguf(file);
  for (const TensorView& tensor : file.tensors()) count(tensor);
  facts.tokenizer = "none";
  if (file.has("tokenizer.ggml.tokens"))
    tell_tokenizer(
        [&] { return in_words("lists, " + file.get_string("tokenizer.ggml.pre"), tokenizer_of(file)); });
  return facts;
}

}  // namespace af2
