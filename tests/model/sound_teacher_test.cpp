// The teacher's network and front end against an oracle with name-seeded weights.
#include "af2/train/sound_teacher.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "model_testing.h"
#include "named_weights.h"

namespace af2 {
namespace {

std::vector<std::pair<std::string, torch::Tensor>> teacher_weights() {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  int64_t in = 1;
  for (int block = 1; block <= 4; ++block) {
    const int64_t out = int64_t{32} << block;
    for (const char* half : {"1", "2"}) {
      const auto add = [&](const std::string& key, at::IntArrayRef shape) {
        const std::string name = "conv_block" + std::to_string(block) + "." + key;
        tensors.emplace_back(name, test::named("teacher/" + name, shape));
      };
      add(std::string("conv") + half + ".weight", {out, in, 3, 3});
      for (const char* what : {"weight", "bias", "running_mean", "running_var"})
        add(std::string("bn") + half + "." + what, {out});
      in = out;
    }
  }
  return tensors;
}

class SoundTeacherTest : public ::testing::Test {
 protected:
  test::Scratch scratch;
  std::filesystem::path file = scratch / "teacher.safetensors";
};

TEST_F(SoundTeacherTest, EqualsTheOracle) {
  save_tensors(file, teacher_weights(), SaveType::kF32, {});
  const SoundTeacher teacher(file);
  const torch::Tensor sound = test::sound_like("teacher/sound", 1, 19200)[0].contiguous();
  const torch::Tensor mel = teacher.spectrogram({sound.data_ptr<float>(), 19200});
  EXPECT_LT(test::max_error(mel, test::golden("teacher", "spectrogram")), 1e-3);
  const torch::Tensor heard = teacher.features(mel.unsqueeze(0));
  ASSERT_EQ(heard.sizes(), (std::vector<int64_t>{1, SoundTeacher::kFeatures, mel.size(0) / 8}));
  EXPECT_LT(test::relative_error(heard[0], test::golden("teacher", "features")), 1e-3);
}

TEST_F(SoundTeacherTest, RefusesAnotherNetwork) {
  auto tensors = teacher_weights();
  tensors.pop_back();
  save_tensors(file, tensors, SaveType::kF32, {});
  test::expect_error(ErrorKind::kModel, {"conv_block4.bn2.running_var", "convert.py"},
                     [&] { const SoundTeacher teacher(file); });
}

// Positions are 0.186 s apart, the first one's middle at 0.093 s.
TEST_F(SoundTeacherTest, StepsTakeTheGreatestFeatureNearby) {
  torch::Tensor features = torch::zeros({1, SoundTeacher::kFeatures, 11});
  features[0][7][5] = 2;  // at 1.02 s
  features[0][8][0] = 3;  // at 0.09 s
  const torch::Tensor steps = SoundTeacher::at_steps(features, 5, 0.4, 0.25);
  ASSERT_EQ(steps.sizes(), (std::vector<int64_t>{1, 5, SoundTeacher::kFeatures}));
  EXPECT_TRUE(torch::equal(steps[0].select(1, 7), torch::tensor({0.0f, 0.0f, 2.0f, 0.0f, 0.0f})));
  EXPECT_TRUE(torch::equal(steps[0].select(1, 8), torch::tensor({3.0f, 0.0f, 0.0f, 0.0f, 0.0f})));
}

}  // namespace
}  // namespace af2
