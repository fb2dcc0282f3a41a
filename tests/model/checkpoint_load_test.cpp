// Published checkpoints: what is loaded computes what was saved.
#include "af2/model/checkpoint_load.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "af2/audio/wav.h"
#include "af2/generate/convert.h"
#include "af2/generate/engine.h"
#include "af2/model/checkpoint_config.h"
#include "af2/text/prompt.h"
#include "af2/train/trainer.h"
#include "published_checkpoint.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;
using test::Published, test::Tensors, test::published_tensors, test::small_config, test::write_base;
using test::write_tensors, test::write_tokenizer, test::write_torch_file;

TEST_F(Published, FolderAsDownloadedComputesWhatWasSaved) {
  for (const bool tied : {true, false}) {
    write(tied, SaveType::kF32);
    ModelFolder loaded = load_model_folder(folder, {});
    EXPECT_EQ(loaded.config.lm.tied, tied);
    EXPECT_EQ(loaded.config.lm.vocab, test::kTinyVocabulary);
    EXPECT_EQ(loaded.config.clap.depths, network->config.clap.depths);
    EXPECT_EQ(loaded.config.audio.f_max, 8000);
    EXPECT_EQ(loaded.config.audio.max_windows, 12);
    EXPECT_TRUE(loaded.surplus.empty()) << loaded.surplus.front();
    EXPECT_EQ(test::max_error(logits_of(loaded.network), logits_of(network)), 0);
    // Nothing of the language model's matrices was copied.
    const TensorView* up = loaded.files->find("lang_encoder.model.layers.0.mlp.up_proj.weight");
    auto& mlp = *loaded.network->lang_encoder->model->layers->ptr(0)->as<DecoderLayer>()->mlp;
    EXPECT_EQ(static_cast<const void*>(mlp.up_proj->weight.data_ptr()),
              static_cast<const void*>(up->bytes.data()));
  }
}

TEST_F(Published, SixteenBitWeightsStayInTheirFiles) {
  write(true, SaveType::kBF16);
  ModelFolder loaded = load_model_folder(folder, {});
  auto& mlp = *loaded.network->lang_encoder->model->layers->ptr(0)->as<DecoderLayer>()->mlp;
  EXPECT_TRUE(mlp.up_proj->is_low_bit());
  const torch::Tensor want = logits_of(network), have = logits_of(loaded.network);
  EXPECT_GT(test::max_error(have, want), 0);
  EXPECT_LT(test::relative_error(have, want), 2e-2);  // docs/spec/model.md section 10
}

TEST_F(Published, TheEngineAnswersFromIt) {
  write(true, SaveType::kF32);
  const Engine engine = Engine::load(folder, {.threads = 1});
  Clip clip;
  const torch::Tensor sound = test::sound_like("published/clip", 1, 250000)[0].contiguous();
  clip.samples.assign(sound.data_ptr<float>(), sound.data_ptr<float>() + sound.numel());
  clip.rate_hz = 16000;
  clip.seconds = clip.wanted_seconds = clip.file_seconds = 250000 / 16000.0;
  const af2::Memory memory = engine.listen(clip);
  EXPECT_EQ(memory.report().n_windows, 2);
  AnswerOptions options;
  options.max_new_tokens = 12;
  options.ignore_eos = true;
  const Answer answer = engine.answer(memory, "and you?", options);
  // Greedy decoding of the saved network without cache gives the same.
  torch::NoGradGuard no_grad;
  const Feature waveform = engine.feature(clip, FeatureLayer::kWaveform, {});
  const torch::Tensor windows = torch::tensor(waveform.values).view(waveform.shape);
  std::vector<torch::Tensor> heard;
  for (int64_t i = 0; i < windows.size(0); ++i) heard.push_back(network->encode(windows.narrow(0, i, 1)));
  const torch::Tensor tokens = torch::cat(heard).flatten(0, 1).unsqueeze(0);
  const AudioContext context = network->listen(network->remember(tokens, {}), {});
  std::vector<int64_t> ids;
  for (const int id : engine.prompt_ids("and you?")) ids.push_back(id);
  ASSERT_EQ(answer.tokens.size(), 12u);
  for (const int token : answer.tokens) {
    const torch::Tensor logits =
        network->logits(network->forward(torch::tensor(ids).unsqueeze(0), context))[0][-1];
    EXPECT_GT(logits[token].item<double>(), logits.max().item<double>() - 1e-3);
    ids.push_back(token);
  }
}

Clip steady_clip() {
  Clip clip;
  clip.samples.assign(160000, 0.1f);
  clip.rate_hz = 16000;
  clip.seconds = clip.wanted_seconds = clip.file_seconds = 10;
  return clip;
}

// The share of each given answer, from whole sequences without cache; then with a model that writes a lead.
TEST_F(Published, ChoicesAreWeighedByTheirProbability) {
  write(true, SaveType::kF32);
  ConvertOptions wide;
  wide.type = "f32";
  convert_model(folder, scratch / "plain", wide);
  ModelFolder loaded = load_model_folder(folder, {});
  const Engine engine = Engine::load(scratch / "plain", {.threads = 1});
  const af2::Memory memory = engine.listen(steady_clip());
  torch::NoGradGuard no_grad;
  const Feature waveform = engine.feature(steady_clip(), FeatureLayer::kWaveform, {});
  const torch::Tensor windows = torch::tensor(waveform.values).view(waveform.shape);
  const AudioContext context = network->listen(network->remember(network->encode(windows), {}), {});
  const std::vector<int> prompt = engine.prompt_ids("which?");
  // Sum over what follows the first `given` ids.
  const auto log_probability = [&](const std::vector<int>& all, std::size_t given) {
    const std::vector<int64_t> ids(all.begin(), all.end());
    const torch::Tensor log_p =
        network->logits(network->forward(torch::tensor(ids).unsqueeze(0), context))[0].log_softmax(-1);
    double sum = 0;
    for (std::size_t t = given; t < ids.size(); ++t)
      sum += log_p[static_cast<int64_t>(t) - 1][ids[t]].item<double>();
    return sum;
  };
  const auto with = [&](std::vector<int> ids, const std::string& answer) {
    for (const int id : loaded.tokenizer.encode(answer, false)) ids.push_back(id);
    ids.push_back(loaded.stop_ids.front());
    return ids;
  };
  std::vector<std::string> choices = {"one", "two and more", "x"};
  const auto expect_shares = [&](const std::vector<Choice>& scored, const std::vector<int>& lead) {
    ASSERT_EQ(scored.size(), choices.size());
    double shares = 0;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      std::vector<double> ways;
      for (const auto& way : choice_answers(i, choices[i])) {
        ways.push_back(log_probability(with(prompt, way), prompt.size()));
        if (!lead.empty()) ways.push_back(log_probability(with(lead, " " + way), prompt.size()));
      }
      const double high = *std::max_element(ways.begin(), ways.end());
      double sum = 0;
      for (const double way : ways) sum += std::exp(way - high);
      EXPECT_NEAR(scored[i].log_probability, high + std::log(sum), 1e-3) << choices[i];
      EXPECT_EQ(scored[i].text, choices[i]);
      shares += scored[i].share;
    }
    EXPECT_NEAR(shares, 1, 1e-9);
  };
  const std::vector<Choice> plain = engine.weigh(memory, "which?", choices);
  expect_shares(plain, {});
  test::expect_error(ErrorKind::kUser, {"--choices"}, [&] { engine.weigh(memory, "which?", {}); });

  // After the prompt that lists them; with plain_choices the mean of that and of the question alone.
  const std::vector<Choice> listed = engine.weigh(memory, with_choices("which?", choices), choices);
  const std::vector<Choice> chosen = engine.choose(memory, "which?", choices);
  const auto set_text = [&](const char* key, const Json& value) {
    Json config = parse_json(read_file(scratch / "plain" / "config.json"), "config.json");
    config["text"][key] = value;
    write_file_atomic(scratch / "plain" / "config.json", config.dump());
    return Engine::load(scratch / "plain", {.threads = 1});
  };
  const Engine both = set_text("plain_choices", true);
  const std::vector<Choice> mean = both.choose(both.listen(steady_clip()), "which?", choices);
  double shares = 0;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    EXPECT_EQ(chosen[i].log_probability, listed[i].log_probability);
    EXPECT_NEAR(mean[i].log_probability, (listed[i].log_probability + plain[i].log_probability) / 2, 1e-9);
    double sum = 0;  // of all shares over this one
    for (const Choice& other : mean) sum += std::exp(other.log_probability - mean[i].log_probability);
    EXPECT_NEAR(mean[i].share, 1 / sum, 1e-9);
    shares += mean[i].share;
  }
  EXPECT_NEAR(shares, 1, 1e-9);
  // A prompt that lists them is taken apart; one that does not is weighed as it is.
  const af2::Memory heard = both.listen(steady_clip());
  EXPECT_EQ(both.weigh_listed(heard, "which? (a) one. (b) two and more. (c) x.", choices)[1].log_probability,
            mean[1].log_probability);
  EXPECT_EQ(both.weigh_listed(heard, "which?", choices)[1].log_probability, plain[1].log_probability);

  // Less a share of what they would be worth unheard; without a clip as they are.
  const std::vector<Choice> unheard = both.choose(both.nothing(), "which?", choices);
  const Engine contrasted = set_text("contrast", 0.5);
  const std::vector<Choice> less = contrasted.choose(contrasted.listen(steady_clip()), "which?", choices);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    EXPECT_GT(std::abs(unheard[i].log_probability - mean[i].log_probability), 1e-4);
    EXPECT_NEAR(less[i].log_probability, 1.5 * mean[i].log_probability - 0.5 * unheard[i].log_probability,
                1e-9);
    EXPECT_EQ(contrasted.choose(contrasted.nothing(), "which?", choices)[i].log_probability,
              unheard[i].log_probability);
  }

  // More than are weighed at once, of lengths that differ.
  choices.clear();
  for (int i = 0; i < 26; ++i) {
    std::string text = "sound";
    for (int k = 0; k < i % 5; ++k) text += " and more";
    choices.push_back(text + " " + static_cast<char>('a' + i));
  }
  expect_shares(engine.weigh(memory, "which?", choices), {});
  choices = {"one", "two and more", "x"};

  // What it writes first of its own accord is made its lead.
  AnswerOptions first;
  first.max_new_tokens = 1;
  first.ignore_eos = true;
  const int id = engine.answer(memory, "which?", first).tokens.at(0);
  const Engine leading = set_text("lead", engine.token_text(id));
  std::vector<int> lead = prompt;
  lead.push_back(id);
  const std::vector<Choice> led = leading.weigh(leading.listen(steady_clip()), "which?", choices);
  expect_shares(led, lead);
  EXPECT_GT(led[0].log_probability, plain[0].log_probability);
}

TEST_F(Published, TheGenerationIsToldNeverGuessed) {
  write(true, SaveType::kF32);
  fs::rename(folder / "clap_ckpt" / "epoch_16.pt", folder / "clap_ckpt" / "epoch_15.pt");
  const ModelFolder first = load_model_folder(folder, {});
  EXPECT_EQ(first.config.audio.f_max, 14000);
  EXPECT_EQ(first.config.audio.max_windows, 9);
  EXPECT_EQ(first.config.audio_transformer.rotary, "heads_noop");
  LoadOptions june;
  june.generation = "2025-06";
  expect_refused(ErrorKind::kUser, {"--generation", "contradicts"}, june);
  fs::remove_all(folder / "clap_ckpt");
  expect_refused(ErrorKind::kUser, {"--generation 2025-03 or 2025-06"});
  EXPECT_EQ(load_model_folder(folder, june).config.audio_transformer.rotary, "on");
  // The filters of the tower's own spectrogram tell it too: those above 8 kHz are empty.
  torch::Tensor filters = torch::ones({513, 64});
  tensors["clap.nvclap.logmel_extractor.melW"] = filters;
  write_folder(SaveType::kF32);
  fs::remove_all(folder / "clap_ckpt");
  EXPECT_EQ(load_model_folder(folder, {}).config.audio.f_max, 8000);
  filters.slice(1, 54) = 0;
  write_folder(SaveType::kF32);
  fs::remove_all(folder / "clap_ckpt");
  EXPECT_EQ(load_model_folder(folder, {}).config.audio.f_max, 14000);
}

TEST_F(Published, WhatIsWrongIsNamed) {
  write(true, SaveType::kF32);
  const Tensors whole = tensors;
  const auto without = [&](const std::vector<std::string>& names) {
    tensors = whole;
    for (const auto& name : names) EXPECT_EQ(tensors.erase(name), 1u) << name;
    write_folder(SaveType::kF32);
  };
  without({"audio_transformer_clap.layer_stack.1.pos_ffn.w_2.bias"});
  expect_refused(ErrorKind::kModel, {"audio_transformer_clap.layer_stack.1.pos_ffn.w_2.bias (64)"});
  without({"lang_encoder.model.layers.1.decoder_layer.self_attn.k_proj.weight",
           "lang_encoder.old_decoder_blocks.1.self_attn.k_proj.weight"});
  expect_refused(ErrorKind::kModel, {"lang_encoder.model.layers.1.self_attn.k_proj.weight"});
  without({"clap.nvclap.layers.2.downsample.reduction.weight"});
  expect_refused(ErrorKind::kModel, {"clap.nvclap.layers.2.downsample.reduction.weight"});
  tensors = whole;
  tensors["audio_transformer_clap.layer_norm.weight"] = torch::ones({63});
  write_folder(SaveType::kF32);
  expect_refused(ErrorKind::kModel, {"audio_transformer_clap.layer_norm.weight", "63", "64"});
  tensors = whole;
  tensors["audio_transformer_clap.layer_norm.weight"] = torch::full({64}, std::nan(""));
  write_folder(SaveType::kF32);
  expect_refused(ErrorKind::kModel, {"audio_transformer_clap.layer_norm.weight", "not finite"});
  tensors = whole;
  tensors["lang_encoder.model.something_else"] = torch::ones({2});
  write_folder(SaveType::kF32);
  EXPECT_EQ(load_model_folder(folder, {}).surplus,
            std::vector<std::string>{"lang_encoder.model.something_else"});
  // No tokenizer; no heads; a base model of another width; an architecture that is not built in.
  fs::remove_all(folder / "Qwen2.5-tiny");
  expect_refused(ErrorKind::kUser, {"tokenizer", "--lm"});
  write_tokenizer(folder);
  expect_refused(ErrorKind::kUser, {"heads", "--lm"});
  LmConfig wide = network->config.lm;
  wide.dim = 128;
  write_base(scratch / "other", wide);
  LoadOptions options;
  options.base_lm = scratch / "other";
  expect_refused(ErrorKind::kModel, {"other", "128", "96"}, options);
  write_base(scratch / "other", network->config.lm, {{"rope_scaling", {{"type", "yarn"}}}});
  expect_refused(ErrorKind::kModel, {"rope_scaling", "yarn"}, options);
  write_base(scratch / "other", network->config.lm, {{"model_type", "mamba"}});
  expect_refused(ErrorKind::kModel, {"mamba"}, options);
}

// What the checkpoint lacks comes from the base model's folder; what it has wins.
TEST_F(Published, TheBaseModelFillsIn) {
  write(true, SaveType::kF32);
  Tensors base;
  for (const auto& [name, tensor] : tensors) {
    const std::string old_list = "lang_encoder.old_decoder_blocks.";
    if (name.starts_with(old_list)) base["model.layers." + name.substr(old_list.size())] = tensor;
  }
  base["model.embed_tokens.weight"] = torch::zeros_like(tensors["lang_encoder.model.embed_tokens.weight"]);
  std::erase_if(tensors, [](const auto& item) {
    return item.first.find("decoder_layer.") != std::string::npos ||
           item.first.find("old_decoder") != std::string::npos;
  });
  write_folder(SaveType::kF32);
  expect_refused(ErrorKind::kModel, {"lang_encoder.model.layers.0"});
  write_tensors(folder / "Qwen2.5-tiny" / "model.safetensors", base, SaveType::kF32);
  ModelFolder loaded = load_model_folder(folder, {});
  EXPECT_EQ(test::max_error(logits_of(loaded.network), logits_of(network)), 0);
}

// A checkpoint_N.pt of the training code: "module." before every name, the tower as clap.afclap.
TEST_F(Published, TrainingCheckpoint) {
  write(true, SaveType::kF32);
  Tensors state;
  for (const auto& [name, tensor] : tensors) {
    const std::string tower = "clap.nvclap.";
    state["module." + (name.starts_with(tower) ? "clap.afclap." + name.substr(tower.size()) : name)] =
        tensor.contiguous();
  }
  fs::create_directories(scratch / "run");
  const fs::path file = scratch / "run" / "checkpoint_3.pt";
  write_torch_file(file, state);
  LoadOptions options;
  options.base_lm = folder / "Qwen2.5-tiny";
  options.generation = "2025-06";
  ModelFolder loaded = load_model_folder(file, options);
  // Its records lie at odd addresses here, so that products go another way than float32 matrices.
  EXPECT_LT(test::max_error(logits_of(loaded.network), logits_of(network)), 1e-4);

  // As a model folder it is what a stage goes on from; at such a rate its first step changes nothing.
  ConvertOptions convert;
  convert.type = "f32", convert.base_lm = options.base_lm, convert.generation = options.generation;
  convert_model(file, scratch / "model", convert);
  write_wav(scratch / "tone.wav", std::vector<float>(16000, 0.1f));
  write_file_atomic(scratch / "tones.jsonl", Json{{"audio", (scratch / "tone.wav").string()},
                                                  {"prompt", "what is heard?"},
                                                  {"output", "a tone"},
                                                  {"duration", 1.0}}
                                                     .dump() +
                                                 "\n");
  TrainOptions stage;
  stage.task = "stage", stage.model = (scratch / "model").string();
  stage.optimizer.lr = 1e-30, stage.threads = 2, stage.save_every = 1, stage.stop_after = 1;
  TrainSetOptions& set = stage.stage.sets.emplace_back();
  set.name = "tones", set.manifest = (scratch / "tones.jsonl").string(), set.passes = 2;
  const TrainResult trained = train(stage, scratch / "training", false);
  const SafeTensors weights = SafeTensors::open(trained.checkpoint / "model.safetensors");
  for (const auto& [name, tensor] : adapter_tensors(*network))
    EXPECT_TRUE(torch::equal(read_tensor(weights, name), tensor)) << name;
}

}  // namespace
}  // namespace af2
