// The towers of other encoders (recipes/encoders): their fragments fit a config, and their sizes run.
#include "af2/model/htsat.h"
#include "af2/model/logmel.h"
#include "architecture_testing.h"

namespace af2 {
namespace {

struct Encoder {
  std::string file;
  int rate, samples, frames, width;
};

TEST(Encoders, FragmentsGoOverAConfig) {
  const torch::NoGradGuard no_grad;
  const test::Scratch scratch;
  write_file_atomic(scratch / "config.json", test::config_json(test::six_layer_config()).dump());
  for (const Encoder& encoder :
       {Encoder{"af_clap", 16000, 160000, 1001, 2048}, Encoder{"laion_clap", 48000, 480000, 1001, 768},
        Encoder{"ms_clap", 44100, 308700, 965, 768}}) {
    SCOPED_TRACE(encoder.file);
    const std::filesystem::path file =
        std::filesystem::path(AF2_SOURCE_DIR) / "recipes/encoders" / (encoder.file + ".yaml");
    const Json fragment = read_config_file(file);
    for (const auto& [key, value] : fragment.items()) EXPECT_TRUE(key == "clap" || key == "audio") << key;
    const Af2Config config = read_af2_config(scratch / "config.json", fragment);
    EXPECT_EQ(config.audio.sample_rate, encoder.rate);
    EXPECT_EQ(config.audio.window_samples(), encoder.samples);
    EXPECT_EQ(config.audio.n_frames(), encoder.frames);
    EXPECT_EQ(config.clap.frames(config.audio), 1024);
    EXPECT_EQ(config.clap.out_dim(), encoder.width);
    EXPECT_EQ(config.audio_tokens_per_window(), 64);
    EXPECT_EQ(config.clap.time_steps(config.audio), 32);
    if (encoder.width > 1000) continue;  // gigabytes
    Htsat tower(config.clap, config.audio);
    test::fill_named(*tower, "encoder/");
    tower->eval();
    const LogMel logmel(config.audio);
    const torch::Tensor mel = logmel(test::sound_like("encoder", 1, encoder.samples));
    ASSERT_EQ(mel.sizes(), (std::vector<int64_t>{1, encoder.frames, 64}));
    const torch::Tensor tokens = tower->forward(mel);
    ASSERT_EQ(tokens.sizes(), (std::vector<int64_t>{1, 64, 768}));
    EXPECT_TRUE(tokens.isfinite().all().item<bool>());
    EXPECT_GT(tokens.std(1).min().item<float>(), 0);
  }
}

// Against the filters that transformers' audio_utils make (norm and scale slaney, 50 to 14000 Hz at 32 kHz).
TEST(Encoders, SlaneyFilters) {
  AudioConfig audio;
  audio.sample_rate = 44100, audio.mel_rate = 32000, audio.mel_scale = "slaney", audio.f_max = 14000;
  const torch::Tensor filters = mel_filterbank(audio);
  ASSERT_EQ(filters.sizes(), (std::vector<int64_t>{513, 64}));
  const auto near = [&](int bin, int band, double value) {
    EXPECT_NEAR(filters[bin][band].item<double>(), value, 1e-8) << bin << " " << band;
  };
  near(2, 0, 0.004289089459194086);
  near(3, 0, 0.015011813107179299);
  near(19, 9, 0.01718521797889349);
  near(57, 27, 0.009721233518521348);
  near(156, 45, 0.003508561070216977);
  near(424, 63, 0.0013412120839159773);
  near(440, 63, 0.00044707069463865474);
  near(32, 20, 0);
  EXPECT_NEAR(filters.select(1, 30).sum().item<double>(), 0.03184823526589858, 1e-7);
  test::expect_error(ErrorKind::kUser, {"key audio.mel_scale", "htk or slaney"},
                     [] { test::six_layer_model(R"({"audio": {"mel_scale": "bark"}})"); });
}

}  // namespace
}  // namespace af2
