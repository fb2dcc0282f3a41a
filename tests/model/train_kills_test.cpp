// What a run loses when it is killed, stopped or out of disk: at most what came after its last checkpoint.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "spawned.h"
#include "stage_fixture.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using test::exit_code_of, test::start_again;

constexpr int kKills = 50;

// Only ever started by the tests below: trains what AF2_TEST_RECIPE says, into AF2_TEST_RUN.
TEST(KilledWorker, DISABLED_Trains) {
  const char* recipe = std::getenv("AF2_TEST_RECIPE");
  ASSERT_NE(recipe, nullptr);
  if (const char* limit = std::getenv("AF2_TEST_FILE_LIMIT")) {
    std::signal(SIGXFSZ, SIG_IGN);  // writes fail, as on a full disk
    const rlimit size = {static_cast<rlim_t>(std::atoll(limit)), RLIM_INFINITY};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &size), 0);
  }
  const fs::path run = std::getenv("AF2_TEST_RUN");
  try {
    train(read_train_options(recipe), run, /*resume=*/true);
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    std::_Exit(e.exit_code());
  }
}

struct TrainKills : test::StageTraining {
  pid_t start(const std::string& run, const std::vector<std::string>& more = {}) {
    std::vector<std::string> settings = {"AF2_TEST_RECIPE=" + (scratch / "recipe.json").string(),
                                         "AF2_TEST_RUN=" + (scratch / run).string()};
    settings.insert(settings.end(), more.begin(), more.end());
    return start_again("KilledWorker.*", settings);
  }
  // From starting a process until its first checkpoint stands; it is killed then.
  double milliseconds_to_a_checkpoint(const std::string& run) {
    const auto begun = std::chrono::steady_clock::now();
    const auto since = [&] { return std::chrono::steady_clock::now() - begun; };
    const pid_t child = start(run);
    while (latest_complete(scratch / run).step <= 0 && since() < std::chrono::minutes(2))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const double taken = std::chrono::duration<double, std::milli>(since()).count();
    kill(child, SIGKILL);
    exit_code_of(child);
    return taken;
  }
  void write_recipe(TrainOptions options) {
    write_file_atomic(scratch / "recipe.json", to_json(options).dump(2));
  }
};

// Kills at moments drawn anew by a fixed seed, over starting, training, writing checkpoints and removing
// them. How long a start takes is measured first, and moments come later while a start does not get on.
TEST_F(TrainKills, AtFiftyMomentsNothingButTheLastIntervalIsLost) {
  TrainOptions options = stage({"adapter"}, 60);
  options.stage.slices = 30;
  options.save_every = 2;
  options.stage.val_sets = {set_of("tones")};
  options.val_every = 7;
  const TrainResult whole = train(options, scratch / "whole", false);
  ASSERT_GT(whole.steps, 60);
  write_recipe(options);
  std::mt19937 moments(7);
  double start_ms = milliseconds_to_a_checkpoint("timed");
  std::int64_t kept = -1;
  int killed = 0, while_training = 0;
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    const pid_t child = start("run");
    const double wait_ms = start_ms * std::uniform_real_distribution<>(0.1, 1.8)(moments);
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(wait_ms));
    kill(child, SIGKILL);
    if (exit_code_of(child) != 128 + SIGKILL) break;  // it had ended by itself
    ++killed;
    const LatestCheckpoint last = latest_complete(scratch / "run");
    EXPECT_GE(last.step, kept) << "kill " << kill_number;
    if (last.folder) verify(*last.folder);
    if (last.step > kept) {
      ++while_training;
    } else if (wait_ms > 1.2 * start_ms) {
      start_ms = std::min(start_ms * 1.2, 20e3);  // the machine is slower now than when it was measured
    }
    kept = last.step;
    // Steps that were told but not saved are at most those of an interval.
    if (!fs::exists(scratch / "run" / "metrics.jsonl")) continue;
    std::int64_t told = 0;
    const std::string text = read_file(scratch / "run" / "metrics.jsonl");
    for (const std::string& line : split(text, '\n'))
      if (const Json record = Json::parse(line, nullptr, false);
          record.is_object() && record.contains("loss"))
        told = record["step"];
    EXPECT_LE(told, std::max<std::int64_t>(kept, 0) + options.save_every) << "kill " << kill_number;
  }
  EXPECT_GE(killed, 5);
  EXPECT_GE(while_training, 2);
  EXPECT_EQ(exit_code_of(start("run")), 0);
  expect_equal_checkpoints(whole.checkpoint, *latest_complete(scratch / "run").folder);
  EXPECT_EQ(metrics("whole"), metrics("run"));
}

TEST_F(TrainKills, AFullDiskLeavesOlderCheckpoints) {
  TrainOptions options = stage({"adapter"}, 4);
  options.save_every = 2;
  options.stop_after = 2;
  const TrainResult first = train(options, scratch / "run", false);
  const auto size = fs::file_size(first.checkpoint / "model.safetensors");
  options.stop_after = 0;
  write_recipe(options);
  // Room for the log, not for a checkpoint.
  const pid_t child = start("run", {"AF2_TEST_FILE_LIMIT=" + std::to_string(size / 2)});
  EXPECT_EQ(exit_code_of(child), static_cast<int>(ErrorKind::kResource));
  const LatestCheckpoint last = latest_complete(scratch / "run");
  EXPECT_EQ(last.step, 2);
  verify(*last.folder);
  for (const auto& entry : fs::directory_iterator(scratch / "run"))
    EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();
  EXPECT_EQ(exit_code_of(start("run")), 0);  // with room again
  options.stop_after = 0;
  const TrainResult whole = train(options, scratch / "whole", false);
  expect_equal_checkpoints(whole.checkpoint, *latest_complete(scratch / "run").folder);
}

}  // namespace
}  // namespace af2
