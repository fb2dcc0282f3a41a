// Which device `--device` means, and what is said when there is none or its memory does not suffice.
#include "af2/model/device.h"

#include <gtest/gtest.h>

#include "model_testing.h"

namespace af2 {
namespace {

std::vector<DeviceFacts> two_gpus() {
  return {{"cpu", "a processor", 1000, 900, false},
          {"cuda:0", "a card", 100, 20, true},
          {"cuda:1", "another", 100, 80, true}};
}

TEST(Device, NamesMeanOneOfThoseThatAreThere) {
  const auto here = two_gpus();
  EXPECT_EQ(choose_device("cpu", here, true).name, "cpu");
  EXPECT_EQ(choose_device("cuda", here, true).name, "cuda:0");
  EXPECT_EQ(choose_device("cuda:0", here, true).name, "cuda:0");
  EXPECT_EQ(choose_device("cuda:1", here, true).description, "another");
  EXPECT_EQ(choose_device("auto", here, true).name, "cuda:1") << "the most free memory";
  EXPECT_EQ(choose_device("auto", {here.front()}, true).name, "cpu");
  EXPECT_EQ(choose_device("auto", {here.front()}, false).name, "cpu");
}

TEST(Device, WhatIsNotThereIsSaid) {
  const auto here = two_gpus();
  for (const char* name : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda1", "CPU"})
    test::expect_error(ErrorKind::kUser, {"--device", "cuda:N"}, [&] { choose_device(name, here, true); });
  test::expect_error(ErrorKind::kResource, {"--device cuda:2", "cpu, cuda:0, cuda:1"},
                     [&] { choose_device("cuda:2", here, true); });
  test::expect_error(ErrorKind::kResource, {"--device cuda", "cuda:0 is not there"},
                     [&] { choose_device("cuda", {here.front()}, true); });
  test::expect_error(ErrorKind::kResource, {"--device cuda", "without CUDA"},
                     [&] { choose_device("cuda", {here.front()}, false); });
}

TEST(Device, TheCpuIsAlwaysListedFirst) {
  const auto all = list_devices();
  ASSERT_FALSE(all.empty());
  EXPECT_TRUE(all[0].is_cpu());
  EXPECT_FALSE(all[0].description.empty());
  EXPECT_GT(all[0].free_bytes, 0u);
  EXPECT_LE(all[0].free_bytes, all[0].total_bytes);
  EXPECT_TRUE(all[0].bf16 || !all[0].fast_bf16);
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_EQ(all[i].name, "cuda:" + std::to_string(i - 1));
  EXPECT_EQ(find_device("cpu").name, "cpu");
  EXPECT_TRUE(built_with_cuda() || all.size() == 1);
}

TEST(Device, TooLittleMemorySaysWhatWasNeeded) {
  const Error error = device_error(
      "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.60 GiB of which 1.20 "
      "GiB "
      "is free. Process 71 has 22.40 GiB memory in use. Of the allocated memory 21.00 GiB is allocated by "
      "PyTorch.\nException raised from",
      "cuda:0");
  EXPECT_EQ(error.kind(), ErrorKind::kResource);
  EXPECT_EQ(
      std::string(error.what()),
      "cuda:0: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.60 GiB of "
      "which 1.20 GiB is free; give a smaller --gpu-layers or -b, a shorter clip (--windows), or --device "
      "cpu");
  for (const char* other : {"CUDA error: out of memory\nCUDA kernel errors might be",
                            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"})
    EXPECT_EQ(device_error(other, "cuda:0").kind(), ErrorKind::kResource);
  EXPECT_EQ(device_error("CUDA error: an illegal memory access was encountered", "cuda:0").kind(),
            ErrorKind::kInternal);
}

}  // namespace
}  // namespace af2
