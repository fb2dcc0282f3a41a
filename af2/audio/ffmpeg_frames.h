// FFmpeg's frames as floats, and what is known of its containers and codecs. Internal to af2/audio.
#pragma once

#ifdef AF2_WITH_FFMPEG

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

#include <vector>

namespace af2::audio_internal {

// Samples of any FFmpeg format to interleaved floats. Returns the largest value of the format, 0 when the
// format is unknown.
float to_floats(const AVFrame& frame, int channels, std::vector<float>& out);

// Seeking that lands on exact timestamps; other containers are read from the start.
bool seeks_exactly(const AVFormatContext& format, AVCodecID codec);

// Codecs whose decoder forgets its past within the pre-roll: packets before it need not be decoded.
bool forgets(AVCodecID codec);

}  // namespace af2::audio_internal

#endif  // AF2_WITH_FFMPEG
