// The room of a scene: an impulse response, how long it rings, and sounds in it (docs/spec/data.md
// section 5).
//
// Not a model of rooms (image sources and the like). Thread rule: free functions; a Room is constant.
//
//   const Room room = read_room("hall.wav", 16000);     // room.rt60: seconds, by Schroeder's integration
//   std::vector<float> wet = in_room(dry, room);         // as long as dry, and the tail
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "af2/core/random.h"

namespace af2 {

struct Room {
  std::string name;
  // The response from its direct sound on, of energy 1, cut where it is 60 dB under its peak for good.
  std::vector<float> response;
  double rt60 = 0;  // seconds
};

// Seconds in which the sound of a response falls by 60 dB: Schroeder's backward integral, a straight line
// through it from -5 to -35 dB (-25 where the response has no more), extended. nullopt: it never falls by
// 25 dB, or its noise hides the fall.
std::optional<double> reverberation_time(std::span<const float> response, int rate_hz);

// Any sound file. Throws kData: unreadable, silent, no reverberation time.
Room read_room(const std::filesystem::path& path, int rate_hz);
// Noise that dies away with `rt60` behind a direct sound `direct_db` above it; the room's rt60 is what is
// measured of it.
Room noise_room(double rt60, double direct_db, int rate_hz, Random& rng);
// The sound files of a folder, sorted. Throws kData where there is none.
std::vector<std::filesystem::path> rooms_in(const std::filesystem::path& folder);

// The whole convolution: dry.size() + response.size() - 1 samples.
std::vector<float> in_room(std::span<const float> dry, const Room& room);

}  // namespace af2
