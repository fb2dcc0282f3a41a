#include "af2/audio/resample.h"

#include <algorithm>
#include <string>
#include <utility>

#include "af2/core/error.h"

#ifdef AF2_WITH_SOXR
#include <soxr.h>
#endif

namespace af2 {
namespace {

void check_rates(int from_hz, int to_hz) {
  constexpr int kMaxRate = 10'000'000;
  if (from_hz < 1 || to_hz < 1 || from_hz > kMaxRate || to_hz > kMaxRate)
    throw user_error("sample rates must be 1 to 10000000 Hz, not " + std::to_string(from_hz) + " and " +
                     std::to_string(to_hz));
#ifndef AF2_WITH_SOXR
  if (from_hz != to_hz)
    throw user_error("cannot resample " + std::to_string(from_hz) + " Hz to " + std::to_string(to_hz) +
                         " Hz: built with AF2_WITH_SOXR=OFF",
                     "", "build with AF2_WITH_SOXR=ON, or give audio at " + std::to_string(to_hz) + " Hz");
#endif
}

}  // namespace

std::int64_t resampled_length(std::int64_t n, int from_hz, int to_hz) {
  const std::int64_t whole = n / from_hz, rest = n % from_hz;  // so that n * to_hz cannot overflow
  return whole * to_hz + (rest * to_hz + from_hz - 1) / from_hz;
}

struct Resampler::Impl {
  int from_hz, to_hz;
  std::int64_t n_in = 0, n_out = 0;
#ifdef AF2_WITH_SOXR
  soxr_t soxr = nullptr;
  ~Impl() {
    soxr_delete(soxr);
  }

  // Feeds `x` (empty with null data: end of input) and appends all that comes out.
  void feed(const float* x, std::size_t n, std::vector<float>& out) {
    do {
      const std::size_t before = out.size();
      const std::size_t room = std::clamp<std::size_t>(
          static_cast<std::size_t>(resampled_length(n, from_hz, to_hz)) + 64, 256, 1 << 20);
      out.resize(before + room);
      std::size_t used = 0, made = 0;
      const soxr_error_t error = soxr_process(soxr, x, n, &used, out.data() + before, room, &made);
      out.resize(before + made);
      if (error) throw internal_error(std::string("soxr: ") + error);
      n_out += static_cast<std::int64_t>(made);
      if (x) {
        x += used;
        n -= used;
        if (n == 0 && made < room) return;
      } else if (made == 0) {
        return;
      }
    } while (true);
  }
#endif
};

Resampler::Resampler(int from_hz, int to_hz) : impl_(new Impl{}) {
  check_rates(from_hz, to_hz);
  impl_->from_hz = from_hz;
  impl_->to_hz = to_hz;
#ifdef AF2_WITH_SOXR
  if (from_hz != to_hz) {
    soxr_error_t error = nullptr;
    const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
    const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
    const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
    impl_->soxr = soxr_create(from_hz, to_hz, 1, &error, &io, &quality, &runtime);
    if (!impl_->soxr) throw internal_error(std::string("soxr: ") + (error ? error : "cannot start"));
  }
#endif
}

Resampler::~Resampler() = default;
Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;

void Resampler::push(std::span<const float> x, std::vector<float>& out) {
  if (x.empty()) return;
  impl_->n_in += static_cast<std::int64_t>(x.size());
  if (impl_->from_hz == impl_->to_hz) {
    out.insert(out.end(), x.begin(), x.end());
    return;
  }
#ifdef AF2_WITH_SOXR
  impl_->feed(x.data(), x.size(), out);
#endif
}

void Resampler::finish([[maybe_unused]] std::vector<float>& out) {
  if (impl_->from_hz == impl_->to_hz) return;
#ifdef AF2_WITH_SOXR
  if (impl_->n_in > 0) impl_->feed(nullptr, 0, out);
  const std::int64_t length = resampled_length(impl_->n_in, impl_->from_hz, impl_->to_hz);
  const std::int64_t missing = length - impl_->n_out;  // at most one sample either way
  out.resize(static_cast<std::size_t>(static_cast<std::int64_t>(out.size()) + missing), 0.0f);
  impl_->n_out = length;
#endif
}

std::vector<float> resample(std::span<const float> x, int from_hz, int to_hz) {
  Resampler resampler(from_hz, to_hz);
  std::vector<float> out;
  out.reserve(
      static_cast<std::size_t>(resampled_length(static_cast<std::int64_t>(x.size()), from_hz, to_hz)) + 64);
  resampler.push(x, out);
  resampler.finish(out);
  return out;
}

}  // namespace af2
