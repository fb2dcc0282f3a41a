// TensorBoard's event files: numbers and texts of a run by step, which TensorBoard draws while they grow.
//
// A file is a row of records {length, masked CRC-32C of it, bytes, masked CRC-32C of them}, each a protocol
// buffer `Event` (tensorflow/core/util/event.proto); only scalars, texts and the mark of a restart are
// written. Not a log to resume from: metrics.jsonl is (train/trainer.h). Thread rule: one owner.
//
//   EventFile events("runs/a", /*step=*/0);
//   events.scalars(12, {{"loss", 0.7}, {"lr", 1e-4}});
//   events.text(12, "sample", "what is heard? -> a dog");
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace af2 {

// CRC-32C (Castagnoli), and as it stands in records.
std::uint32_t crc32c(std::string_view bytes);
std::uint32_t masked_crc32c(std::string_view bytes);

class EventFile {
 public:
  // Begins a new file events.out.tfevents.SECONDS.af2 in `folder` (with a number behind it where that one
  // exists). `step`: the run goes on behind it; what other files of the folder say of later steps no longer
  // counts. `seconds` since 1970, else the clock's. Throws kResource.
  EventFile(const std::filesystem::path& folder, std::int64_t step, std::function<double()> seconds = {});

  // Values that are not finite are written as they are: TensorBoard marks them. Throws kResource when the
  // disk is full.
  void scalars(std::int64_t step, const std::vector<std::pair<std::string, double>>& values);
  void text(std::int64_t step, const std::string& tag, const std::string& text);
  const std::filesystem::path& path() const { return path_; }

 private:
  void record(const std::string& event);
  std::string head(std::int64_t step) const;

  std::filesystem::path path_;
  std::function<double()> seconds_;
  std::ofstream out_;
};

}  // namespace af2
