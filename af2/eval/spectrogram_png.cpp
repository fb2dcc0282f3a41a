#include "af2/eval/spectrogram_png.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "af2/audio/fft.h"
#include "af2/core/error.h"
#include "af2/io/zip_archive.h"

namespace af2 {
namespace {

constexpr std::size_t kWindow = 1024;
constexpr double kFloorDb = -70, kLowestHz = 40;

double mel_of(double hz) {
  return 2595 * std::log10(1 + hz / 700);
}
double hz_of(double mel) {
  return 700 * (std::pow(10, mel / 2595) - 1);
}

void put_big_endian(std::string& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xFF);
}

void put_chunk(std::string& out, const char* type, const std::string& data) {
  const std::string body = type + data;
  put_big_endian(out, static_cast<std::uint32_t>(data.size()));
  out += body;
  put_big_endian(out, crc32(std::as_bytes(std::span(body))));
}

// A zlib stream of stored blocks (RFC 1950, 1951): a picture of this size is not worth a compressor.
std::string stored_zlib(const std::string& data) {
  constexpr std::size_t kBlock = 65535;
  std::string out = "\x78\x01";
  std::size_t at = 0;
  do {
    const std::size_t n = std::min(kBlock, data.size() - at);
    out += at + n == data.size() ? '\1' : '\0';
    for (const std::size_t value : {n, ~n}) {
      out += static_cast<char>(value & 0xFF);
      out += static_cast<char>(value >> 8 & 0xFF);
    }
    out.append(data, at, n);
    at += n;
  } while (at < data.size());
  std::uint32_t a = 1, b = 0;
  for (const char c : data) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  put_big_endian(out, b << 16 | a);
  return out;
}

// Black over violet and orange to light yellow: lightness grows all the way, so it reads without colour too.
std::vector<std::uint8_t> heat_palette() {
  constexpr double kStops[][3] = {{4, 4, 20}, {70, 20, 110}, {180, 50, 95}, {245, 130, 40}, {252, 250, 190}};
  std::vector<std::uint8_t> palette;
  for (int i = 0; i < 256; ++i) {
    const double place = i / 255.0 * 4;
    const int stop = std::min(3, static_cast<int>(place));
    for (int c = 0; c < 3; ++c)
      palette.push_back(static_cast<std::uint8_t>(
          std::lround(kStops[stop][c] + (place - stop) * (kStops[stop + 1][c] - kStops[stop][c]))));
  }
  return palette;
}

}  // namespace

Spectrogram spectrogram_of(std::span<const float> samples, int rate_hz) {
  Spectrogram result;
  result.low_hz = kLowestHz, result.high_hz = rate_hz / 2.0;
  constexpr std::size_t kHopLeast = 160;
  const std::size_t span = samples.size() > kWindow ? samples.size() - kWindow : 0;
  const std::size_t hop = std::max(kHopLeast, (span + kSpectrogramColumns - 1) / kSpectrogramColumns);
  result.columns = static_cast<int>(std::min<std::size_t>(span / hop + 1, kSpectrogramColumns));
  const std::size_t bands = static_cast<std::size_t>(result.bands), bins = kWindow / 2 + 1;

  std::vector<double> edges(bands + 2);  // in bins
  for (std::size_t i = 0; i < edges.size(); ++i)
    edges[i] = hz_of(mel_of(result.low_hz) + (mel_of(result.high_hz) - mel_of(result.low_hz)) *
                                                 static_cast<double>(i) / static_cast<double>(bands + 1)) *
               static_cast<double>(kWindow) / rate_hz;
  std::vector<float> hann(kWindow);
  for (std::size_t t = 0; t < kWindow; ++t)
    hann[t] = static_cast<float>(
        0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(t) / static_cast<double>(kWindow)));

  const Fft fft(kWindow);
  std::vector<std::complex<float>> z(kWindow);
  std::vector<double> power(static_cast<std::size_t>(result.columns) * bands);
  for (std::size_t column = 0; column < static_cast<std::size_t>(result.columns); ++column) {
    for (std::size_t t = 0; t < kWindow; ++t) {
      const std::size_t at = column * hop + t;
      z[t] = at < samples.size() ? hann[t] * samples[at] : 0.0f;
    }
    fft.forward(z.data());
    for (std::size_t band = 0; band < bands; ++band) {
      // The lowest triangles are narrower than a bin: each has at least the bin nearest to its middle.
      const double low = std::min(edges[band], edges[band + 1] - 1),
                   high = std::max(edges[band + 2], edges[band + 1] + 1), middle = edges[band + 1];
      double sum = 0;
      for (std::size_t k = static_cast<std::size_t>(std::max(0.0, std::ceil(low)));
           k < bins && static_cast<double>(k) < high; ++k) {
        const double place = static_cast<double>(k);
        const double weight =
            place <= middle ? (place - low) / (middle - low) : (high - place) / (high - middle);
        sum += std::max(0.0, weight) * static_cast<double>(std::norm(z[k]));
      }
      power[column * bands + band] = sum;
    }
  }
  const double most = *std::max_element(power.begin(), power.end());
  result.levels.assign(power.size(), 0);
  if (!(most > 0)) return result;
  for (std::size_t i = 0; i < power.size(); ++i) {
    const double db = 10 * std::log10(std::max(power[i] / most, 1e-12));
    result.levels[i] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(1 - db / kFloorDb, 0.0, 1.0)));
  }
  return result;
}

std::string indexed_png(int width, int height, std::span<const std::uint8_t> pixels,
                        std::span<const std::uint8_t> palette) {
  if (width <= 0 || height <= 0 || palette.size() > 768 || palette.size() % 3 != 0 ||
      pixels.size() != static_cast<std::size_t>(width) * static_cast<std::size_t>(height))
    throw internal_error("a picture has other sizes than it says", "indexed_png");
  std::string rows;
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    rows += '\0';  // no filter
    for (const std::uint8_t pixel :
         pixels.subspan(y * static_cast<std::size_t>(width), static_cast<std::size_t>(width)))
      rows += static_cast<char>(pixel);
  }
  std::string header;
  put_big_endian(header, static_cast<std::uint32_t>(width));
  put_big_endian(header, static_cast<std::uint32_t>(height));
  header += std::string("\x08\x03\x00\x00\x00", 5);  // 8 bits, palette
  std::string out = "\x89PNG\r\n\x1a\n";
  put_chunk(out, "IHDR", header);
  put_chunk(out, "PLTE", std::string(palette.begin(), palette.end()));
  put_chunk(out, "IDAT", stored_zlib(rows));
  put_chunk(out, "IEND", "");
  return out;
}

std::string spectrogram_png(std::span<const float> samples, int rate_hz) {
  const Spectrogram seen = spectrogram_of(samples, rate_hz);
  std::vector<std::uint8_t> pixels;
  for (int band = seen.bands - 1; band >= 0; --band)
    for (int column = 0; column < seen.columns; ++column)
      pixels.push_back(seen.levels[static_cast<std::size_t>(column * seen.bands + band)]);
  return indexed_png(seen.columns, seen.bands, pixels, heat_palette());
}

}  // namespace af2
