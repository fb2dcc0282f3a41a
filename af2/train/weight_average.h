// The exponential moving average of the trained weights (key optimizer.ema): what a run with one validates,
// keeps as its model, and hands to the next stage.
//
// After step s (from 1) it moves by 1 - min(ema, (1 + s) / (10 + s)) of the way to the weights, so that the
// first steps are soon forgotten. Thread rule: one owner.
//
//   WeightAverage average(items, 0.999);
//   average.update(step);
//   { const WeightAverage::InPlace averaged(average); validate(); }
#pragma once

#include <torch/torch.h>

#include <vector>

#include "af2/train/task.h"

namespace af2 {

class WeightAverage {
 public:
  // Of the tensors as they are now; `ema` in 0..1, 0: nothing is kept.
  WeightAverage(const std::vector<TrainTask::Trained>& items, double ema);

  bool is_kept() const { return ema_ > 0; }
  void update(std::int64_t step);
  // What the tensors hold now becomes the average.
  void take();
  // The tensors themselves, by their names.
  NamedTensors weights() const;

  // While one lives the trained tensors hold the average.
  class InPlace {
   public:
    explicit InPlace(WeightAverage& average) : average_(average) { average_.exchange(); }
    ~InPlace() { average_.exchange(); }
    InPlace(const InPlace&) = delete;
    InPlace& operator=(const InPlace&) = delete;

   private:
    WeightAverage& average_;
  };

 private:
  void exchange();

  std::vector<TrainTask::Trained> items_;
  std::vector<torch::Tensor> kept_;  // the averages; while those are in place, the weights
  double ema_;
};

}  // namespace af2
